import Tensors

/// A transform of one long sequence: columns and rows of a matrix, so that vectors are full and threads share the work, or
/// Bluestein's convolution of such transforms.
///
/// - Source: Bailey (1990), "FFTs in external or hierarchical memory".
final class LinePlan<Scalar: FourierScalar>: Sendable {
  private enum Kind {
    /// The matrix's sizes and the twiddles between its axes.
    case matrix(Int, Int, twiddles: ComplexTensor<Scalar>)
    /// A longer plan, the chirp, and the spectrum of its conjugate.
    case chirp(LinePlan, length: Int, chirp: ComplexTensor<Scalar>, spectrum: ComplexTensor<Scalar>)
    case lanes
  }

  private let kind: Kind
  private let count: Int

  /// Shorter sequences take one lane of sixteen.
  static var shortest: Int { 512 }

  init(_ count: Int) {
    self.count = count
    if count < Self.shortest {
      kind = .lanes
    } else if let (rows, columns) = balancedFactors(of: count) {
      var (re, im) = ([Scalar](), [Scalar]())
      re.reserveCapacity(count)
      im.reserveCapacity(count)
      for k in 0..<rows {
        for j in 0..<columns {
          let (c, s) = unitRoot(k * j, count)
          re.append(Scalar(c))
          im.append(Scalar(-s))
        }
      }
      kind = .matrix(
        rows, columns,
        twiddles: ComplexTensor(real: Tensor(re, shape: [count]), imaginary: Tensor(im, shape: [count])))
    } else {
      let length = fastLength(atLeast: 2 * count - 1)
      let (re, im) = conjugateChirp(count, length: length)
      func rounded(_ x: some Sequence<Double>, _ n: Int) -> Tensor<Scalar> {
        Tensor(x.map { Scalar($0) }, shape: [n])
      }
      let chirp = ComplexTensor(
        real: rounded(re[..<count], count), imaginary: rounded(im[..<count].map { -$0 }, count))
      var spectrum = ComplexTensor(real: Tensor(re, shape: [length]), imaginary: Tensor(im, shape: [length]))
      (Plans.line(length) as LinePlan<Double>).run(&spectrum, inverse: false, scale: 1 / Double(length))
      kind = .chirp(
        Plans.line(length), length: length, chirp: chirp,
        spectrum: ComplexTensor(
          real: rounded(spectrum.real.scalars, length), imaginary: rounded(spectrum.imaginary.scalars, length)
        ))
    }
  }

  func run(_ z: inout ComplexTensor<Scalar>, inverse: Bool, scale: Scalar) {
    let length = z.shape.count
    z.real.withUnsafeMutableBufferPointer { re in
      z.imaginary.withUnsafeMutableBufferPointer { im in
        precondition(length == count)
        inverse
          ? run(im.baseAddress!, re.baseAddress!, scale: scale)
          : run(re.baseAddress!, im.baseAddress!, scale: scale)
      }
    }
  }

  /// In place.
  func run(_ re: UnsafeMutablePointer<Scalar>, _ im: UnsafeMutablePointer<Scalar>, scale: Scalar) {
    switch kind {
    case .lanes:
      let access = (LineAccess(re, inner: 1, count: count), LineAccess(im, inner: 1, count: count))
      AxisTransforms(count: count, lines: 1).complex(access, into: access, scale: scale)
    case .matrix(let rows, let columns, let twiddles):
      withRoom(2 * count) { room in
        let (tr, ti) = (room, room + count)
        AxisTransforms(count: rows, lines: columns).complex(
          (LineAccess(re, inner: columns, count: rows), LineAccess(im, inner: columns, count: rows)),
          into: (LineAccess(tr, inner: columns, count: rows), LineAccess(ti, inner: columns, count: rows)),
          scale: 1)
        multiply((tr, ti), by: twiddles, count: count)
        AxisTransforms(count: columns, lines: rows).complex(
          (LineAccess(tr, inner: 1, count: columns), LineAccess(ti, inner: 1, count: columns)),
          into: (LineAccess(re, inner: rows, count: columns), LineAccess(im, inner: rows, count: columns)),
          scale: scale)
      }
    case .chirp(let inner, let length, let chirp, let spectrum):
      withRoom(2 * length) { room in
        let (ar, ai) = (room, room + length)
        ar.update(from: re, count: count)
        ai.update(from: im, count: count)
        (ar + count).update(repeating: 0, count: length - count)
        (ai + count).update(repeating: 0, count: length - count)
        multiply((ar, ai), by: chirp, count: count)
        inner.run(ar, ai, scale: 1)
        multiply((ar, ai), by: spectrum, count: length)
        inner.run(ai, ar, scale: scale)
        multiply((ar, ai), by: chirp, count: count)
        re.update(from: ar, count: count)
        im.update(from: ai, count: count)
      }
    }
  }

  private func multiply(
    _ x: (UnsafeMutablePointer<Scalar>, UnsafeMutablePointer<Scalar>), by table: ComplexTensor<Scalar>,
    count: Int
  ) {
    let piece = 1 << 14
    table.real.withUnsafeBufferPointer { re in
      table.imaginary.withUnsafeBufferPointer { im in
        ThreadPool.shared.parallelFor((count + piece - 1) / piece) { i in
          let start = i * piece
          Scalar._multiplySpectra(
            (x.0 + start, x.1 + start), (re.baseAddress! + start, im.baseAddress! + start),
            count: min(piece, count - start))
        }
      }
    }
  }

  private func withRoom(_ count: Int, _ body: (UnsafeMutablePointer<Scalar>) -> Void) {
    var room = Tensor<Scalar>(unsafeUninitializedShape: [count + 64]) { _ in }
    room.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
  }
}
