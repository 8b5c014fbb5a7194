import Tensors

/// A loss, the backward pass and the parameters that an optimiser moves, as one program.
public final class TrainingProgram {
  public let program: Program
  private let otherCount: Int
  /// The trainable parameters, over the program's own memory.
  private var parameters: [Tensor<Float>]
  /// dL/d(parameter) of the last run, over the program's own memory.
  private var gradients: [Tensor<Float>]
  public let parameterNames: [String]

  /// - Parameters:
  ///   - graph: of training.
  ///   - loss: of one element.
  ///   - others: what runs put out besides, such as logits.
  ///   - frozen: parameters that stay as they are, by name.
  ///   - seed: of random steps.
  ///   - memoryLimit: bytes that the tensors of a run may share; see ``Program``.
  /// - Throws: ``GraphError``, also where the limit cannot be kept.
  public init(
    _ graph: Graph, loss: Value, others: [Value] = [], frozen: Set<String> = [], seed: UInt64 = 0,
    memoryLimit: Int? = nil
  ) throws(GraphError) {
    let trained = graph.parameters.filter { $0.isTrainable && !frozen.contains($0.name) }
    let values = trained.map { graph.parameter(named: $0.name)! }
    let slopes = try graph.gradients(of: loss, withRespectTo: values)
    let program = try Program(graph, outputs: [loss] + others + slopes, seed: seed, memoryLimit: memoryLimit)
    self.program = program
    otherCount = others.count
    parameterNames = trained.map(\.name)
    parameters = trained.map { Tensor(borrowing: program.pointer($0.name)!, shape: $0.shape) }
    gradients = trained.indices.map {
      Tensor(
        borrowing: UnsafeMutablePointer(mutating: program.outputPointer(1 + others.count + $0)),
        shape: trained[$0].shape)
    }
  }

  /// Sets an input's elements in place.
  public func fill(
    _ input: String, _ body: (UnsafeMutableBufferPointer<Float>) -> Void
  ) throws(GraphError) { try program.fill(input, body) }

  /// Runs forward and backward on the inputs that were filled in.
  /// - Returns: the loss.
  public func run() throws(GraphError) -> Float {
    try program.run()
    return program.outputPointer(0).pointee
  }

  /// Gives parameters to another program that has them, such as a generator's to the program of its discriminator.
  public func copyParameters(to other: TrainingProgram, where isIncluded: (String) -> Bool) {
    program.copyParameters(to: other.program, where: isIncluded)
  }

  /// Runs so far, which random steps go by.
  public var runs: UInt64 {
    get { program.runs }
    set { program.runs = newValue }
  }

  /// One of the other outputs of the last run.
  public func withOther<Result>(_ i: Int, count: Int, _ body: (UnsafeBufferPointer<Float>) -> Result)
    -> Result
  {
    precondition((0..<otherCount).contains(i), "there are \(otherCount) other outputs")
    return body(UnsafeBufferPointer(start: program.outputPointer(1 + i), count: count))
  }

  /// The gradient of a parameter, by its place in ``parameterNames``, in the last run.
  public func gradient(_ i: Int) -> Tensor<Float> { Tensor(gradients[i].scalars, shape: gradients[i].shape) }

  /// The length of all gradients together.
  public var gradientNorm: Double {
    gradients.reduce(0) { $0 + $1.sumOfSquares }.squareRoot()
  }

  /// Scales the gradients so that their length together is at most `limit`. PyTorch's `clip_grad_norm_`.
  /// - Returns: the length before.
  @discardableResult
  public func clipGradients(norm limit: Double) -> Double {
    let norm = gradientNorm
    let factor = limit / (norm + 1e-6)
    if factor < 1 { for i in gradients.indices { gradients[i].scale(by: Float(factor)) } }
    return norm
  }

  /// Moves the parameters against the gradients of the last run.
  public func step(_ optimizer: inout some Optimizer) {
    optimizer.step(&parameters, gradients: gradients)
  }

  /// The same, by an optimiser of any type.
  public func step(_ optimizer: inout any Optimizer) {
    optimizer.step(&parameters, gradients: gradients)
  }
}

extension Tensor where Scalar == Float {
  /// In order, by runs of vectors, so that the bits do not depend on threads.
  fileprivate var sumOfSquares: Double {
    withUnsafeBufferPointer { x in
      var total = 0.0
      for start in Swift.stride(from: 0, to: x.count, by: 4096) {
        var sums = SIMD16<Float>.zero
        var i = start
        let end = Swift.min(x.count, start + 4096)
        while i + 16 <= end {
          let v = UnsafeRawPointer(x.baseAddress! + i).loadUnaligned(as: SIMD16<Float>.self)
          sums += v * v
          i += 16
        }
        var rest: Float = 0
        while i < end {
          rest += x[i] * x[i]
          i += 1
        }
        total += Double(sums.sum() + rest)
      }
      return total
    }
  }

  fileprivate mutating func scale(by factor: Float) {
    withUnsafeMutableBufferPointer { x in for i in x.indices { x[i] *= factor } }
  }
}
