import Convolution
import Networks
import Tensors
import Testing

/// Gradients, and gradients of gradients, against central differences of the definitions in float64.
@Suite struct DifferentiationTests {
  final class None: Module {}

  struct Case: Sendable, CustomStringConvertible {
    let description: String
    let shapes: [Shape]
    /// What is added to the inputs, to keep them where the function is smooth.
    var offset = 0.0
    var hasSecond = true
    let body: @Sendable ([Value]) throws -> Value
  }

  static let cases: [Case] =
    [
      Case(description: "add with broadcast", shapes: [[2, 3, 4], [3, 1]]) { try $0[0] + $0[1] },
      Case(description: "subtract", shapes: [[3, 4], [3, 4]]) { try $0[0] - $0[1] },
      Case(description: "multiply with broadcast", shapes: [[2, 3, 4], [4]]) { try $0[0] * $0[1] },
      Case(description: "divide", shapes: [[3, 4], [3, 4]], offset: 4) { try $0[0] / $0[1] },
      Case(description: "exp", shapes: [[5]]) { try $0[0].exp() },
      Case(description: "log", shapes: [[5]], offset: 4) { try $0[0].log() },
      Case(description: "sqrt", shapes: [[5]], offset: 4) { try $0[0].sqrt() },
      Case(description: "abs", shapes: [[5]]) { try $0[0].abs() },
      Case(description: "mean", shapes: [[2, 3, 4]]) { try $0[0].mean(axes: [0, 2]) },
      Case(description: "softmax", shapes: [[2, 5, 3]]) { try $0[0].softmax(axis: 1) },
      Case(description: "log-softmax", shapes: [[4, 5]]) { try $0[0].logSoftmax(axis: 1) },
      Case(description: "matmul", shapes: [[3, 4], [4, 5]]) { try $0[0].matmul($0[1]) },
      Case(description: "matmul of transposes", shapes: [[4, 3], [5, 4]]) {
        try $0[0].matmul($0[1], transposeA: true, transposeB: true)
      },
      Case(description: "linear", shapes: [[3, 4], [5, 4], [5]]) {
        try $0[0].apply(Operators.Linear(), $0[1], $0[2])
      },
      Case(description: "concatenate and slice", shapes: [[2, 3, 2], [2, 2, 2]]) {
        try Value.concatenated([$0[0], $0[1], $0[0]], axis: 1).slice(1..<7, axis: 1)
      },
      Case(description: "permute", shapes: [[2, 3, 4]]) {
        try $0[0].apply(Operators.Permute(order: [2, 0, 1]))
      },
      Case(description: "pad by reflection", shapes: [[1, 2, 4, 5]]) {
        try $0[0].apply(
          Operators.Pad(amounts: [.init(0, 0), .init(0, 0), .init(1, 2), .init(3, 0)], mode: .reflect))
      },
      Case(description: "resize", shapes: [[1, 2, 4, 3]]) {
        try $0[0].apply(Operators.Resize(outputSize: [7, 5], options: .linear))
      },
      Case(description: "pixel shuffle", shapes: [[1, 8, 2, 3]]) {
        try $0[0].apply(Operators.PixelShuffle(factor: 2))
      },
      Case(description: "convolution", shapes: [[2, 4, 5, 6], [6, 2, 3, 2], [6]]) {
        try $0[0].apply(
          Operators.Conv(
            options: .init(stride: [2, 1], padding: .symmetric(1), dilation: [1, 2], groups: 2), hasBias: true
          ),
          $0[1], $0[2])
      },
      Case(description: "circular convolution", shapes: [[1, 2, 5, 4], [3, 2, 3, 3]]) {
        try $0[0].apply(
          Operators.Conv(options: .init(padding: Padding(.explicit([.init(1, 1)]), mode: .circular))), $0[1])
      },
      Case(description: "1-D convolution", shapes: [[2, 3, 9], [4, 3, 3]]) {
        try $0[0].apply(Operators.Conv(options: .init(stride: [2])), $0[1])
      },
      Case(description: "transposed convolution", shapes: [[2, 3, 3, 4], [3, 2, 3, 3], [2]]) {
        try $0[0].apply(
          Operators.ConvInputGradient(
            options: .init(stride: [2], padding: .symmetric(1)), inputShape: [2, 2, 6, 7], hasBias: true),
          $0[1],
          $0[2])
      },
      Case(description: "max pooling", shapes: [[2, 2, 5, 4]]) {
        try $0[0].apply(Operators.MaxPool(options: .init(kernel: [2])))
      },
      Case(description: "overlapping max pooling", shapes: [[1, 2, 6, 5]]) {
        try $0[0].apply(Operators.MaxPool(options: .init(kernel: [3], stride: [2], padding: .symmetric(1))))
      },
      Case(description: "min pooling", shapes: [[1, 2, 5, 4]]) { try $0[0].minPool(.init(kernel: [2])) },
      Case(description: "max unpooling", shapes: [[1, 2, 2, 2], [1, 2, 5, 4]]) {
        try $0[0].maxUnpool(like: $0[1], .init(kernel: [2]))
      },
      Case(description: "average pooling", shapes: [[1, 2, 5, 5]]) {
        try $0[0].apply(
          Operators.AveragePool(
            options: .init(kernel: [3], stride: [2], padding: .symmetric(1)), divisor: .samples))
      },
      Case(description: "adaptive average pooling", shapes: [[1, 2, 5, 7]]) {
        try $0[0].apply(Operators.AdaptiveAveragePool(outputSize: [2, 3]))
      },
      Case(description: "layer norm", shapes: [[2, 3, 4], [3, 4], [3, 4]], hasSecond: false) {
        try $0[0].apply(Operators.Normalize(kind: .layer(axis: 1), epsilon: 1e-3), $0[1], $0[2])
      },
      Case(description: "group norm", shapes: [[2, 4, 5], [4], [4]], hasSecond: false) {
        try $0[0].apply(Operators.Normalize(kind: .group(2), epsilon: 1e-3), $0[1], $0[2])
      },
      Case(description: "batch norm by running statistics", shapes: [[2, 3, 4], [3], [3]]) {
        let statistics = $0[0].graph.constant(Tensor([0.3, 2, 1.5], shape: [3]))
        return try $0[0].apply(
          Operators.BatchNormInference(epsilon: 1e-3), $0[1], $0[2], statistics, statistics)
      },
      Case(description: "local response normalisation", shapes: [[1, 6, 2, 3]]) {
        try $0[0].apply(Operators.LocalResponse(LocalResponseNorm(size: 3, alpha: 0.5)))
      },
      Case(description: "Lp pooling", shapes: [[1, 2, 5, 4]], offset: 3) {
        try $0[0].apply(Operators.LpPool(p: 3, options: .init(kernel: [2])))
      },
      Case(description: "unfold", shapes: [[1, 2, 5, 4]]) {
        try $0[0].apply(
          Operators.Unfold(kernel: [3, 2], options: .init(stride: [2, 1], padding: .symmetric(1))))
      },
      Case(description: "fold", shapes: [[1, 8, 12]]) {
        try $0[0].apply(Operators.Fold(outputSize: [5, 4], kernel: [2]))
      },
      Case(
        description: "deformable convolution",
        shapes: [[1, 2, 5, 5], [3, 2, 3, 3], [1, 18, 3, 3], [1, 9, 3, 3], [3]],
        hasSecond: false
      ) {
        // Offsets within a cell, away from the corners of the interpolation.
        try $0[0].graph.apply(
          Operators.DeformConv(options: .init(), hasMask: true, hasBias: true),
          [$0[0], $0[1], $0[2].activated(.sigmoid).scaled(by: 0.8, adding: 0.1), $0[3], $0[4]])
      },
      Case(description: "Huber loss", shapes: [[7], [7]]) { try $0[0].huberLoss($0[1], delta: 0.7) },
      Case(description: "binary cross-entropy", shapes: [[7], [7]]) { try $0[0].binaryCrossEntropy($0[1]) },
      Case(description: "KL divergence", shapes: [[7], [7]], offset: 4) { try $0[0].klDivergence($0[1]) },
    ]
    + activations.map { activation in
      Case(description: "\(activation)", shapes: [[3, 7]]) { try $0[0].activated(activation) }
    }

