import Tensors

/// A rule that moves parameters against their gradients, and what it remembers from step to step.
public protocol Optimizer: Sendable {
  /// Moves every parameter by one step.
  /// - Parameters:
  ///   - parameters: the same ones, in the same order, at every step.
  ///   - gradients: dL/d(parameter), of the parameters' shapes.
  /// - Precondition: the shapes fit.
  mutating func step<Scalar: FloatingScalar>(
    _ parameters: inout [Tensor<Scalar>], gradients: [Tensor<Scalar>])

  var learningRate: Double { get set }

  /// What it remembers, to be saved with the parameters.
  var memory: OptimizerMemory { get set }
}

/// What an optimiser remembers: steps taken, and up to two numbers for each element of each parameter, 0 at first.
public struct OptimizerMemory: Sendable {
  public internal(set) var steps = 0
  private var floats: [[Tensor<Float>]] = []
  private var doubles: [[Tensor<Double>]] = []

  public init() {}

  /// The numbers of float32 parameters as tensors: `[slot][parameter]`.
  public var slots: [[Tensor<Float>]] { floats }

  /// What ``slots`` and ``steps`` were.
  public init(steps: Int, slots: [[Tensor<Float>]]) { (self.steps, floats) = (steps, slots) }

  /// Replaces every element by what the rule makes of it, of its gradient and of its memory.
  @inline(__always)
  mutating func update<Scalar: FloatingScalar, Rule: UpdateRule<Scalar>>(
    _ parameters: inout [Tensor<Scalar>], _ gradients: [Tensor<Scalar>], slots: Int, _ rule: Rule
  ) {
    precondition(
      parameters.map(\.shape) == gradients.map(\.shape), "the gradients' shapes are not the parameters'")
    steps += 1
    var memory =
      Scalar.self == Float.self ? (floats as! [[Tensor<Scalar>]]) : (doubles as! [[Tensor<Scalar>]])
    floats = []
    doubles = []
    if memory.isEmpty {
      memory = (0..<slots).map { _ in parameters.map { Tensor(zeros: $0.shape) } }
    }
    let piece = 1 << 15
    for i in parameters.indices {
      precondition(
        memory.allSatisfy { $0[i].shape == parameters[i].shape },
        "the parameters have changed since the last step")
      let count = parameters[i].shape.count
      let p = parameters[i].withUnsafeMutableBufferPointer { $0.baseAddress }
      let g = gradients[i].withUnsafeBufferPointer { $0.baseAddress }
      guard let p, let g else { continue }
      // Without a slot, its place is not used: the parameter's own stands for it.
      let m = slots > 0 ? memory[0][i].withUnsafeMutableBufferPointer { $0.baseAddress! } : p
      let v = slots > 1 ? memory[1][i].withUnsafeMutableBufferPointer { $0.baseAddress! } : p
      ThreadPool.shared.parallelFor(count.dividedRoundingUp(by: piece)) { part in
        let start = part * piece
        apply(
          rule, p + start, g + start, slots > 0 ? m + start : nil, slots > 1 ? v + start : nil,
          count: min(piece, count - start))
      }
    }
    if let memory = memory as? [[Tensor<Float>]] {
      floats = memory
    } else {
      doubles = memory as! [[Tensor<Double>]]
    }
  }
}

/// One element's step.
protocol UpdateRule<Scalar>: Sendable {
  associatedtype Scalar: FloatingScalar
  func callAsFunction(_ p: inout Scalar, _ gradient: Scalar, _ m: inout Scalar, _ v: inout Scalar)
}

/// A loop for each number of slots, so that each becomes vector code.
@inline(__always)
private func apply<Rule: UpdateRule>(
  _ rule: Rule, _ p: UnsafeMutablePointer<Rule.Scalar>, _ g: UnsafePointer<Rule.Scalar>,
  _ m: UnsafeMutablePointer<Rule.Scalar>?, _ v: UnsafeMutablePointer<Rule.Scalar>?, count: Int
) {
  var none: (Rule.Scalar, Rule.Scalar) = (0, 0)
  if let m, let v {
    for j in 0..<count { rule(&p[j], g[j], &m[j], &v[j]) }
  } else if let m {
    for j in 0..<count { rule(&p[j], g[j], &m[j], &none.1) }
  } else {
    for j in 0..<count { rule(&p[j], g[j], &none.0, &none.1) }
  }
}
