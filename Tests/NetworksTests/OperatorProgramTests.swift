import Convolution
import Networks
import Tensors
import Testing

/// Every operator and its gradients as a program runs them, against their definitions in float64.
@Suite struct OperatorProgramTests {
  private static let cases: [DifferentiationTests.Case] =
    DifferentiationTests.cases + [
      .init(description: "3-D max pooling", shapes: [[2, 3, 5, 4, 7]]) {
        try $0[0].apply(Operators.MaxPool(options: .init(kernel: [2, 3, 2], padding: .symmetric(1))))
      },
      .init(description: "3x3 max pooling by 3, rounded up", shapes: [[1, 3, 11, 13]]) {
        try $0[0].apply(Operators.MaxPool(options: .init(kernel: [3], ceilMode: true)))
      },
      .init(description: "3x3 average pooling of wide planes", shapes: [[2, 3, 20, 37]]) {
        try $0[0].apply(
          Operators.AveragePool(options: .init(kernel: [3], stride: [1], padding: .symmetric(1))))
      },
      .init(description: "1-D adaptive average pooling", shapes: [[2, 3, 11]]) {
        try $0[0].apply(Operators.AdaptiveAveragePool(outputSize: [4]))
      },
      .init(description: "sum of the middle axes", shapes: [[3, 4, 5, 6]]) { try $0[0].sum(axes: [1, 2]) },
      .init(description: "sum of the outer and the inner axis", shapes: [[3, 4, 5]]) {
        try $0[0].sum(axes: [0, 2])
      },
      .init(description: "antialiased resize", shapes: [[2, 2, 13, 9]]) {
        try $0[0].apply(Operators.Resize(outputSize: [4, 5], options: .linearAntialiased))
      },
      .init(description: "pixel unshuffle", shapes: [[1, 2, 4, 6]]) {
        try $0[0].apply(Operators.PixelShuffle(factor: 2, isInverse: true))
      },
      .init(description: "instance norm", shapes: [[2, 3, 4, 5], [3], [3]]) {
        try $0[0].apply(Operators.Normalize(kind: .instance, epsilon: 1e-3), $0[1], $0[2])
      },
    ]

  @Test(arguments: cases)
  func runsAsDefined(item: DifferentiationTests.Case) throws {
    let graph = Graph(DifferentiationTests.None(), mode: .training)
    var g = SeededGenerator(seed: 5)
    let inputs = item.shapes.enumerated().map { graph.input("x\($0)", $1) }
    let value = try item.body(inputs)
    let weights = graph.constant(.random(in: 0.2...1, shape: value.shape, using: &g))
    let loss = try (value * weights).sum().reshaped([])
    var tensors: [String: Tensor<Float>] = [:]
    for (i, shape) in item.shapes.enumerated() {
      let x = Tensor<Float>.randomNormal(shape: shape, using: &g)
      tensors["x\(i)"] = Tensor(x.scalars.map { $0 + Float(item.offset) }, shape: shape)
    }
    try ProgramTests.check(
      graph, [value, loss] + graph.gradients(of: loss, withRespectTo: inputs), tensors, tolerance: 5e-5)
  }

  /// The taps of a dilated window may all lie beside the samples: -infinity, as PyTorch, and no gradient.
  @Test(arguments: [[1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1, 1]] as [Shape])
  func windowsWithoutSamples(shape: Shape) throws {
    let options = PoolingGeometry.Options(kernel: [2], stride: [1], padding: .symmetric(1), dilation: [2])
    let graph = Graph(DifferentiationTests.None(), mode: .training)
    let x = graph.input("x", shape)
    let y = try x.apply(Operators.MaxPool(options: options))
    let dx = try graph.gradients(of: y.sum().reshaped([]), withRespectTo: [x])
    let results = try Program(graph, outputs: [y] + dx).run(["x": Tensor(repeating: 3, shape: shape)])
    #expect(results.map(\.scalars) == [[-.infinity], [0]])
    #expect(try maxPoolValues(Tensor<Float>(repeating: 3, shape: shape), options).scalars == [-.infinity])
  }
}
