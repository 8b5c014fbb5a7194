import Convolution
import RealModule
import Tensors
import Testing

/// Every gradient, and every gradient of a gradient, against central differences in float64.
@Suite struct GradientTests {
  typealias Values = Tensor<Double>

  private static func dot(_ a: Values, _ b: Values) -> Double {
    zip(a.scalars, b.scalars).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// (f(x + h e) - f(x - h e)) / 2h along random directions e must be the sum of gradient * e. With h = 1e-5 the
  /// truncation is about h^2 and the rounding eps / h, both near 1e-10 of the values.
  private static func check(
    _ inputs: [Values], gradients: [Values], _ g: inout SeededGenerator, _ label: String,
    _ function: ([Values]) throws -> Double
  ) throws {
    let h = 1e-5
    for (i, gradient) in gradients.enumerated() {
      #expect(gradient.shape == inputs[i].shape, "\(label) \(i)")
      for _ in 0..<3 {
        let direction = Values.randomNormal(shape: inputs[i].shape, using: &g)
        func moved(_ step: Double) -> [Values] {
          var all = inputs
          all[i] = Tensor(
            zip(inputs[i].scalars, direction.scalars).map { $0 + step * $1 }, shape: inputs[i].shape)
          return all
        }
        let difference = (try function(moved(h)) - function(moved(-h))) / (2 * h)
        let expected = dot(gradient, direction)
        let scale = zip(gradient.scalars, direction.scalars).reduce(1) { $0 + abs($1.0 * $1.1) }
        #expect(abs(difference - expected) <= 2e-7 * scale, "\(label) \(i): \(difference), \(expected)")
      }
    }
  }

  private static func normal(_ shape: Shape, _ g: inout SeededGenerator) -> Values {
    .randomNormal(shape: shape, using: &g)
  }

  /// Values at least 0.01 apart in any order, so that no step changes which is greatest or crosses a corner.
  private static func distinct(_ shape: Shape, _ g: inout SeededGenerator) -> Values {
    Tensor(
      (0..<shape.count).map { (Double($0) - Double(shape.count) / 2 + 0.5) * 0.03 }.shuffled(using: &g),
      shape: shape)
  }

  @Test(arguments: [1, 2, 3]) func convolutions(rank: Int) throws {
    var g = SeededGenerator(seed: UInt64(rank))
    let sizes = Array([7, 6, 5].prefix(rank))
    let kernel = Array([3, 2, 2].prefix(rank))
    let modes: [PaddingMode] = [.zeros, .constant(0.7), .reflect, .symmetric, .replicate, .circular]
    for mode in modes {
      let options = ConvolutionGeometry.Options(
        stride: [2], padding: Padding(.explicit([.init(1, 2)]), mode: mode), dilation: [2], groups: 2)
      let (x, w) = (Self.normal(Shape([2, 4] + sizes), &g), Self.normal(Shape([6, 2] + kernel), &g))
      let bias = Self.normal([6], &g)
      let dy = Self.normal(try conv(x, weight: w, options).shape, &g)
      let first = try convGradients(upstream: dy, input: x, weight: w, options)
      try Self.check([x, w, bias], gradients: [first.input, first.weight, first.bias], &g, "conv \(mode)") {
        Self.dot(dy, try conv($0[0], weight: $0[1], bias: $0[2], options))
      }
      let (a, aw, ab) = (Self.normal(x.shape, &g), Self.normal(w.shape, &g), Self.normal([6], &g))
      let second = try convSecondGradients(
        inputGradient: a, weightGradient: aw, biasGradient: ab, upstream: dy, input: x, weight: w, options)
      try Self.check(
        [dy, x, w], gradients: [second.upstream, second.input, second.weight], &g, "conv, second, \(mode)"
      ) {
        let gradients = try convGradients(upstream: $0[0], input: $0[1], weight: $0[2], options)
        return Self.dot(a, gradients.input) + Self.dot(aw, gradients.weight) + Self.dot(ab, gradients.bias)
      }
    }
    let options = ConvolutionGeometry.Options(
      stride: [3], padding: Padding(.explicit([.init(1, 0)])), dilation: [2], groups: 2)
    let (x, w) = (Self.normal(Shape([2, 4] + sizes), &g), Self.normal(Shape([4, 3] + kernel), &g))
    let bias = Self.normal([6], &g)
    let dy = Self.normal(try convTranspose(x, weight: w, options, outputPadding: [1]).shape, &g)
    let first = try convTransposeGradients(upstream: dy, input: x, weight: w, options, outputPadding: [1])
    try Self.check([x, w, bias], gradients: [first.input, first.weight, first.bias], &g, "transposed") {
      Self.dot(dy, try convTranspose($0[0], weight: $0[1], bias: $0[2], options, outputPadding: [1]))
    }
    let (a, aw, ab) = (Self.normal(x.shape, &g), Self.normal(w.shape, &g), Self.normal([6], &g))
    let second = try convTransposeSecondGradients(
      inputGradient: a, weightGradient: aw, biasGradient: ab, upstream: dy, input: x, weight: w, options,
      outputPadding: [1])
    try Self.check(
      [dy, x, w], gradients: [second.upstream, second.input, second.weight], &g, "transposed, second"
    ) {
      let gradients = try convTransposeGradients(
        upstream: $0[0], input: $0[1], weight: $0[2], options, outputPadding: [1])
      return Self.dot(a, gradients.input) + Self.dot(aw, gradients.weight) + Self.dot(ab, gradients.bias)
    }
  }

  @Test func deformable() throws {
    var g = SeededGenerator(seed: 5)
    let options = ConvolutionGeometry.Options(stride: [2, 1], padding: .symmetric(1), groups: 2)
    let x = Self.normal([2, 4, 7, 6], &g)
    let w = Self.normal([6, 2, 3, 2], &g)
    let sizes = try conv(x, weight: w, options).shape.dimensions[2...]
    // Fractions from 0.2 to 0.8, away from the samples, where the slopes jump.
    let offset = Tensor(
      (0..<2 * 24 * sizes.reduce(1, *)).map { _ in
        Double(Int.random(in: -2...1, using: &g)) + Double.random(in: 0.2...0.8, using: &g)
      }, shape: Shape([2, 24] + sizes))
    let mask = Tensor<Double>.random(in: 0...1, shape: Shape([2, 12] + sizes), using: &g)
    let bias = Self.normal([6], &g)
    let dy = Self.normal(Shape([2, 6] + sizes), &g)
    let first = try deformConv2dGradients(
      upstream: dy, input: x, weight: w, offset: offset, mask: mask, options, offsetGroups: 2)
    try Self.check(
      [x, w, offset, mask, bias],
      gradients: [first.input, first.weight, first.offset, try #require(first.mask), first.bias], &g,
      "deformable"
    ) {
      Self.dot(
        dy,
        try deformConv2d(
          $0[0], weight: $0[1], offset: $0[2], mask: $0[3], bias: $0[4], options, offsetGroups: 2))
    }
  }

  @Test(arguments: [1, 2, 3]) func pools(rank: Int) throws {
    var g = SeededGenerator(seed: UInt64(10 + rank))
    let x = Self.distinct(Shape([2, 3] + [8, 7, 5].prefix(rank)), &g)
    let options = PoolingGeometry.Options(kernel: [3], stride: [2], padding: .symmetric(1), ceilMode: true)
    let (values, indices) = try maxPool(x, options)
    let dy = Self.normal(values.shape, &g)
    let dMax = try maxPoolGradient(upstream: dy, indices: indices, inputShape: x.shape, options)
    try Self.check([x], gradients: [dMax], &g, "max") { Self.dot(dy, try maxPool($0[0], options).values) }
    let least = try minPool(x, options)
    let dMin = try maxPoolGradient(upstream: dy, indices: least.indices, inputShape: x.shape, options)
    try Self.check([x], gradients: [dMin], &g, "min") { Self.dot(dy, try minPool($0[0], options).values) }
    // The gradient of the gradient: what the gradient is linear in.
    let a = Self.normal(x.shape, &g)
    try Self.check([dy], gradients: [try gather(a, indices: indices)], &g, "max, second") {
      Self.dot(a, try maxPoolGradient(upstream: $0[0], indices: indices, inputShape: x.shape, options))
    }
    for divisor in [AverageDivisor.paddedWindow, .samples, .fixed(5)] {
      let dx = try averagePoolGradient(upstream: dy, inputShape: x.shape, options, divisor: divisor)
      try Self.check([x], gradients: [dx], &g, "average \(divisor)") {
        Self.dot(dy, try averagePool($0[0], options, divisor: divisor))
      }
      try Self.check([dy], gradients: [try averagePool(a, options, divisor: divisor)], &g, "average, second")
      {
        Self.dot(a, try averagePoolGradient(upstream: $0[0], inputShape: x.shape, options, divisor: divisor))
      }
    }
    let some = Self.normal(Shape([2, 3] + [3, 2, 4].prefix(rank)), &g)
    let size = Array(some.shape.dimensions[2...])
    let adaptive = try adaptiveMaxPool(x, outputSize: size)
    let dAdaptive = try adaptiveMaxPoolGradient(
      upstream: some, indices: adaptive.indices, inputShape: x.shape)
    try Self.check([x], gradients: [dAdaptive], &g, "adaptive max") {
      Self.dot(some, try adaptiveMaxPool($0[0], outputSize: size).values)
    }
    let dMean = try adaptiveAveragePoolGradient(upstream: some, inputShape: x.shape)
    try Self.check([x], gradients: [dMean], &g, "adaptive average") {
      Self.dot(some, try adaptiveAveragePool($0[0], outputSize: size))
    }
    // Windows apart, so that no two of them share a place.
    let apart = try maxPool(x, .init(kernel: [2]))
    let samples = Self.normal(apart.values.shape, &g)
    try Self.check([samples], gradients: [try gather(a, indices: apart.indices)], &g, "unpool") {
      let size = Array(x.shape.dimensions[2...])
      return Self.dot(a, try maxUnpool($0[0], indices: apart.indices, outputSize: size))
    }
  }

  @Test(arguments: [1.0, 1.5, 2.0, 3.0]) func lpPools(p: Double) throws {
    var g = SeededGenerator(seed: UInt64(20 + p * 2))
    let x = Self.distinct([2, 2, 7, 6], &g)
    let options = PoolingGeometry.Options(
      kernel: [3, 2], stride: [2], padding: .symmetric(1), ceilMode: true)
    let dy = Self.normal(try lpPool(x, p: p, options).shape, &g)
    let positive = Tensor(x.scalars.map { abs($0) + 0.1 }, shape: x.shape)
    for (powers, x) in [(PowerSum.absolute, x), (.signed, positive)] {
      let dx = try lpPoolGradient(upstream: dy, input: x, p: p, options, powers: powers)
      try Self.check([x], gradients: [dx], &g, "lp \(p) \(powers)") {
        Self.dot(dy, try lpPool($0[0], p: p, options, powers: powers))
      }
      // |x|^(p - 2) has no slope to speak of near 0 for p = 1.5: there the second gradient is taken of others.
      if powers == .absolute, p == 1.5 { continue }
      let a = Self.normal(x.shape, &g)
      let second = try lpPoolSecondGradients(
        inputGradient: a, upstream: dy, input: x, p: p, options, powers: powers)
      try Self.check([dy, x], gradients: [second.upstream, second.input], &g, "lp, second, \(p) \(powers)") {
        Self.dot(a, try lpPoolGradient(upstream: $0[0], input: $0[1], p: p, options, powers: powers))
      }
    }
    let top = Self.normal([2, 2, 1, 1], &g)
    let dGlobal = try globalLpPoolGradient(upstream: top, input: x, p: p)
    try Self.check([x], gradients: [dGlobal], &g, "global lp") {
      Self.dot(top, try globalLpPool($0[0], p: p))
    }
  }

  @Test func normalizations() throws {
    var g = SeededGenerator(seed: 30)
    let x = Self.normal([3, 4, 5, 2], &g)
    let kinds: [(Normalization, Shape)] = [
      (.batch, [4]), (.group(2), [4]), (.instance, [4]), (.layer(axis: 1), [4, 5, 2]), (.layer(axis: 3), [2]),
    ]
    for (kind, shape) in kinds {
      let epsilon = 0.1
      let (w, b) = (Self.normal(shape, &g), Self.normal(shape, &g))
      let dy = Self.normal(x.shape, &g)
      let first = try normalizeGradients(upstream: dy, input: x, kind, weight: w, epsilon: epsilon)
      try Self.check([x, w, b], gradients: [first.input, first.weight, first.bias], &g, "\(kind)") {
        Self.dot(dy, try normalize($0[0], kind, weight: $0[1], bias: $0[2], epsilon: epsilon))
      }
      let (a, aw, ab) = (Self.normal(x.shape, &g), Self.normal(shape, &g), Self.normal(shape, &g))
      let second = try normalizeSecondGradients(
        inputGradient: a, weightGradient: aw, biasGradient: ab, upstream: dy, input: x, kind, weight: w,
        epsilon: epsilon)
      try Self.check(
        [dy, x, w], gradients: [second.upstream, second.input, try #require(second.weight)], &g,
        "\(kind), second"
      ) {
        let gradients = try normalizeGradients(
          upstream: $0[0], input: $0[1], kind, weight: $0[2], epsilon: epsilon)
        return Self.dot(a, gradients.input) + Self.dot(aw, gradients.weight) + Self.dot(ab, gradients.bias)
      }
    }
    let running = RunningStatistics(
      mean: Self.normal([4], &g), variance: Tensor<Double>.random(in: 0.5...2, shape: [4], using: &g))
    let (w, b, dy) = (Self.normal([4], &g), Self.normal([4], &g), Self.normal(x.shape, &g))
    let first = try batchNormGradients(upstream: dy, input: x, running: running, weight: w)
    try Self.check(
      [x, w, b], gradients: [first.input, first.weight, first.bias], &g, "batch, after training"
    ) {
      Self.dot(dy, try batchNorm($0[0], running: running, weight: $0[1], bias: $0[2]))
    }
    let (a, aw, ab) = (Self.normal(x.shape, &g), Self.normal([4], &g), Self.normal([4], &g))
    let second = try batchNormSecondGradients(
      inputGradient: a, weightGradient: aw, biasGradient: ab, upstream: dy, input: x, running: running,
      weight: w)
    try Self.check(
      [dy, x, w], gradients: [second.upstream, second.input, try #require(second.weight)], &g,
      "batch, after training, second"
    ) {
      let gradients = try batchNormGradients(upstream: $0[0], input: $0[1], running: running, weight: $0[2])
      return Self.dot(a, gradients.input) + Self.dot(aw, gradients.weight) + Self.dot(ab, gradients.bias)
    }
  }

  @Test func localResponses() throws {
    var g = SeededGenerator(seed: 40)
    let x = Self.normal([2, 7, 3], &g)
    for size in [1, 2, 5] {
      for isBack in [true, false] {
        let norm = LocalResponseNorm(size: size, alpha: 0.8, beta: 0.75, k: 1.5, reachesFurtherBack: isBack)
        let (dy, a) = (Self.normal(x.shape, &g), Self.normal(x.shape, &g))
        let dx = try norm.gradient(upstream: dy, input: x)
        try Self.check([x], gradients: [dx], &g, "lrn \(size)") { Self.dot(dy, try norm($0[0])) }
        let second = try norm.secondGradients(inputGradient: a, upstream: dy, input: x)
        try Self.check([dy, x], gradients: [second.upstream, second.input], &g, "lrn, second, \(size)") {
          Self.dot(a, try norm.gradient(upstream: $0[0], input: $0[1]))
        }
      }
    }
  }

  @Test func elementwise() throws {
    var g = SeededGenerator(seed: 50)
    // Half steps, so that no corner (0, 3, 6) is within reach.
    let x = Tensor((0..<60).map { Double($0 - 30) * 0.25 + 0.1 }, shape: [3, 4, 5])
    let activations: [Activation] = [
      .relu, .leakyRelu(slope: 0.1), .relu6, .elu(alpha: 0.8), .gelu, .silu, .hardswish, .tanh, .sigmoid,
      .softplus,
    ]
    let (dy, a) = (Self.normal(x.shape, &g), Self.normal(x.shape, &g))
    for activation in activations {
      let dx = try activation.gradient(upstream: dy, input: x)
      try Self.check([x], gradients: [dx], &g, "\(activation)") { Self.dot(dy, activation($0[0])) }
      let second = try activation.secondGradients(inputGradient: a, upstream: dy, input: x)
      try Self.check([dy, x], gradients: [second.upstream, second.input], &g, "\(activation), second") {
        Self.dot(a, try activation.gradient(upstream: $0[0], input: $0[1]))
      }
    }
    for axis in 0..<3 {
      let dSoft = try softmaxGradient(upstream: dy, output: try softmax(x, axis: axis), axis: axis)
      try Self.check([x], gradients: [dSoft], &g, "softmax") { Self.dot(dy, try softmax($0[0], axis: axis)) }
      let dLog = try logSoftmaxGradient(upstream: dy, output: try logSoftmax(x, axis: axis), axis: axis)
      try Self.check([x], gradients: [dLog], &g, "log softmax") {
        Self.dot(dy, try logSoftmax($0[0], axis: axis))
      }
      let second = try softmaxSecondGradients(
        inputGradient: a, upstream: dy, output: try softmax(x, axis: axis), axis: axis)
      try Self.check([dy, x], gradients: [second.upstream, second.input], &g, "softmax, second") {
        Self.dot(
          a, try softmaxGradient(upstream: $0[0], output: try softmax($0[1], axis: axis), axis: axis))
      }
    }
    for axis in 0..<3 {
      let second = try logSoftmaxSecondGradients(
        inputGradient: a, upstream: dy, output: try logSoftmax(x, axis: axis), axis: axis)
      try Self.check([dy, x], gradients: [second.upstream, second.input], &g, "log softmax, second") {
        Self.dot(
          a, try logSoftmaxGradient(upstream: $0[0], output: try logSoftmax($0[1], axis: axis), axis: axis))
      }
    }
    let (rows, w, b) = (Self.normal([3, 2, 5], &g), Self.normal([4, 5], &g), Self.normal([4], &g))
    let top = Self.normal([3, 2, 4], &g)
    let first = try linearGradients(upstream: top, input: rows, weight: w)
    try Self.check([rows, w, b], gradients: [first.input, first.weight, first.bias], &g, "linear") {
      Self.dot(top, try linear($0[0], weight: $0[1], bias: $0[2]))
    }
    let (ax, aw, ab) = (Self.normal(rows.shape, &g), Self.normal(w.shape, &g), Self.normal([4], &g))
    let second = try linearSecondGradients(
      inputGradient: ax, weightGradient: aw, biasGradient: ab, upstream: top, input: rows, weight: w)
    try Self.check(
      [top, rows, w], gradients: [second.upstream, second.input, second.weight], &g, "linear, second"
    ) {
      let gradients = try linearGradients(upstream: $0[0], input: $0[1], weight: $0[2])
      return Self.dot(ax, gradients.input) + Self.dot(aw, gradients.weight) + Self.dot(ab, gradients.bias)
    }
  }

  @Test func resampling() throws {
    var g = SeededGenerator(seed: 60)
    let x = Self.normal([2, 3, 6, 5], &g)
    for mode in [PaddingMode.zeros, .constant(2), .reflect, .symmetric, .replicate, .circular] {
      for amounts in [[Padding.Amount(2, 1), .init(0, 3)], [.init(-1, 2), .init(3, -2)], [.init(1, 1)]] {
        let dy = Self.normal(try pad(x, amounts, mode: mode).shape, &g)
        let dx = try padGradient(upstream: dy, inputShape: x.shape, amounts, mode: mode)
        try Self.check([x], gradients: [dx], &g, "pad \(mode)") {
          Self.dot(dy, try pad($0[0], amounts, mode: mode))
        }
      }
    }
    let region = [ResizeOptions.Region(0.2, 0.9), .init(-0.1, 0.6)]
    let all: [ResizeOptions] = [
      .nearest, .nearestExact, .linear, .cubic, .linearAntialiased, .cubicAntialiased,
      .init(.linear, .alignCorners), .init(.cubic(a: -0.5), .asymmetric, excludeOutside: true),
      .init(.linear, .cropAndResize(regions: region, extrapolation: 0)), .init(.linear, .halfPixelSymmetric),
    ]
    for options in all {
      for size in [[9, 2], [4, 11], [1, 1]] {
        let dy = Self.normal(Shape([2, 3] + size), &g)
        let scales: [Double]? = size == [9, 2] ? [1.5, 0.5] : nil
        let dx = try resizeGradient(upstream: dy, inputShape: x.shape, scales: scales, options)
        try Self.check([x], gradients: [dx], &g, "\(options)") {
          Self.dot(dy, try resize($0[0], outputSize: size, scales: scales, options))
        }
      }
    }
    let windows = ConvolutionGeometry.Options(
      stride: [2, 1], padding: Padding(.explicit([.init(1, 1)]), mode: .reflect))
    let columns = Self.normal(try unfold(x, kernel: [3, 2], windows).shape, &g)
    let folded = try fold(columns, outputSize: [6, 5], kernel: [3, 2], windows)
    try Self.check([x], gradients: [folded], &g, "unfold") {
      Self.dot(columns, try unfold($0[0], kernel: [3, 2], windows))
    }
    try Self.check([columns], gradients: [try unfold(x, kernel: [3, 2], windows)], &g, "fold") {
      Self.dot(x, try fold($0[0], outputSize: [6, 5], kernel: [3, 2], windows))
    }
    for order in [BlockOrder.channelFirst, .channelLast] {
      let deep = Self.normal([2, 12, 3, 2], &g)
      let dy = Self.normal([2, 3, 6, 4], &g)
      let back = try pixelUnshuffle(dy, factor: 2, order: order)
      try Self.check([deep], gradients: [back], &g, "shuffle") {
        Self.dot(dy, try pixelShuffle($0[0], factor: 2, order: order))
      }
      #expect(
        try pixelUnshuffle(pixelShuffle(deep, factor: 2, order: order), factor: 2, order: order) == deep)
    }
  }
}
