import Convolution
import Microkernels
import Tensors
import Testing

/// Every algorithm, by force, against the plain loops in float64.
@Suite struct ConvolutionPlanTests {
  /// A problem that the algorithm has an answer to.
  private static func problem(
    _ algorithm: ConvolutionPlan.Algorithm, _ g: inout SeededGenerator
  ) throws -> (x: Tensor<Float>, w: Tensor<Float>, bias: Tensor<Float>, geometry: ConvolutionGeometry)? {
    let hasOneChannel = algorithm == .depthwise || algorithm == .fourier
    let isWinograd = algorithm.transforms && algorithm != .fourier && algorithm != .strassen
    let rank =
      hasOneChannel
      ? (algorithm == .fourier ? Int.random(in: 1...2, using: &g) : 2)
      : Int.random(in: isWinograd && algorithm != .winograd1d ? 2...3 : 1...3, using: &g)
    let groups =
      hasOneChannel ? Int.random(in: 1...9, using: &g) : [1, 1, 2, 3].randomElement(using: &g)!
    // Strassen's algorithm takes halves of them.
    let even = algorithm == .strassen ? 2 : 1
    let c = hasOneChannel ? groups : groups * even * Int.random(in: 1...(16 / even), using: &g)
    let k = groups * even * Int.random(in: 1...(hasOneChannel ? 3 : 24 / even), using: &g)
    let largest = [300, 40, 9][rank - 1]
    var sizes = (0..<rank).map { _ in Int.random(in: 1...largest, using: &g) }
    // Rows of more tiles than a block has.
    if algorithm.transforms, rank == 2, Int.random(in: 0..<5, using: &g) == 0 {
      sizes = [Int.random(in: 1...9, using: &g), Int.random(in: 130...420, using: &g)]
    }
    let modes: [PaddingMode] =
      algorithm == .scatter ? [.zeros] : [.zeros, .constant(2), .reflect, .symmetric, .replicate, .circular]
    var options = ConvolutionGeometry.Options(
      padding: Padding(
        .explicit(
          (0..<rank).map { _ in .init(Int.random(in: 0...3, using: &g), Int.random(in: 0...3, using: &g)) }),
        mode: modes.randomElement(using: &g)!), groups: groups)
    // The transform's own, or one of several pieces.
    var kernel = Array(([Int.random(in: 1...3, using: &g)] + Self.kernel(algorithm)).suffix(rank))
    if algorithm == .fourier {
      kernel = (0..<rank).map { _ in Int.random(in: 1...(rank == 1 ? 200 : 30), using: &g) }
      options.dilation = (0..<rank).map { _ in Int.random(in: 1...2, using: &g) }
    } else if isWinograd {
      if algorithm == .winograd4s2 {
        options.stride = ([Int.random(in: 1...3, using: &g), 2, 2]).suffix(rank)
      } else if Bool.random(using: &g) {
        for axis in kernel.indices where kernel[axis] > 2 { kernel[axis] += Int.random(in: 0...4, using: &g) }
      }
      if algorithm != .winograd4s2, Bool.random(using: &g) {
        options.stride = (0..<rank).map { _ in Int.random(in: 1...4, using: &g) }
        for axis in kernel.indices where kernel[axis] > 2 {
          kernel[axis] = max(kernel[axis], 2 * options.stride[axis])
        }
      }
    } else {
      kernel = (0..<rank).map { _ in Int.random(in: 1...5, using: &g) }
      if algorithm != .scatter { options.stride = (0..<rank).map { _ in Int.random(in: 1...3, using: &g) } }
      if algorithm == .depthwise, Bool.random(using: &g) {
        kernel[0] = [3, 5].randomElement(using: &g)!
        options.stride = [Int.random(in: 1...2, using: &g)]
      }
      if algorithm != .depthwise {
        options.dilation = (0..<rank).map { _ in Int.random(in: 1...2, using: &g) }
      }
    }
    let x = Tensor<Float>.randomNormal(
      shape: Shape([Int.random(in: 0...5, using: &g), c] + sizes), using: &g)
    let w = Tensor<Float>.randomNormal(shape: Shape([k, c / groups] + kernel), using: &g)
    guard let geometry = try? ConvolutionGeometry(input: x.shape, weight: w.shape, options) else {
      return nil
    }
    return (x, w, .randomNormal(shape: [k], using: &g), geometry)
  }

