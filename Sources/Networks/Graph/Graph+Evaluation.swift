import Convolution
import Tensors

extension Graph {
  /// The values by their operators' definitions, one after another, in any scalar: what programs are checked against.
  /// - Parameters:
  ///   - values: what is asked for.
  ///   - inputs: a tensor for every input and parameter, by name.
  /// - Throws: ``GraphError`` for a missing tensor, or one of another shape.
  public func evaluate<Scalar: FloatingScalar>(
    _ values: [Value], _ inputs: [String: Tensor<Scalar>]
  ) throws(GraphError) -> [Tensor<Scalar>] {
    var isNeeded = [Bool](repeating: false, count: nodes.count)
    for value in values { isNeeded[value.index] = true }
    for i in nodes.indices.reversed() where isNeeded[i] {
      if case .operation(_, let inputs) = nodes[i].source { for input in inputs { isNeeded[input] = true } }
    }
    var tensors = [Tensor<Scalar>?](repeating: nil, count: nodes.count)
    for i in nodes.indices where isNeeded[i] {
      switch nodes[i].source {
      case .input(let name): tensors[i] = try tensor(name, nodes[i].shape, in: inputs)
      case .parameter(let k): tensors[i] = try tensor(parameters[k].name, nodes[i].shape, in: inputs)
      case .constant(let value): tensors[i] = Tensor(value.scalars.map { Scalar($0) }, shape: value.shape)
      case .operation(let operation, let from):
        do {
          tensors[i] = try operation(from.map { tensors[$0]! })
        } catch {
          throw GraphError("\(operation.name): \(error)", layer: nodes[i].layer)
        }
      }
    }
    return values.map { tensors[$0.index]! }
  }

  private func tensor<Scalar>(
    _ name: String, _ shape: Shape, in inputs: [String: Tensor<Scalar>]
  ) throws(GraphError) -> Tensor<Scalar> {
    guard let tensor = inputs[name] else { throw GraphError("\(name) is missing") }
    guard tensor.shape == shape else {
      throw GraphError("\(name) has the shape \(tensor.shape), not \(shape)")
    }
    return tensor
  }
}
