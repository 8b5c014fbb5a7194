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
}

/// What an optimiser remembers of each element of each parameter: two numbers, 0 at first.
struct Memory: Sendable {
  private var values: [[SIMD2<Double>]] = []

  /// Replaces every element by what `body` makes of it, of its gradient and of its memory.
  mutating func update<Scalar: FloatingScalar>(
    _ parameters: inout [Tensor<Scalar>], _ gradients: [Tensor<Scalar>],
    _ body: (_ parameter: Double, _ gradient: Double, _ memory: inout SIMD2<Double>) -> Double
  ) {
    precondition(
      parameters.map(\.shape) == gradients.map(\.shape), "the gradients' shapes are not the parameters'")
    if values.isEmpty { values = parameters.map { Array(repeating: .zero, count: $0.shape.count) } }
    for i in parameters.indices {
      precondition(
        values[i].count == parameters[i].shape.count, "the parameters have changed since the last step")
      values[i].withUnsafeMutableBufferPointer { memory in
        gradients[i].withUnsafeBufferPointer { gradient in
          parameters[i].withUnsafeMutableBufferPointer { parameter in
            for j in parameter.indices {
              parameter[j] = Scalar(body(Double(parameter[j]), Double(gradient[j]), &memory[j]))
            }
          }
        }
      }
    }
  }
}