  /// The kernel that an algorithm's transforms are for.
  private static func kernel(_ algorithm: ConvolutionPlan.Algorithm) -> [Int] {
    algorithm == .winograd1d ? [1, 3] : algorithm == .winograd5 ? [5, 5] : [3, 3]
  }

  private static func double(_ t: Tensor<Float>) -> Tensor<Double> {
    Tensor(t.scalars.map(Double.init), shape: t.shape)
  }

  private static func options(_ g: ConvolutionGeometry) -> ConvolutionGeometry.Options {
    .init(
      stride: Array(g.stride.suffix(g.rank)),
      padding: Padding(.explicit(Array(g.padding.suffix(g.rank))), mode: g.mode),
      dilation: Array(g.dilation.suffix(g.rank)), groups: g.groups)
  }

  /// An output is a sum of n products of normal numbers, of deviation sqrt(n), rounded n times to 2^-24 of at most
  /// about that: direct summation stays below 8 * 2^-24 * sqrt(n) * sqrt(n). Winograd's transforms multiply rounding
  /// by some units: 5 times as much is allowed. The baseline rounds products before it adds them: twice as often.
  @Test(arguments: ConvolutionPlan.Algorithm.allCases)
  func everyAlgorithmIsTheDefinition(algorithm: ConvolutionPlan.Algorithm) throws {
    var g = SeededGenerator(seed: 7)
    var count = 0
    while count < 80 {
      guard let (x, w, bias, geometry) = try Self.problem(algorithm, &g) else { continue }
      count += 1
      let plan = try ConvolutionPlan(geometry, weight: w, bias: bias, options: .init(algorithm: algorithm))
      let y = try plan(x)
      let reference = try conv(
        Self.double(x), weight: Self.double(w), bias: Self.double(bias), Self.options(geometry))
      #expect(y.shape == reference.shape)
      let products = Double(w.shape.dimensions[1...].reduce(1, *)) + 1
      let magnitude = products.squareRoot() * (geometry.mode == .constant(2) ? 3 : 1)
      let bound =
        8 * 0x1p-24 * products.squareRoot() * magnitude * (algorithm.transforms ? 5 : 1)
        * (Microkernels().instructionSet == .baseline ? 2 : 1)
      let worst = zip(y.scalars, reference.scalars).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
      #expect(worst <= bound, "\(geometry): \(worst) > \(bound)")
    }
  }

