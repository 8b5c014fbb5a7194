import Tensors

/// An algorithm with its weights and tables, ready for inputs of one shape.
protocol PlannedConvolution: Sendable {
  /// Bytes of weights in the algorithm's order.
  var weightBytes: Int { get }

  /// Whether runs read the weight itself, not what was packed of it.
  var readsWeight: Bool { get }

  /// Bytes of working memory that each thread needs.
  var workspaceBytes: Int { get }

  /// Whether the residual may be where outputs are stored: each sum is read before its output takes its place.
  var addsInPlace: Bool { get }

  /// The same with other weights, whose order and tables stay.
  /// - Returns: false where it has to be made anew.
  mutating func repack(_ weight: Tensor<Float>, _ bias: [Float]?) -> Bool

  /// Frees the weights until they are packed again.
  mutating func releaseWeights()

  /// y from x. `finish` is called for every output once it is stored.
  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool)
}

extension PlannedConvolution {
  var readsWeight: Bool { false }
  var addsInPlace: Bool { false }
  mutating func repack(_ weight: Tensor<Float>, _ bias: [Float]?) -> Bool { false }
  mutating func releaseWeights() {}
}

/// The plain loops as a plan.
struct PlannedLoops: PlannedConvolution {
  let loops: ConvolutionLoops<Float>
  let weight: Tensor<Float>
  let bias: [Float]?

  var readsWeight: Bool { true }
  var weightBytes: Int { weight.shape.count * MemoryLayout<Float>.stride }
  var workspaceBytes: Int { 0 }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    weight.withUnsafeBufferPointer {
      loops.run(x, $0.baseAddress!, bias, into: y, pool: pool) { finish($0, count: $1) }
    }
  }
}

/// A transposed convolution as convolutions of stride 1, one after another: each writes its own outputs, which lie apart
/// from one another, so that they are finished together at the end.
struct PlannedPhases: PlannedConvolution {
  var phases: [any PlannedConvolution]
  let outputs: Int

  mutating func repack(_ weight: Tensor<Float>, _ bias: [Float]?) -> Bool {
    for i in phases.indices where !phases[i].repack(weight, bias) { return false }
    return true
  }

  mutating func releaseWeights() {
    for i in phases.indices { phases[i].releaseWeights() }
  }

  var readsWeight: Bool { phases.contains { $0.readsWeight } }
  var weightBytes: Int { phases.reduce(0) { $0 + $1.weightBytes } }
  var workspaceBytes: Int { phases.map(\.workspaceBytes).max() ?? 0 }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    let none = Finish(nil, adding: nil, to: y)
    for phase in phases { phase.run(x, into: y, none, pool: pool) }
    if finish.isIdentity { return }
    let piece = 1 << 15
    pool.parallelFor(outputs.dividedRoundingUp(by: piece)) { i in
      finish(y + i * piece, count: min(piece, outputs - i * piece))
    }
  }
}
