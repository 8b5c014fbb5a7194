import Convolution
import Tensors
import Testing

/// What is fused into a convolution, against the same steps one after another.
@Suite struct EpilogueTests {
  private static let activations: [Activation] = [
    .relu, .leakyRelu(slope: 0.2), .relu6, .sigmoid, .silu, .tanh, .gelu, .hardswish,
    .elu(alpha: 0.75), .softplus,
  ]

  private static func problem(_ algorithm: ConvolutionPlan.Algorithm, _ g: inout SeededGenerator) throws
    -> (geometry: ConvolutionGeometry, x: Tensor<Float>, w: Tensor<Float>, bias: Tensor<Float>)
  {
    let isDepthwise = algorithm == .depthwise || algorithm == .fourier
    let hasKernel = algorithm.transforms && algorithm != .strassen
    // Strassen's algorithm takes halves of the channels.
    let even = algorithm == .strassen ? 2 : 1
    let c = even * Int.random(in: 1...(20 / even), using: &g)
    let k = isDepthwise ? c : even * Int.random(in: 1...(40 / even), using: &g)
    let stride =
      algorithm == .winograd4s2
      ? 2 : [.scatter, .fourier].contains(algorithm) ? 1 : Int.random(in: 1...2, using: &g)
    let size =
      algorithm == .winograd4s2
      ? 3 : algorithm == .winograd5 ? 5 : hasKernel ? 2 + stride : Int.random(in: 1...3, using: &g)
    // One in six has rows of more tiles than Winograd's blocks.
    let isWide = Int.random(in: 0..<6, using: &g) == 0
    let x = Tensor<Float>.randomNormal(
      shape: [
        2, c, Int.random(in: 4...23, using: &g), Int.random(in: isWide ? 260...300 : 4...40, using: &g),
      ], using: &g)
    let w = Tensor<Float>.randomNormal(
      shape: [k, isDepthwise ? 1 : c, algorithm == .winograd1d ? 1 : size, size], using: &g)
    let geometry = try ConvolutionGeometry(
      input: x.shape, weight: w.shape,
      .init(
        stride: [stride],
        padding: .symmetric(size / 2),
        groups: isDepthwise ? c : 1))
    return (geometry, x, w, .randomNormal(shape: [k], using: &g))
  }

