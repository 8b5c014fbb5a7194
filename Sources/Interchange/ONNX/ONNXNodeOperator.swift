import Convolution
import Networks
import Tensors

/// A node that the graph has no operator of its own for, run by the eager function that the interpreter has.
struct ONNXNodeOperator: Operator {
  /// Compared as an object: a node stands for itself.
  private final class Definition: Sendable {
    let node: ONNXNode
    /// For each input, its constant; the others are the graph's.
    let constants: [ONNXValue?]
    let isGiven: [Bool]

    init(_ node: ONNXNode, _ constants: [ONNXValue?]) {
      (self.node, self.constants) = (node, constants)
      isGiven = zip(node.inputs, constants).map { !$0.isEmpty && $1 == nil }
    }
  }

  private let definition: Definition
  private let output: Int

  init(_ node: ONNXNode, _ constants: [ONNXValue?], output: Int) {
    (definition, self.output) = (Definition(node, constants), output)
  }

  static func == (a: ONNXNodeOperator, b: ONNXNodeOperator) -> Bool {
    a.definition === b.definition && a.output == b.output
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(ObjectIdentifier(definition))
    hasher.combine(output)
  }

  var name: String { definition.node.label }

  func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
    // Asked of the definition, with ones: zeros would be divided by.
    try self(inputs.map { Tensor<Float>(repeating: 1, shape: $0) }).shape
  }

  func callAsFunction<Scalar: FloatingScalar>(
    _ inputs: [Tensor<Scalar>]
  ) throws(GeometryError) -> Tensor<Scalar> {
    var next = 0
    let values = definition.constants.enumerated().map { i, constant -> ONNXValue? in
      guard definition.isGiven[i] else { return constant.map { Self.converted($0, to: Scalar.self) } }
      defer { next += 1 }
      return Self.wrapped(inputs[next])
    }
    let results: [ONNXValue]
    do {
      results = try ONNXInterpreter.evaluate(
        definition.node, ONNXArguments(node: definition.node, values: values))
    } catch {
      throw (error as? GeometryError) ?? .invalid("\(error)")
    }
    guard output < results.count else {
      throw .invalid("output \(output) of a node that puts out \(results.count)")
    }
    let doubles = results[output]
    switch doubles {
    case .float(let t as Tensor<Scalar>): return t
    case .double(let t as Tensor<Scalar>): return t
    default: return Tensor(doubles.doubles.map { Scalar($0) }, shape: doubles.shape)
    }
  }

  private static func wrapped<Scalar: FloatingScalar>(_ tensor: Tensor<Scalar>) -> ONNXValue {
    if let tensor = tensor as? Tensor<Float> { return .float(tensor) }
    return .double(Tensor(tensor.scalars.map { Double($0) }, shape: tensor.shape))
  }

  private static func converted<Scalar>(_ value: ONNXValue, to _: Scalar.Type) -> ONNXValue {
    switch value {
    case .float(let t) where Scalar.self == Double.self:
      .double(Tensor(t.scalars.map(Double.init), shape: t.shape))
    case .double(let t) where Scalar.self == Float.self:
      .float(Tensor(t.scalars.map { Float($0) }, shape: t.shape))
    default: value
    }
  }

  func gradients(upstream: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
    throw GraphError("\(name) has no gradient: it is there for inference alone")
  }
}
