import Foundation
import Fourier
import Tensors
import Testing

@Suite struct TransformTests {
  /// The definition, along the axis of a matrix or line.
  static func definition(_ x: ComplexTensor<Double>, axis: Int) -> ComplexTensor<Double> {
    let (shape, count) = (x.shape, x.shape[axis])
    let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
    let (xr, xi) = (x.real.scalars, x.imaginary.scalars)
    var (re, im) = (xr, xi)
    let roots = (0..<count).map { k in
      let angle = 2 * Double.pi * Double(k) / Double(count)
      return (cos(angle), sin(angle))
    }
    for i in xr.indices {
      let k = i / inner % count
      let first = i - k * inner
      var (a, b) = (0.0, 0.0)
      for n in 0..<count {
        let (c, s) = roots[k * n % count]
        let (r, m) = (xr[first + n * inner], xi[first + n * inner])
        a += r * c + m * s
        b += m * c - r * s
      }
      (re[i], im[i]) = (a, b)
    }
    return ComplexTensor(real: Tensor(re, shape: shape), imaginary: Tensor(im, shape: shape))
  }

  /// The root mean square of a difference, as a part of that of the expected.
  static func error<A: FourierScalar>(_ a: ComplexTensor<A>, _ b: ComplexTensor<Double>) -> Double {
    var (difference, size) = (0.0, 0.0)
    for (x, y) in zip(a.real.scalars + a.imaginary.scalars, b.real.scalars + b.imaginary.scalars) {
      difference += (Double(x) - y) * (Double(x) - y)
      size += y * y
    }
    return (difference / max(size, 1e-300)).squareRoot()
  }

  static func random(_ shape: Shape, _ g: inout SeededGenerator) -> ComplexTensor<Double> {
    // Numbers that float32 holds, so that both precisions transform the same.
    func part() -> Tensor<Double> {
      Tensor(Tensor<Float>.randomNormal(shape: shape, using: &g).scalars.map(Double.init), shape: shape)
    }
    return ComplexTensor(real: part(), imaginary: part())
  }

  static func rounded(_ x: ComplexTensor<Double>) -> ComplexTensor<Float> {
    func part(_ x: Tensor<Double>) -> Tensor<Float> { Tensor(x.scalars.map(Float.init), shape: x.shape) }
    return ComplexTensor(real: part(x.real), imaginary: part(x.imaginary))
  }

  /// What a transform may be off: Bluestein's three transforms of twice the length and more are the worst of them. Errors of
  /// rounding grow as the square root of the number of passes.
  static func bound(_ count: Int, _ epsilon: Double) -> Double {
    3 * epsilon * max(1, log2(Double(count))).squareRoot()
  }

