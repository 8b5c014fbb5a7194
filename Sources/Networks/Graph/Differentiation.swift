import Tensors

extension Graph {
  /// Adds the backward pass.
  /// - Parameters:
  ///   - loss: of one element.
  ///   - values: what to differentiate by.
  /// - Returns: dL/d(value) of each value's shape, zeros where the loss does not depend on it. They are values like
  ///   others, and have gradients themselves.
  /// - Throws: ``GraphError`` for a loss of many elements, and where an operator on the way has no gradient.
  public func gradients(of loss: Value, withRespectTo values: [Value]) throws(GraphError) -> [Value] {
    guard loss.shape.count == 1 else {
      throw GraphError(
        "the gradient of a tensor of shape \(loss.shape): take that of one number, such as its sum")
    }
    // Nodes between the values and the loss.
    var depends = [Bool](repeating: false, count: loss.index + 1)
    for value in values where value.index <= loss.index { depends[value.index] = true }
    for i in 0...loss.index where !depends[i] {
      if case .operation(_, let inputs) = nodes[i].source { depends[i] = inputs.contains { depends[$0] } }
    }
    var upstream: [Int: Value] = [loss.index: constant(Tensor(repeating: 1, shape: loss.shape))]
    for i in stride(from: loss.index, through: 0, by: -1) where depends[i] {
      guard let u = upstream[i], case .operation(let operation, let inputs) = nodes[i].source else {
        continue
      }
      let arguments = inputs.map { Value(graph: self, index: $0) }
      let gradients: [Value?]
      do {
        gradients = try operation.gradients(
          upstream: u, inputs: arguments, output: Value(graph: self, index: i))
      } catch {
        throw GraphError("the gradient of \(operation.name): \(error.message)", layer: nodes[i].layer)
      }
      precondition(gradients.count == inputs.count, "\(operation.name) has a gradient for each input")
      for (input, gradient) in zip(inputs, gradients) where depends[input] {
        guard let gradient else { continue }
        precondition(
          gradient.shape == nodes[input].shape,
          "\(operation.name): a gradient of shape \(gradient.shape) for \(nodes[input].shape)")
        upstream[input] =
          try upstream[input].map { (sum) throws(GraphError) in try sum + gradient } ?? gradient
      }
    }
    var results: [Value] = []
    for value in values {
      results.append(upstream[value.index] ?? constant(Tensor(zeros: value.shape)))
    }
    return results
  }
}