  /// Functions made of comparisons and one product give the same bits. The others are computed from e^x, by vectors here
  /// and there alike.
  @Test(arguments: ConvolutionPlan.Algorithm.allCases)
  func activationsAndResiduals(algorithm: ConvolutionPlan.Algorithm) throws {
    var g = SeededGenerator(seed: 11)
    for round in 0..<30 {
      let (geometry, x, w, bias) = try Self.problem(algorithm, &g)
      let activation = Self.activations[round % Self.activations.count]
      let plain = try ConvolutionPlan(
        geometry, weight: w, bias: bias, options: .init(algorithm: algorithm))
      let fused = try ConvolutionPlan(
        geometry, weight: w, bias: bias, epilogue: .init(activation: activation),
        options: .init(algorithm: algorithm))
      let residual = Tensor<Float>.randomNormal(shape: geometry.outputShape, using: &g)
      let y = try plain(x)
      let sums = Tensor(zip(y.scalars, residual.scalars).map { $0 + $1 }, shape: y.shape)
      #expect(try fused(x) == activation(y), "\(geometry) \(activation)")
      #expect(try fused(x, adding: residual) == activation(sums), "\(geometry) \(activation)")
      #expect(try plain(x, adding: residual) == sums)
      #expect(
        try Self.inPlace(fused, x, adding: residual) == activation(sums),
        "\(geometry) \(activation), in place")
    }
  }

  /// A plan's outputs, written over the residual.
  private static func inPlace(
    _ plan: ConvolutionPlan, _ x: Tensor<Float>, adding residual: Tensor<Float>
  ) throws -> Tensor<Float> {
    // Whole vectors are read.
    var memory = residual.scalars + [Float](repeating: .nan, count: 128)
    return try memory.withUnsafeMutableBufferPointer { memory in
      var output = Tensor(borrowing: memory.baseAddress!, shape: residual.shape)
      try plan(x, adding: Tensor(borrowing: memory.baseAddress!, shape: residual.shape), into: &output)
      return Tensor(output.scalars, shape: output.shape)
    }
  }

  /// Tiles of every height, in one pass over the depth and in several.
  @Test(arguments: [ConvolutionPlan.Algorithm.tiles, .strassen], [16, 600])
  func residualsInPlace(algorithm: ConvolutionPlan.Algorithm, depth: Int) throws {
    var g = SeededGenerator(seed: 12)
    for rows in [2, 4, 10, 14, 16, 18, 20, 22, 26] {
      for size in [(4, 8), (5, 13)] {
        let x = Tensor<Float>.randomNormal(shape: [1, depth, size.0, size.1], using: &g)
        let w = Tensor<Float>.randomNormal(shape: [rows, depth, 1, 1], using: &g)
        let plan = try ConvolutionPlan(
          ConvolutionGeometry(input: x.shape, weight: w.shape, .init()), weight: w,
          epilogue: .init(activation: .relu),
          options: .init(algorithm: algorithm))
        let residual = Tensor<Float>.randomNormal(shape: plan.outputShape, using: &g)
        #expect(try Self.inPlace(plan, x, adding: residual) == plan(x, adding: residual), "\(rows) \(size)")
      }
    }
  }

  /// The greatest of some values of a function that never falls is its value at the greatest: both are the same but for the
  /// function's rounding, which two units in the last place cover twice. Depthwise convolutions that are pooled are summed
  /// in another order: nine products of up to 8 or so.
  @Test(arguments: ConvolutionPlan.Algorithm.allCases, Epilogue.MaxPooling.allCases)
  func pooling(algorithm: ConvolutionPlan.Algorithm, pooling: Epilogue.MaxPooling) throws {
    var g = SeededGenerator(seed: 12)
    var count = 0
    while count < 30 {
      let (geometry, x, w, bias) = try Self.problem(algorithm, &g)
      if pooling == .window2, geometry.outputShape[2] < 2 || geometry.outputShape[3] < 2 { continue }
      let activation = Self.activations[count % Self.activations.count]
      count += 1
      let plain = try ConvolutionPlan(
        geometry, weight: w, bias: bias, options: .init(algorithm: algorithm))
      let pooled = try ConvolutionPlan(
        geometry, weight: w, bias: bias, epilogue: .init(activation: activation, maxPooling: pooling),
        options: .init(algorithm: algorithm))
      let expected = try maxPool(activation(plain(x)), pooling.options).values
      let result = try pooled(x)
      let rounding: Float = algorithm == .depthwise ? 9 * 8 * 0x1p-24 : 0
      #expect(result.shape == expected.shape)
      #expect(
        zip(result.scalars, expected.scalars).allSatisfy {
          abs($0 - $1) <= abs($1) * 0x1p-21 + rounding
        },
        "\(geometry) \(activation)")
      #expect(throws: GeometryError.self) { try pooled(x, adding: expected) }
      #expect(try pooled(x, pool: Self.threads) == result, "\(geometry) \(activation)")
    }
  }

  /// More than planes of this size have rows of tiles.
  private static let threads = ThreadPool(threads: 7)

  /// Windows over each other go through blocks of whole rows of tiles: each of a row here, or of more with fewer tiles than threads.
  @Test(arguments: [nil, Activation.relu, .relu6])
  func windowsOverEachOther(activation: Activation?) throws {
    var g = SeededGenerator(seed: 21)
    for (height, width, channels, stride) in [
      (3, 3, 1, 1), (4, 4, 3, 1), (5, 9, 2, 1), (37, 41, 70, 1), (64, 63, 5, 2), (33, 256, 4, 1),
      (9, 1, 3, 1),
    ] {
      let x = Tensor<Float>.randomNormal(shape: [3, channels, height, width], using: &g)
      let size = 1 + 2 * stride
      let w = Tensor<Float>.randomNormal(shape: [19, channels, size, size], using: &g)
      let geometry = try ConvolutionGeometry(
        input: x.shape, weight: w.shape, .init(stride: [stride], padding: .symmetric(stride)))
      let options = ConvolutionPlan.Options(algorithm: .winograd4)
      let epilogue = Epilogue(activation: activation, maxPooling: .window3)
      #expect(ConvolutionPlan.Algorithm.winograd4.poolsItself(geometry, epilogue))
      let plain = try ConvolutionPlan(
        geometry, weight: w, epilogue: .init(activation: activation), options: options)
      let pooled = try ConvolutionPlan(geometry, weight: w, epilogue: epilogue, options: options)
      let expected = try maxPool(plain(x), Epilogue.MaxPooling.window3.options).values
      for threads in [ThreadPool(threads: 1), .shared, Self.threads] {
        #expect(try pooled(x, pool: threads) == expected, "\(geometry)")
      }
    }
  }

  /// A NaN among a window's outputs is their maximum, whatever is applied to them.
  @Test(
    arguments: [ConvolutionPlan.Algorithm.direct, .depthwise, .winograd4, .tiles],
    Epilogue.MaxPooling.allCases)
  func poolingKeepsNaN(algorithm: ConvolutionPlan.Algorithm, pooling: Epilogue.MaxPooling) throws {
    var x = Tensor<Float>(zeros: [1, 1, 18, 20])
    x.withUnsafeMutableBufferPointer { $0[9 * 20 + 11] = .nan }
    let w = Tensor<Float>([0, 0, 0, 0, 1, 0, 0, 0, 0], shape: [1, 1, 3, 3])
    let geometry = try ConvolutionGeometry(input: x.shape, weight: w.shape, .init(padding: .symmetric(1)))
    for activation in [nil, Activation.tanh, .relu, .silu] {
      let plan = try ConvolutionPlan(
        geometry, weight: w, epilogue: .init(activation: activation, maxPooling: pooling),
        options: .init(algorithm: algorithm))
      let y = try plan(x).scalars
      #expect(y[4 * 10 + 5].isNaN)
      // It is in nine sums, which are in four windows, be they of 2x2 or 3x3; a transform spreads it over its tile.
      if !algorithm.transforms { #expect(y.filter(\.isNaN).count == 4) }
    }
  }

  @Test func transposedConvolutionsAreFinishedToo() throws {
    var g = SeededGenerator(seed: 13)
    for channels in [2, 12] {
      let x = Tensor<Float>.randomNormal(shape: [1, 5, 6, 7], using: &g)
      let w = Tensor<Float>.randomNormal(shape: [5, channels, 4, 4], using: &g)
      let geometry = try ConvolutionGeometry(
        transposedInput: x.shape, weight: w.shape, .init(stride: [2], padding: .symmetric(1)))
      let plain = try ConvolutionPlan(transposing: geometry, weight: w)
      let fused = try ConvolutionPlan(transposing: geometry, weight: w, epilogue: .init(activation: .tanh))
      #expect(try fused(x) == Activation.tanh(plain(x)))
    }
  }

  /// Against float64: e^x by Cephes' polynomial is right to about two units in the last place, sums and quotients add
  /// one each; 2^-126 stands for what is smaller. GELU's e^(-z^2),
  /// z = x / sqrt 2, takes over z's two roundings twice: 4 * 2^-24 * z^2 = x^2 * 2^-23.
  @Test(arguments: [Activation.sigmoid, .silu, .tanh, .elu(alpha: 1.3), .gelu, .hardswish, .softplus])
  func vectorFunctions(activation: Activation) {
    let values =
      (-20000...20000).map { Float($0) * 0.005 } + [-0.0, 1e-30, -1e-30, 0.6249, 0.6251, 1e30, -1e30]
    let y = activation(Tensor(values, shape: [values.count])).scalars
    let reference = activation(Tensor(values.map(Double.init), shape: [values.count])).scalars
    for (i, x) in values.enumerated() {
      let error = abs(Double(y[i]) - reference[i])
      let units = activation == .gelu ? 5 + min(175, Double(x * x)) : 5
      #expect(
        error <= units * 0x1p-23 * abs(reference[i]) + 1e-35 * max(1, Double(abs(x))),
        "\(activation)(\(x)) = \(y[i])")
    }
  }

  @Test(arguments: activations) func nanAndInfinity(activation: Activation) {
    let y = activation(Tensor<Float>([.nan, .infinity, -.infinity], shape: [3])).scalars
    let reference = activation(Tensor<Double>([.nan, .infinity, -.infinity], shape: [3])).scalars
    #expect(y[0].isNaN)
    #expect(Double(y[1]) == reference[1])
    #expect(y[2].isNaN == reference[2].isNaN)
    if !y[2].isNaN { #expect(abs(Double(y[2]) - reference[2]) < 1e-35 || Double(y[2]) == reference[2]) }
  }

  /// In float64, so that only the order of the operations differs.
  @Test func foldedBatchNormIsBatchNorm() throws {
    var g = SeededGenerator(seed: 14)
    func normal(_ shape: Shape) -> Tensor<Double> { .randomNormal(shape: shape, using: &g) }
    for groups in [1, 3] {
      let (x, w) = (normal([2, 6, 7, 9]), normal([12, 6 / groups, 3, 3]))
      let statistics = RunningStatistics(mean: normal([12]), variance: Activation.softplus(normal([12])))
      let (bias, scale, shift) = (normal([12]), normal([12]), normal([12]))
      let options = ConvolutionGeometry.Options(groups: groups)
      let expected = try batchNorm(
        conv(x, weight: w, bias: bias, options), running: statistics, weight: scale, bias: shift,
        epsilon: 1e-3)
      let folded = try statistics.folded(
        intoWeight: w, bias: bias, scale: scale, shift: shift, epsilon: 1e-3)
      let y = try conv(x, weight: folded.weight, bias: folded.bias, options)
      #expect(zip(y.scalars, expected.scalars).allSatisfy { abs($0 - $1) < 1e-11 })
      #expect(throws: GeometryError.self) { try statistics.folded(intoWeight: normal([11, 2, 3, 3])) }
    }
  }
}