  /// Every length from 1 to 2050 and awkward large ones, three elements of SciPy's transform of each; those above 200 in turns
  /// of 31, which debug builds take two minutes for, without `CONVOLVE_ALL_LENGTHS=1`.
  @Test func everyLengthIsSciPys() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
      path: "Vectors/scipy.f64")
    let rows = try Data(contentsOf: file).withUnsafeBytes { Array($0.bindMemory(to: Double.self)) }
    #expect(rows.count == 10 * 2060)
    let isComplete = ProcessInfo.processInfo.environment["CONVOLVE_ALL_LENGTHS"] != nil
    for row in stride(from: 0, to: rows.count, by: 10) {
      let count = Int(rows[row])
      if !isComplete, count > 200, count % 31 != 0 || count > 20000 { continue }
      let places = (0..<count).map(Double.init)
      let re: [Double] = places.map { sin($0 * $0 / 7) }
      let im: [Double] = places.map { n -> Double in cos(3 * n + n * n / 11) }
      let x = ComplexTensor(real: Tensor(re, shape: [count]), imaginary: Tensor(im, shape: [count]))
      let y = try fft(x)
      let z = try fft(Self.rounded(x))
      // Elements are about sqrt(count); SciPy's own error and that of sin's argument are in the bound of float64.
      let size = Double(count).squareRoot()
      let exact = 1e-13 * size * log2(Double(count) + 2)
      let single = 4 * size * Self.bound(count, 0x1p-24)
      for i in stride(from: row + 1, to: row + 10, by: 3) {
        let k = Int(rows[i])
        for (value, expected) in [(y.real[k], rows[i + 1]), (y.imaginary[k], rows[i + 2])] {
          #expect(abs(value - expected) <= exact, "length \(count), element \(k)")
        }
        for (value, expected) in [(z.real[k], rows[i + 1]), (z.imaginary[k], rows[i + 2])] {
          #expect(abs(Double(value) - expected) <= single, "length \(count), element \(k)")
        }
      }
    }
  }

  /// Lines that are rows, columns and scattered, more and fewer than lanes; every axis; against the definition.
  @Test func everyAxisOfEveryLayoutFollowsTheDefinition() throws {
    var g = SeededGenerator(seed: 1)
    for count in [1, 2, 3, 5, 7, 8, 12, 13, 16, 17, 30, 31, 64, 97, 143] {
      for shape: Shape in [
        [count], [count, 3], [5, count], [count, 40], [2, count, 21], [33, count], [3, count, 16],
      ] {
        let axis = shape.dimensions.lastIndex(of: count)!
        let x = Self.random(shape, &g)
        let expected = Self.definition(x, axis: axis)
        let y = try fft(Self.rounded(x), axes: [axis])
        #expect(Self.error(y, expected) <= Self.bound(count, 0x1p-24), "\(shape) along \(axis)")
        #expect(Self.error(try fft(x, axes: [axis]), expected) <= 1e-14, "\(shape) along \(axis)")
        let back = try ifft(y, axes: [axis])
        #expect(Self.error(back, x) <= 2 * Self.bound(count, 0x1p-24), "\(shape) along \(axis) and back")
      }
    }
  }

  /// Real transforms are the half of complex ones, and come back, in one to three dimensions.
  @Test func realTransformsAreHalves() throws {
    var g = SeededGenerator(seed: 2)
    for shape: Shape in [
      [1], [2], [9], [64], [1024], [2050], [1023], [1025], [4098], [3, 1, 1], [1, 3001, 1], [4, 6], [37, 64],
      [64, 37], [70, 33], [3, 5, 8],
      [4, 7, 40], [2, 3, 1],
    ] {
      let x = Self.random(shape, &g).real
      let whole = try fft(ComplexTensor(x))
      let half = try rfft(Tensor(x.scalars.map(Float.init), shape: shape))
      let count = shape.dimensions.last!
      let rows = shape.count / count
      func part(_ t: Tensor<Double>) -> Tensor<Double> {
        let scalars = t.scalars
        return Tensor(
          (0..<rows).flatMap { scalars[$0 * count..<$0 * count + count / 2 + 1] }, shape: half.shape)
      }
      let expected = ComplexTensor(real: part(whole.real), imaginary: part(whole.imaginary))
      #expect(Self.error(half, expected) <= Self.bound(shape.count, 0x1p-24), "\(shape)")
      let back = try irfft(half, count: count)
      #expect(
        Self.error(ComplexTensor(back), ComplexTensor(x)) <= 2 * Self.bound(shape.count, 0x1p-24), "\(shape)")
      let exact = try irfft(try rfft(x), count: count)
      #expect(Self.error(ComplexTensor(exact), ComplexTensor(x)) <= 1e-14, "\(shape)")
    }
  }

  /// Parseval's sum, the shift theorem and the convolution theorem.
  @Test func theoremsHold() throws {
    var g = SeededGenerator(seed: 3)
    for count in [6, 35, 64, 101, 1000, 1013, 4096] {
      let (x, h) = (Self.random([count], &g), Self.random([count], &g))
      let (a, b) = (try fft(x), try fft(h))
      func energy(_ z: ComplexTensor<Double>) -> Double {
        z.real.scalars.reduce(0) { $0 + $1 * $1 } + z.imaginary.scalars.reduce(0) { $0 + $1 * $1 }
      }
      #expect(abs(energy(a) / Double(count) / energy(x) - 1) < 1e-13)
      let shift = count / 3
      func turned(_ t: Tensor<Double>) -> Tensor<Double> {
        let s = t.scalars
        return Tensor((0..<count).map { s[($0 + count - shift) % count] }, shape: [count])
      }
      let phases = ComplexTensor<Double>(
        real: Tensor(
          (0..<count).map { cos(2 * .pi * Double($0 * shift % count) / Double(count)) }, shape: [count]),
        imaginary: Tensor(
          (0..<count).map { -sin(2 * .pi * Double($0 * shift % count) / Double(count)) }, shape: [count]))
      let shifted = try fft(ComplexTensor(real: turned(x.real), imaginary: turned(x.imaginary)))
      #expect(Self.error(shifted, a * phases) < 1e-13)
      guard count <= 101 else { continue }
      var (re, im) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
      for n in 0..<count {
        for m in 0..<count {
          let k = (n - m + count) % count
          re[n] += x.real[m] * h.real[k] - x.imaginary[m] * h.imaginary[k]
          im[n] += x.real[m] * h.imaginary[k] + x.imaginary[m] * h.real[k]
        }
      }
      let circular = ComplexTensor(real: Tensor(re, shape: [count]), imaginary: Tensor(im, shape: [count]))
      #expect(Self.error(try ifft(a * b), circular) < 1e-13)
    }
  }

  @Test func cosineTransformsFollowTheDefinition() throws {
    var g = SeededGenerator(seed: 4)
    for count in [1, 2, 3, 8, 9, 16, 31] {
      let x = Self.random([3, count, 2], &g).real
      let y = try dct(x, axis: 1)
      for line in 0..<3 {
        for inner in 0..<2 {
          for k in 0..<count {
            let sum = (0..<count).reduce(0.0) {
              $0 + 2 * x[line, $1, inner] * cos(.pi * Double(k * (2 * $1 + 1)) / Double(2 * count))
            }
            #expect(abs(sum - y[line, k, inner]) < 1e-12)
          }
        }
      }
      let back = try inverseDCT(y, axis: 1)
      let orthonormal = try dct(x, axis: 1, isOrthonormal: true)
      let returned = try inverseDCT(orthonormal, axis: 1, isOrthonormal: true)
      for (i, value) in x.scalars.enumerated() {
        #expect(abs(back.scalars[i] / Double(2 * count) - value) < 1e-12)
        #expect(abs(returned.scalars[i] - value) < 1e-12)
      }
      let energy = orthonormal.scalars.reduce(0) { $0 + $1 * $1 }
      #expect(abs(energy / x.scalars.reduce(0) { $0 + $1 * $1 } - 1) < 1e-12)
    }
  }

  @Test func frequenciesAndShiftsAreNumPys() {
    #expect(fftFrequencies(5) as [Double] == [0, 0.2, 0.4, -0.4, -0.2])
    #expect(fftFrequencies(4, spacing: 0.5) as [Double] == [0, 0.5, -1, -0.5])
    #expect(rfftFrequencies(5) as [Double] == [0, 0.2, 0.4])
    let x = Tensor<Float>([0, 1, 2, 3, 4], shape: [5])
    #expect(x.fftShifted().scalars == [3, 4, 0, 1, 2])
    #expect(x.fftShifted().inverseFFTShifted() == x)
    let m = Tensor<Float>([0, 1, 2, 3, 4, 5], shape: [2, 3])
    #expect(m.fftShifted().scalars == [5, 3, 4, 2, 0, 1])
    #expect(m.fftShifted(axes: [1]).inverseFFTShifted(axes: [1]) == m)
  }

  @Test func inPlaceIsTheSame() throws {
    var g = SeededGenerator(seed: 6)
    let x = Self.rounded(Self.random([5, 12, 33], &g))
    var y = x
    try y.formFFT(axes: [0, 2])
    #expect(try y == fft(x, axes: [0, 2]))
    try y.formInverseFFT(axes: [2, 0])
    #expect(zip(y.real.scalars, x.real.scalars).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test func nonsenseIsNamed() throws {
    let x = ComplexTensor(Tensor<Float>(zeros: [3, 0]))
    #expect(throws: FourierError.self) { try fft(x) }
    #expect(throws: FourierError.self) { try fft(x, axes: [2]) }
    #expect(throws: FourierError.self) { try fft(ComplexTensor(Tensor<Float>(zeros: [4])), axes: [0, -1]) }
    let error = #expect(throws: FourierError.self) {
      try irfft(ComplexTensor(Tensor<Float>(zeros: [5])), count: 11)
    }
    #expect(error?.description.contains("11") == true)
    #expect(try fft(x, axes: [0]).shape == [3, 0])
  }
}