  /// Single weights of many output channels: samples are turned round, in several passes where they are deep. Bounds as above.
  @Test func singleWeightsAreTheDefinition() throws {
    var g = SeededGenerator(seed: 21)
    for round in 0..<24 {
      let channels = Int.random(in: 1...(round % 3 == 0 ? 900 : 40), using: &g)
      let rows = Int.random(in: 64...90, using: &g)
      let isTransposed = round % 4 == 3
      let size = isTransposed ? 2 : 1
      let sides = (0..<2).map { _ in Int.random(in: 2...15, using: &g) }
      let options = ConvolutionGeometry.Options(
        stride: [isTransposed ? 2 : Int.random(in: 1...3, using: &g)],
        padding: .symmetric(Int.random(in: 0...(isTransposed ? 0 : 2), using: &g)))
      let x = Tensor<Float>.randomNormal(shape: Shape([2, channels] + sides), using: &g)
      let bias = Tensor<Float>.randomNormal(shape: [rows], using: &g)
      let (y, reference): (Tensor<Float>, Tensor<Double>)
      if isTransposed {
        let w = Tensor<Float>.randomNormal(shape: [channels, rows, size, size], using: &g)
        let geometry = try ConvolutionGeometry(transposedInput: x.shape, weight: w.shape, options)
        y = try ConvolutionPlan(
          transposing: geometry, weight: w, bias: bias, options: .init(algorithm: .direct))(x)
        reference = try convTranspose(
          Self.double(x), weight: Self.double(w), bias: Self.double(bias), options)
      } else {
        let w = Tensor<Float>.randomNormal(shape: [rows, channels, size, size], using: &g)
        let geometry = try ConvolutionGeometry(input: x.shape, weight: w.shape, options)
        y = try ConvolutionPlan(geometry, weight: w, bias: bias, options: .init(algorithm: .direct))(x)
        reference = try conv(Self.double(x), weight: Self.double(w), bias: Self.double(bias), options)
      }
      #expect(y.shape == reference.shape)
      let worst = zip(y.scalars, reference.scalars).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
      let bound = 8 * 0x1p-24 * Double(channels + 1)
      #expect(
        worst <= bound * (Microkernels().instructionSet == .baseline ? 2 : 1),
        "\(x.shape) \(options): \(worst)"
      )
    }
  }

  /// Over normal inputs, and over inputs as after a ReLU: every algorithm keeps the budget that it declares, with the
  /// root of the mean square error against float64 in units of that of the definition summed in float32.
  @Test(
    arguments: [
      (3, [3, 3]), (48, [3, 3]), (64, [3, 3]), (200, [3, 3]), (3, [5, 5]), (64, [5, 5]), (3, [1, 3]),
      (64, [1, 3]), (3, [7, 7]), (32, [7, 7]), (64, [1, 7]), (3, [4, 6]), (2, [1, 1]), (24, [1, 1]),
      (512, [1, 1]),
    ], [(false, 1), (true, 1), (false, 2), (true, 3)])
  func declaredBudgetsAreKept(
    problem: (channels: Int, kernel: [Int]), samples: (isPositive: Bool, stride: Int)
  ) throws {
    let (channels, kernel) = problem
    var g = SeededGenerator(seed: UInt64(channels))
    var x = Tensor<Float>.randomNormal(shape: [1, channels, 29, 34], using: &g)
    if samples.isPositive { x = Activation.relu(x) }
    let w = Tensor<Float>.randomNormal(shape: [24, channels, kernel[0], kernel[1]], using: &g)
    let options = ConvolutionGeometry.Options(stride: [samples.stride], padding: .symmetric(1))
    let geometry = try ConvolutionGeometry(input: x.shape, weight: w.shape, options)
    let reference = try conv(Self.double(x), weight: Self.double(w), options).scalars
    func error(_ algorithm: ConvolutionPlan.Algorithm) throws -> Double {
      let y = try ConvolutionPlan(geometry, weight: w, options: .init(algorithm: algorithm))(x).scalars
      let squares = zip(y, reference).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
      return (squares / Double(y.count)).squareRoot()
    }
    let direct = try error(.loops)
    for (algorithm, _) in ConvolutionPlan.estimatedCycles(geometry) {
      let ratio = try error(algorithm) / direct
      // Direct sums of strides add up in another order than the loops: some thousand outputs' error is known to a hundredth or two.
      let slack = samples.stride > 1 && algorithm.errorBudget == .exact ? 1.02 : 1
      #expect(ratio <= slack * algorithm.errorBudget.timesDirect, "\(algorithm): \(ratio)")
    }
  }

  @Test(arguments: [1, 1.5, 2, 3.9, 4, 5, 100]) func theBudgetLimitsTheChoice(timesDirect: Double) throws {
    let budget = ConvolutionPlan.ErrorBudget(timesDirect: timesDirect)
    let w = Tensor<Float>(zeros: [64, 200, 3, 3])
    let geometry = try ConvolutionGeometry(
      input: [1, 200, 29, 34], weight: w.shape, .init(padding: .symmetric(1)))
    let plan = try ConvolutionPlan(geometry, weight: w, options: .init(errorBudget: budget))
    #expect(plan.algorithm.errorBudget <= budget)
    #expect(plan.algorithm.transforms == (timesDirect >= 2))
  }

  private static let pools = [1, 2, 3, 5, 8].map { ThreadPool(threads: $0) }

  @Test(arguments: ConvolutionPlan.Algorithm.allCases)
  func sameBitsForAnyThreadCount(algorithm: ConvolutionPlan.Algorithm) throws {
    var g = SeededGenerator(seed: 9)
    var count = 0
    while count < 20 {
      guard let (x, w, bias, geometry) = try Self.problem(algorithm, &g) else { continue }
      count += 1
      let plan = try ConvolutionPlan(geometry, weight: w, bias: bias, options: .init(algorithm: algorithm))
      let alone = try plan(x, pool: Self.pools[0])
      for pool in Self.pools.dropFirst() {
        #expect(try plan(x, pool: pool) == alone, "\(geometry) on \(pool.threadCount) threads")
      }
    }
  }

  /// Each algorithm by force, and the planner's choice, over strides, dilations, groups and paddings. Outputs are sums of
  /// at most (places of the kernel) * channels products of normal numbers.
  @Test(arguments: [nil, .direct, .tiles, .scatter] as [ConvolutionPlan.Algorithm?])
  func transposedIsTheTranspose(algorithm: ConvolutionPlan.Algorithm?) throws {
    var g = SeededGenerator(seed: 8)
    var count = 0
    while count < 60 {
      let rank = Int.random(in: 1...3, using: &g)
      let groups = Int.random(in: 1...3, using: &g)
      let c = groups * Int.random(in: 1...9, using: &g)
      let k = Int.random(in: 1...20, using: &g)
      let sizes = (0..<rank).map { _ in Int.random(in: 1...[200, 20, 6][rank - 1], using: &g) }
      let kernel = (0..<rank).map { _ in Int.random(in: 1...5, using: &g) }
      let stride = (0..<rank).map { _ in Int.random(in: 1...3, using: &g) }
      let extra = stride.map { Int.random(in: 0..<$0, using: &g) }
      let options = ConvolutionGeometry.Options(
        stride: stride,
        padding: Padding(
          .explicit(
            (0..<rank).map { _ in .init(Int.random(in: 0...2, using: &g), Int.random(in: 0...2, using: &g)) })
        ),
        dilation: (0..<rank).map { _ in Int.random(in: 1...2, using: &g) }, groups: groups)
      let x = Tensor<Float>.randomNormal(shape: Shape([2, c] + sizes), using: &g)
      let w = Tensor<Float>.randomNormal(shape: Shape([c, k] + kernel), using: &g)
      let bias = Tensor<Float>.randomNormal(shape: [k * groups], using: &g)
      guard
        let geometry = try? ConvolutionGeometry(
          transposedInput: x.shape, weight: w.shape, options, outputPadding: extra)
      else { continue }
      // Of stride 1 it is a convolution, where other algorithms have an answer.
      if stride.allSatisfy({ $0 == 1 }), algorithm != nil, algorithm != .direct { continue }
      count += 1
      let plan = try ConvolutionPlan(
        transposing: geometry, weight: w, bias: bias,
        options: .init(errorBudget: .exact, algorithm: algorithm))
      let y = try plan(x)
      for pool in Self.pools { #expect(try plan(x, pool: pool) == y) }
      let reference = try convTranspose(
        Self.double(x), weight: Self.double(w), bias: Self.double(bias), options, outputPadding: extra)
      #expect(y.shape == reference.shape)
      let products = Double(c / groups * kernel.reduce(1, *)) + 1
      let worst = zip(y.scalars, reference.scalars).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
      #expect(worst < 8 * 0x1p-24 * products, "\(geometry): \(worst)")
    }
  }

  /// Kernels turned round, whole and in pieces.
  @Test(
    arguments: ConvolutionPlan.Algorithm.allCases.filter {
      $0.transforms && $0 != .fourier && $0 != .winograd4s2
    })
  func transformsTranspose(algorithm: ConvolutionPlan.Algorithm) throws {
    var g = SeededGenerator(seed: 10)
    var count = 0
    while count < 40 {
      guard let (_, w, _, geometry) = try Self.problem(algorithm, &g), geometry.mode == .zeros,
        geometry.stride == [1, 1, 1]
      else {
        continue
      }
      let shape = geometry.outputShape
      guard shape.count > 0,
        zip(geometry.padding, geometry.kernel).allSatisfy({ $0.begin < $1 && $0.end < $1 })
      else { continue }
      count += 1
      let x = Tensor<Float>.randomNormal(shape: shape, using: &g)
      let plan = try ConvolutionPlan(transposing: geometry, weight: w, options: .init(algorithm: algorithm))
      #expect(plan.algorithm == algorithm)
      let y = try plan(x)
      let reference = try convTranspose(Self.double(x), weight: Self.double(w), Self.options(geometry))
      #expect(y.shape == reference.shape)
      let products = Double(w.shape.count) / Double(w.shape[1]) / Double(geometry.groups) + 1
      let worst = zip(y.scalars, reference.scalars).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
      #expect(worst < 5 * 8 * 0x1p-24 * products, "\(geometry): \(worst)")
    }
  }

  @Test func whatDoesNotFitIsNamed() throws {
    let geometry = try ConvolutionGeometry(input: [1, 4, 6, 6], weight: [8, 4, 5, 5], .init())
    let w = Tensor<Float>(zeros: [8, 4, 5, 5])
    #expect(throws: GeometryError.self) {
      try ConvolutionPlan(geometry, weight: w, options: .init(algorithm: .winograd1d))
    }
    #expect(throws: GeometryError.self) {
      try ConvolutionPlan(geometry, weight: Tensor(zeros: [8, 4, 5, 4]))
    }
    #expect(throws: GeometryError.self) {
      try ConvolutionPlan(geometry, weight: w)(Tensor(zeros: [1, 4, 6, 5]))
    }
  }
}
