import RealModule
import Synchronization
import Tensors

/// The passes of transforms of one length over sixteen lanes, or Bluestein's convolution where a great prime divides it.
///
/// - Source: Cooley and Tukey (1965), decimation in frequency; Bluestein (1970), "A linear filtering approach to the
///   computation of discrete Fourier transform".
final class LanePlan<Scalar: FourierScalar>: Sendable {
  let count: Int
  /// Numbers of working memory, beside source and target.
  let workCount: Int
  private let kind: Kind

  private struct Pass {
    let radix: Int
    let blocks: Int
    let length: Int
    /// Where its twiddles begin, and its roots.
    let twiddles: Int
    let roots: Int
  }

  private enum Kind {
    case passes([Pass], table: Tensor<Scalar>, targets: [Int32])
    /// By a longer transform; the table is the chirp, then the spectrum of its conjugate.
    case chirp(LanePlan, table: Tensor<Scalar>)
  }

  /// Whether the working memory may be the source itself.
  var worksInSource: Bool { if case .passes = kind { true } else { false } }

  init(_ count: Int) {
    precondition(count > 0 && count < 1 << 30, "a transform of \(count) elements")
    self.count = count
    if let radices = radices(of: count) {
      kind = Self.passes(count, radices)
      workCount = 32 * count
    } else {
      let inner = LanePlan(fastLength(atLeast: 2 * count - 1))
      kind = .chirp(inner, table: chirpTable(count, inner: inner.count))
      workCount = 64 * inner.count
    }
  }

  private static func passes(_ count: Int, _ radices: [Int]) -> Kind {
    var (passes, table) = ([Pass](), [Scalar]())
    func append(_ m: Int, of n: Int, sign: Double) {
      // The angle is reduced to an eighth of a turn, where sine and cosine are exact to the last bit.
      let (c, s) = unitRoot(m, n)
      table += [Scalar(c), Scalar(sign * s)]
    }
    var length = count
    for radix in radices.isEmpty ? [1] : radices {
      let blocks = count / length
      length /= radix
      let start = table.count
      if length > 1 {
        for j in 0..<length { for q in 1..<radix { append(j * q, of: radix * length, sign: -1) } }
      }
      let roots = table.count
      for m in 0..<radix { append(m, of: radix, sign: 1) }
      passes.append(Pass(radix: radix, blocks: blocks, length: length, twiddles: start, roots: roots))
    }
    // Block b of the last pass stands for digits of a mixed radix, the most significant first; the frequency has them in
    // the reverse order.
    let last = passes[passes.count - 1]
    let targets = (0..<last.blocks).map { block in
      var (rest, place, frequency) = (block, last.blocks, 0)
      var weight = 1
      for pass in passes.dropLast() {
        place /= pass.radix
        frequency += rest / place * weight
        rest %= place
        weight *= pass.radix
      }
      return Int32(frequency)
    }
    return .passes(passes, table: Tensor(table, shape: [table.count]), targets: targets)
  }

  /// y = transform of x, times the scale.
  /// - Parameters:
  ///   - y: apart from `work`; it may be x.
  ///   - work: of `workCount` numbers; where ``worksInSource``, it may be x, with a step of 32.
  func run(_ x: _Lanes<Scalar>, into y: _Lanes<Scalar>, work: UnsafeMutablePointer<Scalar>, scale: Scalar = 1)
  {
    switch kind {
    case .passes(let passes, let table, let targets):
      let middle = _Lanes(real: work, imaginary: work + 16, step: 32)
      table.withUnsafeBufferPointer { table in
        targets.withUnsafeBufferPointer { targets in
          for (i, pass) in passes.enumerated() {
            let isLast = i == passes.count - 1
            Scalar._pass(
              _FourierPass(
                x: i == 0 ? x : middle, y: isLast ? y : middle, radix: pass.radix, blocks: pass.blocks,
                length: pass.length, twiddles: isLast ? nil : table.baseAddress! + pass.twiddles,
                targets: targets.baseAddress!, targetStep: pass.blocks, scale: scale,
                roots: table.baseAddress! + pass.roots))
          }
        }
      }
    case .chirp(let inner, let table):
      let a = _Lanes(real: work, imaginary: work + 16, step: 32)
      let second = work + 32 * inner.count
      let b = _Lanes(real: second, imaginary: second + 16, step: 32)
      table.withUnsafeBufferPointer { table in
        let chirp = table.baseAddress!
        Scalar._multiply(x, by: chirp, scale: 1, into: a, count: count)
        (work + 32 * count).update(repeating: 0, count: 32 * (inner.count - count))
        inner.run(a, into: b, work: work)
        Scalar._multiply(b, by: chirp + 2 * count, scale: 1, into: b, count: inner.count)
        inner.run(b.swapped, into: a.swapped, work: second)
        Scalar._multiply(a, by: chirp, scale: scale, into: y, count: count)
      }
    }
  }
}

