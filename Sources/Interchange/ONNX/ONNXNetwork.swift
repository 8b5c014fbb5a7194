import Convolution
import Networks
import Tensors

/// An ONNX network as a module: called with values of a graph, it adds its nodes there, so that programs fuse and plan them as
/// they do any network's.
///
/// Nodes of convolutional networks become the graph's own operators; others are run by their definition. What depends on
/// constants and shapes alone is computed while the graph is built. Initializers of floats are parameters, by their names.
public final class ONNXNetwork: Layer {
  public let model: ONNXModel

  /// - Parameters:
  ///   - model: the network.
  ///   - constants: inputs that stay the same, as sizes and paddings that are given as tensors.
  /// - Throws: ``InterchangeError`` where the model computes nothing.
  public init(_ model: ONNXModel, constants: [String: ONNXValue] = [:]) throws(InterchangeError) {
    guard !model.outputs.isEmpty else { throw .malformed("the ONNX model has no outputs") }
    self.model = model.fixing(constants)
  }

  /// The inputs' names and sizes, nil where a size is open.
  public var inputs: [(name: String, shape: [Int?])] {
    model.inputs.map { ($0, model.inputShapes[$0] ?? []) }
  }

  /// The initializers of floats.
  public var state: StateDict {
    StateDict(
      model.initializers.sorted { $0.key < $1.key }.compactMap { name, value in
        value.floats.map { (name, $0) }
      })
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    let outputs = try outputs([x])
    return outputs[0]
  }

  /// The network's outputs, in order.
  /// - Parameter inputs: in the order of ``ONNXModel/inputs``.
  /// - Throws: `GraphError` for a node that is not supported, named with its opset, and for shapes that do not fit.
  public func outputs(_ inputs: [Value]) throws(GraphError) -> [Value] {
    guard inputs.count == model.inputs.count, let graph = inputs.first?.graph else {
      throw GraphError("\(inputs.count) inputs for an ONNX network of \(model.inputs.count)")
    }
    var builder = ONNXGraphBuilder(network: self, graph: graph)
    for (name, value) in zip(model.inputs, inputs) { builder.entries[name] = .value(value) }
    for node in model.nodes {
      do {
        try builder.add(node)
      } catch let error as GraphError {
        throw GraphError("\(node.label): \(error.message)", layer: error.layer)
      } catch {
        throw GraphError("\(node.label): \(error)")
      }
    }
    var results: [Value] = []
    for name in model.outputs {
      guard let entry = builder.entry(name) else {
        throw GraphError("the output \"\(name)\" is never written")
      }
      results.append(try builder.value(entry))
    }
    return results
  }
}

/// Adds an ONNX network's nodes to a graph.
struct ONNXGraphBuilder {
  /// What a name stands for.
  enum Entry {
    case value(Value)
    /// Known while the graph is built.
    case constant(ONNXValue)
  }

  let network: ONNXNetwork
  let graph: Graph
  var entries: [String: Entry] = [:]

  init(network: ONNXNetwork, graph: Graph) { (self.network, self.graph) = (network, graph) }

  func entry(_ name: String) -> Entry? {
    entries[name] ?? network.model.initializers[name].map { .constant($0) }
  }

  /// A value of the graph: a parameter for an initializer of floats.
  func value(_ entry: Entry, name: String? = nil, isTrainable: Bool = true) throws(GraphError) -> Value {
    switch entry {
    case .value(let value): return value
    case .constant(let constant):
      guard let floats = constant.floats else { throw GraphError("integers where floats are computed") }
      if let name, network.model.initializers[name] != nil {
        return try graph.parameter(name, of: network, floats.shape, .zeros, isTrainable: isTrainable)
      }
      return graph.constant(floats)
    }
  }

  mutating func add(_ node: ONNXNode) throws {
    var arguments: [Entry?] = []
    for name in node.inputs {
      if name.isEmpty {
        arguments.append(nil)
      } else if let entry = entry(name) {
        arguments.append(entry)
      } else {
        throw GraphError("it reads \"\(name)\", which nothing has written")
      }
    }
    for (name, result) in zip(node.outputs, try results(node, arguments)) where !name.isEmpty {
      entries[name] = result
    }
  }

  private func results(_ node: ONNXNode, _ arguments: [Entry?]) throws -> [Entry] {
    if let known = try shapes(node, arguments) { return known }
    let constants = arguments.map { entry -> ONNXValue? in
      if case .constant(let value)? = entry { return value }
      return nil
    }
    let isKnown = zip(arguments, constants).allSatisfy { $0 == nil || $1 != nil }
    if isKnown {
      if let integers = try ONNXIntegers(node: node, arguments: constants)() {
        return integers.map { .constant($0) }
      }
      return try ONNXInterpreter.evaluate(node, ONNXArguments(node: node, values: constants)).map {
        .constant($0)
      }
    }
    if let value = try native(node, arguments, constants) { return [.value(value)] }
    // Graph operators put out one tensor: one operator for each output.
    return try node.outputs.indices.map { output in
      .value(try apply(ONNXNodeOperator(node, constants, output: output), arguments))
    }
  }

  private func apply(_ operation: some Operator, _ arguments: [Entry?]) throws -> Value {
    try graph.apply(
      operation,
      arguments.compactMap { entry in
        if case .value(let value)? = entry { return value }
        return nil
      })
  }

  /// What a value's shape alone decides.
  private func shapes(_ node: ONNXNode, _ arguments: [Entry?]) throws -> [Entry]? {
    guard case .value(let x)? = arguments.first ?? nil else { return nil }
    switch node.op {
    case "Shape":
      let sizes = x.shape.dimensions
      let (start, end) = (node.integer("start") ?? 0, node.integer("end") ?? sizes.count)
      func clamped(_ i: Int) -> Int { min(max(i < 0 ? i + sizes.count : i, 0), sizes.count) }
      let part = sizes[clamped(start)..<max(clamped(start), clamped(end))]
      return [.constant(.int64(Tensor(part.map(Int64.init), shape: [part.count])))]
    case "Size": return [.constant(.int64(Tensor([Int64(x.shape.count)], shape: [])))]
    default: return nil
    }
  }
}

extension ONNXValue {
  /// The elements of a float tensor as float32.
  var floats: Tensor<Float>? {
    switch self {
    case .float(let t): t
    case .double(let t): Tensor(t.scalars.map { Float($0) }, shape: t.shape)
    case .int64, .int32, .uint8: nil
    }
  }
}
