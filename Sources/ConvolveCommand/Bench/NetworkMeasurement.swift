import Convolve

/// A whole network's inference, timed.
struct NetworkMeasurement: Encodable {
  let net: String
  let batch: Int
  let threads: Int
  let ms: Double
  let imagesPerSecond: Double
  /// Two for each multiply-add of the definition.
  let gigaflopsPerSecond: Double
  let parameters: Int
  /// Bytes that the tensors of a run share.
  let tensorBytes: Int
  /// Milliseconds of each step of a run.
  let steps: [Step]

  struct Step: Encodable {
    let step: String
    let ms: Double
  }

  /// - Parameters:
  ///   - model: with its own weights where it has some, random ones otherwise.
  ///   - batch: images in a run.
  ///   - seconds: for how long it is run, after one run that is not counted.
  init(_ model: NamedModel, batch: Int, seconds: Double) throws {
    let imageShape = model.imageShape()
    let network = try model.network(imageShape: imageShape)
    let graph = Graph(network)
    let input = graph.input("images", Shape([batch] + imageShape.dimensions))
    let output = try network(input)
    let summary = NetworkSummary(graph)
    var weights = StateDict(initializing: graph.parameters)
    if case .onnx(let network) = model.kind {
      for name in network.state.names { weights[name] = network.state[name] }
    }
    let program = try Program(graph, outputs: [output], weights: weights)
    var g = SeededGenerator(seed: 1)
    let images = ["images": Tensor<Float>.randomNormal(shape: input.shape, using: &g)]
    let median = try medianTime(seconds: seconds) { _ = try program.run(images) }
    (net, self.batch, threads) = (model.name, batch, ThreadPool.shared.threadCount)
    ms = median * 1e3
    imagesPerSecond = Double(batch) / median
    gigaflopsPerSecond = 2e-9 * Double(summary.multiplyAdds) / median
    parameters = summary.parameters
    tensorBytes = program.peakBytes
    steps = try program.profile().map { Step(step: $0.step, ms: $0.seconds * 1e3) }
  }
}