  static let activations: [Activation] = [
    .relu, .leakyRelu(slope: 0.1), .relu6, .elu(alpha: 0.7), .gelu, .silu, .hardswish, .tanh, .sigmoid,
    .softplus,
  ]

  /// The sum of the value with random weights, so that no gradients cancel.
  private static func loss(_ value: Value, _ generator: inout SeededGenerator) throws -> Value {
    let weights = value.graph.constant(.random(in: 0.2...1, shape: value.shape, using: &generator))
    return try (value * weights).sum().reshaped([])
  }

  /// Central differences of step h are off by h^2 / 6 of the third derivative and 2^-53 / h of the value: about 1e-9 of
  /// values near 1 at h = 1e-5.
  private static func check(
    _ graph: Graph, _ loss: Value, _ inputs: [Value], _ gradients: [Value],
    _ tensors: [String: Tensor<Double>], _ name: String
  ) throws {
    let analytic = try graph.evaluate(gradients, tensors)
    for (k, gradient) in analytic.enumerated() {
      let scale = max(1, gradient.scalars.map(\.magnitude).max() ?? 0)
      for i in stride(from: 0, to: gradient.shape.count, by: max(1, gradient.shape.count / 12)) {
        func value(_ h: Double) throws -> Double {
          var moved = tensors
          moved["x\(k)"]!.withUnsafeMutableBufferPointer { $0[i] += h }
          return try graph.evaluate([loss], moved)[0].scalars[0]
        }
        let h = 1e-5
        let difference = (try value(h) - value(-h)) / (2 * h)
        #expect(abs(gradient.scalars[i] - difference) < 1e-6 * scale, "\(name): x\(k)[\(i)]")
      }
    }
  }

