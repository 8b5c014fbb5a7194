import Convolve

/// One operator's speed beside the memory's bandwidth.
struct OperatorMeasurement: Encodable {
  let name: String
  let milliseconds: Double
  /// Bytes of inputs, weights and outputs, each moved once, in GB/s.
  let rate: Double
  /// Above 100 where the tensors stay in the caches.
  let percentOfBandwidth: Double

  /// Element-wise operators, pooling, normalisation, softmax and fully connected layers, of the sizes in networks for
  /// photographs.
  static func all(_ limits: MachineLimits, seconds: Double, only: String?) throws -> [OperatorMeasurement] {
    var generator = SeededGenerator(seed: 1)
    func tensor(_ shape: Shape) -> Tensor<Float> { .random(in: -1...1, shape: shape, using: &generator) }
    var results: [OperatorMeasurement] = []
    func measure(_ name: String, bytes: Int, _ body: () throws -> Void) throws {
      if let only, !name.contains(only) { return }
      let time = try medianTime(seconds: seconds, body)
      let rate = Double(bytes) / time * 1e-9
      results.append(
        OperatorMeasurement(
          name: name, milliseconds: time * 1e3, rate: rate, percentOfBandwidth: 100 * rate / limits.bandwidth)
      )
    }
    // Beyond the caches, and within them.
    for batch in [16, 1] {
      let x = tensor([batch, 64, 112, 112])
      let size = 4 * x.shape.count
      let label = "\(batch)x64x112x112"
      for (name, activation) in [("relu", Activation.relu), ("silu", .silu), ("tanh", .tanh)] {
        try measure("\(name) \(label)", bytes: 2 * size) { _ = activation(x) }
      }
      let statistics = RunningStatistics<Float>(channels: 64)
      try measure("batch norm \(label)", bytes: 2 * size) { _ = try batchNorm(x, running: statistics) }
      try measure("max pool 2x2 \(label)", bytes: size + size / 4) {
        _ = try maxPoolValues(x, .init(kernel: [2]))
      }
      try measure("max pool 3x3s2 \(label)", bytes: size + size / 4) {
        _ = try maxPoolValues(x, .init(kernel: [3], stride: [2], padding: .symmetric(1)))
      }
      try measure("average pool 2x2 \(label)", bytes: size + size / 4) {
        _ = try averagePool(x, .init(kernel: [2]))
      }
    }
    let logits = tensor([64, 1000])
    try measure("softmax 64x1000", bytes: 8 * logits.shape.count) { _ = try softmax(logits, axis: 1) }
    for (inFeatures, outFeatures) in [(25088, 4096), (4096, 4096), (2048, 1000)] {
      let weight = tensor([outFeatures, inFeatures])
      for batch in [1, 32] {
        let x = tensor([batch, inFeatures])
        let bytes = 4 * (weight.shape.count + batch * (inFeatures + outFeatures))
        try measure("linear \(inFeatures)->\(outFeatures), batch \(batch)", bytes: bytes) {
          _ = try linear(x, weight: weight)
        }
      }
    }
    return results
  }
}