/// cos and sin of 2 pi m / n.
func unitRoot(_ m: Int, _ n: Int) -> (Double, Double) {
  // Eighths of a turn: within the first, both are computed from small angles.
  let (eighth, rest) = (8 * (m % n)).quotientAndRemainder(dividingBy: n)
  let angle = Double.pi * Double(rest) / (4 * Double(n))
  let other = Double.pi * Double(n - rest) / (4 * Double(n))
  return switch eighth {
  case 0: (Double.cos(angle), Double.sin(angle))
  case 1: (Double.sin(other), Double.cos(other))
  case 2: (-Double.sin(angle), Double.cos(angle))
  case 3: (-Double.cos(other), Double.sin(other))
  case 4: (-Double.cos(angle), -Double.sin(angle))
  case 5: (-Double.sin(other), -Double.cos(other))
  case 6: (Double.sin(angle), -Double.cos(angle))
  default: (Double.cos(other), -Double.sin(other))
  }
}

/// e^(-pi i j^2 / count) for each j, then the spectrum of its conjugate, wrapped around `inner`, by `inner`.
private func chirpTable<Scalar: FourierScalar>(_ count: Int, inner: Int) -> Tensor<Scalar> {
  let (re, im) = conjugateChirp(count, length: inner)
  let spectrum = transformLine(re, im)
  var table = (0..<count).flatMap { [Scalar(re[$0]), Scalar(-im[$0])] }
  for k in 0..<inner {
    table += [Scalar(spectrum.0[k] / Double(inner)), Scalar(spectrum.1[k] / Double(inner))]
  }
  return Tensor(table, shape: [table.count])
}

/// e^(pi i j^2 / count) at j and at length - j, for each j, zeros between: Bluestein's kernel.
func conjugateChirp(_ count: Int, length: Int) -> ([Double], [Double]) {
  var (re, im) = ([Double](repeating: 0, count: length), [Double](repeating: 0, count: length))
  for j in 0..<count {
    // j^2 mod 2 count, without overflow of j^2 up to 2^60.
    let root = unitRoot(j * j % (2 * count), 2 * count)
    (re[j], im[j]) = root
    if j > 0 { (re[length - j], im[length - j]) = root }
  }
  return (re, im)
}

/// One transform in float64, of a length with small factors: for tables.
func transformLine(_ re: [Double], _ im: [Double]) -> ([Double], [Double]) {
  let count = re.count
  var x = [Double](repeating: 0, count: 32 * count)
  for e in 0..<count { (x[32 * e], x[32 * e + 16]) = (re[e], im[e]) }
  var y = x
  let plan = Plans.lanes(count) as LanePlan<Double>
  x.withUnsafeMutableBufferPointer { x in
    y.withUnsafeMutableBufferPointer { y in
      plan.run(
        _Lanes(real: x.baseAddress!, imaginary: x.baseAddress! + 16, step: 32),
        into: _Lanes(real: y.baseAddress!, imaginary: y.baseAddress! + 16, step: 32), work: x.baseAddress!)
    }
  }
  return ((0..<count).map { y[32 * $0] }, (0..<count).map { y[32 * $0 + 16] })
}