  @Test(arguments: cases) func gradientsAreDifferences(item: Case) throws {
    var g = SeededGenerator(seed: 3)
    let graph = Graph(None(), mode: .training)
    let inputs = item.shapes.enumerated().map { graph.input("x\($0)", $1) }
    let tensors = Dictionary(
      uniqueKeysWithValues: item.shapes.enumerated().map { i, shape in
        let normal = Tensor<Double>.randomNormal(shape: shape, using: &g).scalars
        return ("x\(i)", Tensor(normal.map { $0 + item.offset }, shape: shape))
      })
    let loss = try Self.loss(try item.body(inputs), &g)
    let first = try graph.gradients(of: loss, withRespectTo: inputs)
    try Self.check(graph, loss, inputs, first, tensors, "\(item)")
    guard item.hasSecond else { return }
    // The gradients' own: of their sum with random weights.
    var sum = try Self.loss(first[0], &g)
    for gradient in first.dropFirst() { sum = try sum + Self.loss(gradient, &g) }
    let second = try graph.gradients(of: sum, withRespectTo: inputs)
    try Self.check(graph, sum, inputs, second, tensors, "second of \(item)")
  }

  /// Batch normalisation in training, through its statistics, and the cross-entropy with everything on.
  @Test func batchNormInTraining() throws {
    final class Network: Layer {
      let norm = BatchNorm2d(3, epsilon: 1e-3)
      let fc = Linear(12, 4)
      func forward(_ x: Value) throws(GraphError) -> Value {
        let y = try norm(x)
        return try fc(y.reshaped([y.shape[0], 12]))
      }
    }
    var g = SeededGenerator(seed: 4)
    let network = Network()
    let graph = Graph(network, mode: .training)
    let x = graph.input("x0", [5, 3, 2, 2])
    let targets = graph.constant(Tensor([0, 3, 2, 2, 1], shape: [5]))
    let loss = try network(x).crossEntropy(targets, labelSmoothing: 0.1, classWeights: [1, 2, 0.5, 3])
    let values = [x] + graph.trainable
    var tensors: [String: Tensor<Double>] = [:]
    for parameter in graph.parameters {
      tensors[parameter.name] = .randomNormal(shape: parameter.shape, using: &g)
    }
    tensors["x0"] = .randomNormal(shape: x.shape, using: &g)
    let first = try graph.gradients(of: loss, withRespectTo: values)
    try Self.check(graph, loss, [x], [first[0]], tensors, "batch norm")
    var sum = try Self.loss(first[0], &g)
    for gradient in first.dropFirst() { sum = try sum + Self.loss(gradient, &g) }
    let second = try graph.gradients(of: sum, withRespectTo: [x])
    try Self.check(graph, sum, [x], second, tensors, "second of batch norm")
  }

