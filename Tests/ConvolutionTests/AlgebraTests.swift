import Convolution
import Tensors
import Testing

/// What must hold of convolution whatever the numbers: with small integers, bit for bit.
@Suite struct AlgebraTests {
  private static func integers(_ shape: Shape, _ generator: inout SeededGenerator) -> Tensor<Float> {
    Tensor((0..<shape.count).map { _ in Float(Int.random(in: -9...9, using: &generator)) }, shape: shape)
  }

  private static func kernel(_ rows: Int, _ columns: Int, _ generator: inout SeededGenerator) throws -> Kernel
  {
    try Kernel(
      rows: rows, columns: columns,
      coefficients: (0..<rows * columns).map { _ in Double(Int.random(in: -5...5, using: &generator)) })
  }

  private static func asTensor(_ kernel: Kernel) -> Tensor<Float> {
    Tensor(kernel.coefficients.map { Float($0) }, shape: [kernel.rows, kernel.columns])
  }

  private static func asKernel(_ tensor: Tensor<Float>) throws -> Kernel {
    try Kernel(
      rows: tensor.shape[0], columns: tensor.shape[1], coefficients: tensor.scalars.map { Double($0) })
  }

  static let seeds = Array(UInt64(0)..<40)

  private static func sizes(_ generator: inout SeededGenerator) -> [Int] {
    (0..<6).map { _ in Int.random(in: 1...9, using: &generator) }
  }

  @Test(arguments: seeds)
  func commutative(seed: UInt64) throws {
    var g = SeededGenerator(seed: seed)
    let s = Self.sizes(&g)
    let (a, b) = (try Self.kernel(s[0], s[1], &g), try Self.kernel(s[2], s[3], &g))
    #expect(
      try convolve2d(Self.asTensor(a), kernel: b, mode: .full)
        == convolve2d(Self.asTensor(b), kernel: a, mode: .full))
  }

  @Test(arguments: seeds)
  func associative(seed: UInt64) throws {
    var g = SeededGenerator(seed: seed)
    let s = Self.sizes(&g)
    let x = Self.integers([s[4] + 9, s[5] + 9], &g)
    let (a, b) = (try Self.kernel(s[0], s[1], &g), try Self.kernel(s[2], s[3], &g))
    let ab = try Self.asKernel(convolve2d(Self.asTensor(a), kernel: b, mode: .full))
    let stepwise = try convolve2d(convolve2d(x, kernel: a, mode: .full), kernel: b, mode: .full)
    #expect(try convolve2d(x, kernel: ab, mode: .full) == stepwise)
    #expect(ab.coefficients == a.composed(with: b).coefficients)
  }

  @Test(arguments: seeds)
  func distributive(seed: UInt64) throws {
    var g = SeededGenerator(seed: seed)
    let s = Self.sizes(&g)
    let (x, y) = (Self.integers([3, 11, s[4]], &g), Self.integers([3, 11, s[4]], &g))
    let k = try Self.kernel(s[0], s[1], &g)
    func sum(_ a: Tensor<Float>, _ b: Tensor<Float>) -> Tensor<Float> {
      Tensor(zip(a.scalars, b.scalars).map { $0 + $1 }, shape: a.shape)
    }
    let apart = sum(try convolve2d(x, kernel: k), try convolve2d(y, kernel: k))
    #expect(try convolve2d(sum(x, y), kernel: k) == apart)
  }

  @Test(arguments: ConvolutionMode.allCases)
  func identity(mode: ConvolutionMode) throws {
    var g = SeededGenerator(seed: 1)
    let x = Self.integers([2, 5, 6], &g)
    #expect(try convolve2d(x, kernel: Kernel(rows: 1, columns: 1, coefficients: [1]), mode: mode) == x)
    let centred = try Kernel(rows: 3, columns: 3, coefficients: [0, 0, 0, 0, 1, 0, 0, 0, 0])
    #expect(try convolve2d(x, kernel: centred) == x)
  }

  @Test(arguments: seeds)
  func separable(seed: UInt64) throws {
    var g = SeededGenerator(seed: seed)
    let s = Self.sizes(&g)
    let x = Self.integers([17, 19], &g)
    let (column, row) = (try Self.kernel(s[0], 1, &g), try Self.kernel(1, s[1], &g))
    let stepwise = try convolve2d(convolve2d(x, kernel: column, mode: .full), kernel: row, mode: .full)
    // A plan may split the product otherwise than it was made, so the bits may differ, within its bound.
    let product = column.composed(with: row)
    let layout = SampleLayout(height: 17, width: 19, channels: 1, type: .float32)
    let together = try convolve2d(x, kernel: product, mode: .full)
    let bound = LinearPlan(product, errorBudget: 0, layout: layout).errorBound * 9
    #expect(zip(together.scalars, stepwise.scalars).allSatisfy { Double(abs($0 - $1)) <= bound })
  }

  @Test(arguments: seeds)
  func convolutionIsCorrelationWithTheFlip(seed: UInt64) throws {
    var g = SeededGenerator(seed: seed)
    let s = Self.sizes(&g)
    let x = Self.integers([12, 14], &g)
    let k = try Self.kernel(s[0], s[1], &g)
    for mode in ConvolutionMode.allCases {
      #expect(try convolve2d(x, kernel: k, mode: mode) == correlate2d(x, kernel: k.flipped(), mode: mode))
    }
    #expect(k.flipped().flipped() == k)
  }

  @Test func shapesOfTheModes() throws {
    var g = SeededGenerator(seed: 2)
    let k = try Self.kernel(4, 3, &g)
    let x = Self.integers([2, 7, 9], &g)
    #expect(try convolve2d(x, kernel: k, mode: .full).shape == [2, 10, 11])
    #expect(try convolve2d(x, kernel: k, mode: .same).shape == [2, 7, 9])
    #expect(try convolve2d(x, kernel: k, mode: .valid).shape == [2, 4, 7])
    #expect(try convolve2d(Tensor(zeros: [0, 7, 9]), kernel: k, mode: .valid).shape == [0, 4, 7])
    #expect(throws: GeometryError.self) {
      try convolve2d(Self.integers([3, 9], &g), kernel: k, mode: .valid)
    }
    #expect(throws: GeometryError.self) { try convolve2d(Tensor(zeros: [5]), kernel: k) }
  }
}
