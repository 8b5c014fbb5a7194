import Convolution
import Foundation
import TestSupport
import Tensors
import Testing

/// Convolutions and transposed convolutions of every rank, against PyTorch and against each other.
@Suite struct ConvTests {
  private static func integers(_ shape: Shape, _ g: inout SeededGenerator) -> Tensor<Double> {
    Tensor((0..<shape.count).map { _ in Double(Int.random(in: -6...6, using: &g)) }, shape: shape)
  }

  private static func dot(_ a: Tensor<Double>, _ b: Tensor<Double>) -> Double {
    zip(a.scalars, b.scalars).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// Random geometry of any rank, with integer data.
  private struct Sample {
    let x: Tensor<Double>
    let w: Tensor<Double>
    let options: ConvolutionGeometry.Options
    let geometry: ConvolutionGeometry

    init?(_ g: inout SeededGenerator) {
      let rank = Int.random(in: 1...3, using: &g)
      let groups = Int.random(in: 1...3, using: &g)
      let (c, k) = (groups * Int.random(in: 1...3, using: &g), groups * Int.random(in: 1...2, using: &g))
      let sizes = (0..<rank).map { _ in [1, 2, 3, 5, 7, 8].randomElement(using: &g)! }
      let kernel = (0..<rank).map { _ in Int.random(in: 1...4, using: &g) }
      let modes: [PaddingMode] = [.zeros, .constant(2), .reflect, .symmetric, .replicate, .circular]
      let extents: [Padding.Extent] = [
        .valid, .same, .sameLower, .causal, .full,
        .explicit(
          (0..<rank).map { _ in .init(Int.random(in: 0...3, using: &g), Int.random(in: 0...3, using: &g)) }),
      ]
      options = .init(
        stride: (0..<rank).map { _ in Int.random(in: 1...5, using: &g) },
        padding: Padding(extents.randomElement(using: &g)!, mode: modes.randomElement(using: &g)!),
        dilation: (0..<rank).map { _ in Int.random(in: 1...3, using: &g) }, groups: groups)
      x = ConvTests.integers(Shape([Int.random(in: 0...2, using: &g), c] + sizes), &g)
      w = ConvTests.integers(Shape([k, c / groups] + kernel), &g)
      guard let geometry = try? ConvolutionGeometry(input: x.shape, weight: w.shape, options) else {
        return nil
      }
      self.geometry = geometry
    }
  }

  /// <dy, conv(x)> changes by <dx, e> and <dw, e> when x and w change by e: convolution is linear in each, so for
  /// integers the differences are exact.
  @Test func gradientsAreTheDifferences() throws {
    var g = SeededGenerator(seed: 11)
    var count = 0
    while count < 300 {
      guard let s = Sample(&g) else { continue }
      count += 1
      let y = try conv(s.x, weight: s.w, s.options)
      let upstream = Self.integers(y.shape, &g)
      let gradients = try convGradients(upstream: upstream, input: s.x, weight: s.w, s.options)
      let (ex, ew) = (Self.integers(s.x.shape, &g), Self.integers(s.w.shape, &g))
      func sum(_ a: Tensor<Double>, _ b: Tensor<Double>) -> Tensor<Double> {
        Tensor(zip(a.scalars, b.scalars).map { $0 + $1 }, shape: a.shape)
      }
      let base = Self.dot(upstream, y)
      #expect(
        Self.dot(upstream, try conv(sum(s.x, ex), weight: s.w, s.options)) - base
          == Self.dot(gradients.input, ex), "\(s.geometry)")
      #expect(
        Self.dot(upstream, try conv(s.x, weight: sum(s.w, ew), s.options)) - base
          == Self.dot(gradients.weight, ew), "\(s.geometry)")
    }
  }

  /// Transposed convolution is the adjoint: <conv(x), y> = <x, convTranspose(y)>.
  @Test func transposedIsTheAdjoint() throws {
    var g = SeededGenerator(seed: 12)
    var count = 0
    while count < 200 {
      guard let s = Sample(&g), s.options.padding.mode == .zeros else { continue }
      let y = Self.integers(s.geometry.outputShape, &g)
      let (stride, dilation) = (
        s.geometry.stride.suffix(s.geometry.rank), s.geometry.dilation.suffix(s.geometry.rank)
      )
      let amounts = Array(s.geometry.padding.suffix(s.geometry.rank))
      // What the strides left over at the end is output padding.
      let extra = (0..<s.geometry.rank).map { axis in
        let i = 3 - s.geometry.rank + axis
        let reach = s.geometry.dilation[i] * (s.geometry.kernel[i] - 1) + 1
        return s.geometry.input[i]
          - ((s.geometry.output[i] - 1) * s.geometry.stride[i] - s.geometry.padding[i].begin
            - s.geometry.padding[i].end + reach)
      }
      let options = ConvolutionGeometry.Options(
        stride: Array(stride), padding: Padding(.explicit(amounts)), dilation: Array(dilation),
        groups: s.options.groups)
      guard zip(extra, zip(stride, dilation)).allSatisfy({ $0 < max($1.0, $1.1) && $0 >= 0 }) else {
        continue
      }
      count += 1
      let back = try convTranspose(y, weight: s.w, options, outputPadding: extra)
      #expect(Self.dot(try conv(s.x, weight: s.w, options), y) == Self.dot(s.x, back), "\(s.geometry)")
    }
  }

  @Test func lowerRanksAreHigherOnesWithUnitAxes() throws {
    var g = SeededGenerator(seed: 13)
    let x = Self.integers([2, 3, 11], &g)
    let w = Self.integers([4, 3, 3], &g)
    let options = ConvolutionGeometry.Options(stride: [2], padding: .symmetric(1))
    let line = try conv(x, weight: w, options)
    let plane = try conv(
      x.reshaped([2, 3, 1, 11]), weight: w.reshaped([4, 3, 1, 3]),
      .init(stride: [1, 2], padding: Padding(.explicit([.init(0, 0), .init(1, 1)]))))
    #expect(line.scalars == plane.scalars)
    #expect(line.shape == [2, 4, 6])
  }

  @Test func depthwiseKeepsTheChannelsAndIsTheFilter() throws {
    // One 2-D kernel for every channel is what correlate2d does to every plane.
    var g = SeededGenerator(seed: 14)
    let x = Tensor(Self.integers([2, 3, 9, 10], &g).scalars.map { Float($0) }, shape: [2, 3, 9, 10])
    let coefficients = (0..<9).map { _ in Double(Int.random(in: -4...4, using: &g)) }
    let kernel = try Kernel(rows: 3, columns: 3, coefficients: coefficients)
    let weight = Tensor<Float>(
      (0..<3).flatMap { _ in coefficients.map { Float($0) } }, shape: [3, 1, 3, 3])
    for mode in [PaddingMode.zeros, .reflect, .symmetric, .replicate, .circular, .constant(3)] {
      let depthwise = try conv(x, weight: weight, .init(padding: Padding(.same, mode: mode), groups: 3))
      #expect(depthwise == (try correlate2d(x, kernel: kernel, border: mode)), "\(mode)")
    }
  }

  @Test func emptyBatchesWorkAndWrongShapesAreNamed() throws {
    let w = Tensor<Float>(repeating: 1, shape: [4, 3, 3, 3])
    #expect(try conv(Tensor<Float>(zeros: [0, 3, 5, 5]), weight: w).shape == [0, 4, 3, 3])
    let gradients = try convGradients(
      upstream: Tensor<Float>(zeros: [0, 4, 3, 3]), input: Tensor<Float>(zeros: [0, 3, 5, 5]), weight: w)
    #expect(gradients.weight == Tensor(zeros: [4, 3, 3, 3]) && gradients.bias == Tensor(zeros: [4]))
    func message(_ x: Shape, _ w: Shape = [4, 3, 3, 3], _ options: ConvolutionGeometry.Options = .init())
      -> String
    {
      do throws(GeometryError) {
        _ = try ConvolutionGeometry(input: x, weight: w, options)
        return "accepted"
      } catch {
        return error.description
      }
    }
    #expect(message([1, 3, 2, 5]).contains("the smallest input that does is 3"))
    #expect(message([1, 2, 5, 5]).contains("2 input channels do not fit"))
    #expect(message([1, 3, 5]).contains("ranks must be equal"))
    #expect(message([1, 3]).contains("one to three spatial sizes"))
    #expect(message([1, 6, 5, 5], [4, 2, 3, 3], .init(groups: 3)).contains("cannot be split into 3 groups"))
    #expect(message([1, 3, 5, 5], [4, 3, 3, 3], .init(groups: 0)).contains("groups 0"))
    #expect(message([1, 3, 5, 5], [4, 3, 3, 3], .init(stride: [0])).contains("stride 0"))
    #expect(message([1, 3, 5, 5], [4, 3, 3, 3], .init(stride: [1, 1, 1])).contains("3 values of stride"))
    #expect(message([1, 3, 5, 5], [4, 3, 3, 3], .init(dilation: [-1])).contains("dilation -1"))
    #expect(message([1, 3, 5, 5], [4, 3, 3, 3], .init(padding: .symmetric(-1))).contains("padding -1"))
    #expect(
      message([1, 3, 2, 5], [4, 3, 3, 3], .init(padding: Padding(.explicit([.init(2, 2)]), mode: .reflect)))
        .contains("reflect padding 2"))
    #expect(message([1, 3, 1 << 30, 1 << 30]).contains("at most 2^40 elements"))
    #expect(message([1, 3, 0, 5]).contains("input size 0"))
    #expect(throws: GeometryError.self) {
      try conv(Tensor<Float>(zeros: [1, 3, 5, 5]), weight: w, bias: Tensor(zeros: [3]))
    }
  }
}