  /// Losses as graph, against those over tensors, which are checked against PyTorch's.
  @Test func lossesAreTheDefinitions() throws {
    var g = SeededGenerator(seed: 6)
    let graph = Graph(None())
    let (x, t) = (graph.input("x", [4, 5, 2]), graph.input("t", [4, 2]))
    let p = graph.input("p", [4, 5, 2])
    let classes: [Int64] = [0, 4, 2, 2, 1, 3, 0, 4]
    let weights = [1, 0.5, 2, 3, 0.25]
    let values = [
      try x.crossEntropy(t), try x.crossEntropy(t, labelSmoothing: 0.2),
      try x.crossEntropy(t, classWeights: weights),
      try x.crossEntropy(t, labelSmoothing: 0.2, classWeights: weights), try x.meanSquaredError(p),
      try x.meanSquaredError(p, reduction: .sum), try x.binaryCrossEntropy(p),
    ]
    let logits = Tensor<Double>.randomNormal(shape: [4, 5, 2], using: &g)
    let target = Tensor<Double>.random(in: 0...1, shape: [4, 5, 2], using: &g)
    let numbers = Tensor(classes, shape: [4, 2])
    let results = try graph.evaluate(
      values, ["x": logits, "p": target, "t": Tensor(classes.map { Double($0) }, shape: [4, 2])])
    let expected = [
      try crossEntropy(logits, targets: numbers),
      try crossEntropy(logits, targets: numbers, labelSmoothing: 0.2),
      try crossEntropy(logits, targets: numbers, classWeights: weights),
      try crossEntropy(logits, targets: numbers, labelSmoothing: 0.2, classWeights: weights),
      try meanSquaredError(logits, target: target),
      try meanSquaredError(logits, target: target, reduction: .sum),
      try binaryCrossEntropy(logits: logits, target: target),
    ].map(\.loss)
    for (result, value) in zip(results, expected) {
      #expect(abs(result.scalars[0] - value) < 1e-12 * abs(value) + 1e-14)
    }
  }

  @Test func errorsNameTheLayer() throws {
    final class Network: Layer {
      let features = Sequential {
        Conv2d(3, 8, kernelSize: 3)
        ReLU()
        Conv2d(9, 4, kernelSize: 3)
      }
      func forward(_ x: Value) throws(GraphError) -> Value { try features(x) }
    }
    let network = Network()
    let graph = Graph(network)
    let error = #expect(throws: GraphError.self) { try network(graph.input("x", [1, 3, 8, 8])) }
    #expect(error?.layer == "features.2 (Conv2d)")
    #expect(error?.message.contains("1x8x6x6") == true && error?.message.contains("9") == true)
  }
}
