import Convolution
import Tensors

/// Runs an ONNX network node by node, each by the eager function of its operator.
public struct ONNXInterpreter: Sendable {
  public let model: ONNXModel

  public init(_ model: ONNXModel) { self.model = model }

  /// - Parameter inputs: in the order of ``ONNXModel/inputs``.
  /// - Returns: the network's outputs, in order.
  /// - Throws: ``InterchangeError`` for an operator that is not supported, named with its node, and for inputs that do
  ///   not fit; `GeometryError` for shapes that an operator refuses.
  public func callAsFunction(_ inputs: [ONNXValue]) throws -> [ONNXValue] {
    guard inputs.count == model.inputs.count else {
      throw InterchangeError.malformed("\(inputs.count) inputs for a network of \(model.inputs.count)")
    }
    var values = model.initializers
    for (name, value) in zip(model.inputs, inputs) { values[name] = value }
    for node in model.nodes {
      var arguments: [ONNXValue?] = []
      for name in node.inputs {
        if name.isEmpty {
          arguments.append(nil)
          continue
        }
        guard let value = values[name] else {
          throw InterchangeError.malformed("\(node.label) reads \"\(name)\", which nothing has written")
        }
        arguments.append(value)
      }
      let results = try Self.evaluate(node, ONNXArguments(node: node, values: arguments))
      for (name, result) in zip(node.outputs, results) where !name.isEmpty { values[name] = result }
    }
    return try model.outputs.map { name in
      guard let value = values[name] else {
        throw InterchangeError.malformed("the output \"\(name)\" is never written")
      }
      return value
    }
  }

  static func evaluate(_ node: ONNXNode, _ arguments: ONNXArguments) throws -> [ONNXValue] {
    if let results = try evaluateStructural(node, arguments) { return results }
    switch try arguments.required(0) {
    case .double(let x): return try evaluateFloating(node, arguments, x, ONNXValue.double)
    case .float(let x): return try evaluateFloating(node, arguments, x, ONNXValue.float)
    case .uint8(let x):
      return try evaluateExact(node, arguments, Tensor(x.scalars.map(Double.init), shape: x.shape)) {
        .uint8(Tensor($0.scalars.map { UInt8($0) }, shape: $0.shape))
      }
    case .int32(let x):
      return try evaluateExact(node, arguments, Tensor(x.scalars.map(Double.init), shape: x.shape)) {
        .int32(Tensor($0.scalars.map { Int32($0) }, shape: $0.shape))
      }
    case .int64: throw InterchangeError.unsupported("\(node.label) of 64-bit integers")
    }
  }

  /// Operators that only move or choose elements, which float64 holds exactly.
  private static func evaluateExact(
    _ node: ONNXNode, _ arguments: ONNXArguments, _ x: Tensor<Double>,
    _ wrap: @escaping (Tensor<Double>) -> ONNXValue
  ) throws -> [ONNXValue] {
    guard ["MaxPool", "Pad", "DepthToSpace", "SpaceToDepth"].contains(node.op) else {
      throw InterchangeError.unsupported("\(node.label) of integers")
    }
    return try evaluateFloating(node, arguments, x, wrap)
  }

  private static func evaluateFloating<Scalar: FloatingScalar>(
    _ node: ONNXNode, _ arguments: ONNXArguments, _ x: Tensor<Scalar>,
    _ wrap: @escaping (Tensor<Scalar>) -> ONNXValue
  ) throws -> [ONNXValue] {
    let operators = ONNXOperators(node: node, arguments: arguments, x: x, wrap: wrap)
    if let results = try operators.convolution() { return results }
    if let results = try operators.pooling() { return results }
    if let results = try operators.resampling() { return results }
    if let results = try operators.normalization() { return results }
    if let results = try operators.elementwise() { return results }
    if let results = try operators.arithmetic() { return results }
    throw InterchangeError.unsupported("operator \(node.label)")
  }
}

/// What a node is given.
struct ONNXArguments {
  let node: ONNXNode
  let values: [ONNXValue?]

  func optional(_ index: Int) -> ONNXValue? { index < values.count ? values[index] : nil }

  func required(_ index: Int) throws(InterchangeError) -> ONNXValue {
    guard let value = optional(index) else { throw .malformed("\(node.label) lacks its input \(index)") }
    return value
  }

  /// An input of integers.
  func integers(_ index: Int) throws(InterchangeError) -> [Int]? {
    guard let value = optional(index) else { return nil }
    guard let integers = value.integers else {
      throw .malformed("input \(index) of \(node.label) must hold integers")
    }
    return integers
  }

  /// An input of the scalar type that the node computes with.
  func tensor<Scalar: FloatingScalar>(
    _ index: Int, like _: Tensor<Scalar>
  ) throws(InterchangeError) -> Tensor<Scalar>? {
    switch optional(index) {
    case nil: return nil
    case .float(let t): if let t = t as? Tensor<Scalar> { return t }
    case .double(let t): if let t = t as? Tensor<Scalar> { return t }
    default: break
    }
    throw .malformed("input \(index) of \(node.label) is not of the first input's type")
  }
}

/// The operators on floats, by the room they belong to; each returns nil for a node that is not its own.
struct ONNXOperators<Scalar: FloatingScalar> {
  let node: ONNXNode
  let arguments: ONNXArguments
  let x: Tensor<Scalar>
  let wrap: (Tensor<Scalar>) -> ONNXValue

  func optional(_ index: Int) throws(InterchangeError) -> Tensor<Scalar>? {
    try arguments.tensor(index, like: x)
  }

  func required(_ index: Int) throws(InterchangeError) -> Tensor<Scalar> {
    guard let tensor = try optional(index) else {
      throw .malformed("\(node.label) lacks its input \(index)")
    }
    return tensor
  }

  /// An axis counted from the start or, where negative, from the end.
  func axis(_ axis: Int) throws(InterchangeError) -> Int {
    let rank = x.shape.rank
    guard (-rank..<rank).contains(axis) else {
      throw .malformed("axis \(axis) of \(node.label) for an input of rank \(rank)")
    }
    return axis < 0 ? axis + rank : axis
  }
}
