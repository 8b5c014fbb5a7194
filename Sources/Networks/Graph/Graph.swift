import Convolution
import Tensors

/// A network as operators with inferred shapes: nothing has run.
///
/// Layers add nodes when they are called with a ``Value``; ``gradients(of:withRespectTo:)`` adds the backward pass;
/// ``Program`` makes it something that runs.
public final class Graph {
  /// What layers do differently: dropout and batch normalisation.
  public enum Mode: Sendable, Hashable {
    case inference
    case training
  }

  /// Where a node's tensor comes from.
  package enum Source {
    case input(String)
    case parameter(Int)
    case constant(Tensor<Float>)
    case operation(any Operator, [Int])
  }

  package struct Node {
    package var source: Source
    package let shape: Shape
    /// The path of the layer that made it.
    package let layer: String
  }

  /// A tensor with a name that training changes, or a buffer that layers keep.
  public struct Parameter: Sendable {
    /// As in PyTorch's state dict: `layer1.0.conv1.weight`.
    public let name: String
    public let shape: Shape
    public let initializer: Initializer
    /// Whether gradients move it; buffers of statistics are not moved.
    public let isTrainable: Bool
  }

  public let mode: Mode
  package internal(set) var nodes: [Node] = []
  public private(set) var parameters: [Parameter] = []
  /// Buffers that a run changes, and what they become.
  private(set) var updates: [(parameter: Int, value: Int)] = []
  private var parameterNodes: [String: Int] = [:]
  private let paths: [ObjectIdentifier: String]
  private var layers: [String] = []
  private var layerOutputs: [String: Int] = [:]
  private var known: [Key: Int] = [:]

  private struct Key: Hashable {
    let operation: AnyHashable
    let inputs: [Int]
  }

  /// - Parameters:
  ///   - network: whose layers' parameters get their names from the properties that hold them.
  ///   - mode: inference, or training.
  public init(_ network: any Module, mode: Mode = .inference) {
    self.mode = mode
    paths = modulePaths(network)
  }

  /// What is given at every run.
  public func input(_ name: String, _ shape: Shape) -> Value {
    append(Node(source: .input(name), shape: shape, layer: ""))
  }

  /// A tensor that never changes.
  public func constant(_ tensor: Tensor<Float>) -> Value {
    append(Node(source: .constant(tensor), shape: tensor.shape, layer: ""))
  }

  /// A parameter of a layer: the same one however often the layer is called.
  /// - Throws: ``GraphError`` for a layer that no property of the network holds.
  public func parameter(
    _ name: String, of module: some Module, _ shape: Shape, _ initializer: Initializer,
    isTrainable: Bool = true
  ) throws(GraphError) -> Value {
    guard let path = paths[ObjectIdentifier(module)] else {
      throw GraphError(
        "a layer that no property of the network holds: keep it in one, so that its \(name) has a name",
        layer: layer)
    }
    let full = path.isEmpty ? name : "\(path).\(name)"
    if let node = parameterNodes[full] { return Value(graph: self, index: node) }
    parameters.append(Parameter(name: full, shape: shape, initializer: initializer, isTrainable: isTrainable))
    let value = append(Node(source: .parameter(parameters.count - 1), shape: shape, layer: layer))
    parameterNodes[full] = value.index
    return value
  }

  /// The node of a parameter's name.
  public func parameter(named name: String) -> Value? {
    parameterNodes[name].map { Value(graph: self, index: $0) }
  }

  /// What the layer at a path put out last; nil for a path that no layer has, or one that was not called.
  public func output(ofLayer path: String) -> Value? {
    layerOutputs[path].map { Value(graph: self, index: $0) }
  }

  func note(_ output: Value, of module: some Module) {
    if let path = paths[ObjectIdentifier(module)] { layerOutputs[path] = output.index }
  }

  /// The last planes that were computed, of more than one place: a classifier's features before they are pooled.
  public var lastFeatureMaps: Value? {
    let index = nodes.lastIndex { node in
      guard case .operation(let operation, _) = node.source, node.shape.rank == 4 else { return false }
      return node.shape[2] * node.shape[3] > 1 && !operation.name.contains("pooling")
    }
    return index.map { Value(graph: self, index: $0) }
  }

  /// The trainable parameters' nodes, in the order in which layers asked for them.
  public var trainable: [Value] {
    parameters.filter(\.isTrainable).map { Value(graph: self, index: parameterNodes[$0.name]!) }
  }

  /// Says what a buffer becomes after a run.
  public func update(_ parameter: Value, to value: Value) {
    guard case .parameter(let index) = nodes[parameter.index].source else {
      preconditionFailure("only a parameter can be updated")
    }
    precondition(parameter.shape == value.shape, "an update of another shape")
    updates.removeAll { $0.parameter == index }
    updates.append((index, value.index))
  }

  /// Adds an operation, or finds the same one.
  /// - Throws: ``GraphError`` with the layer and the shapes that do not fit.
  public func apply(_ operation: some Operator, _ inputs: [Value]) throws(GraphError) -> Value {
    let key = Key(operation: AnyHashable(operation), inputs: inputs.map(\.index))
    if let index = known[key] { return Value(graph: self, index: index) }
    let shape: Shape
    do {
      shape = try operation.outputShape(inputs.map(\.shape))
    } catch {
      let shapes = inputs.map { "\($0.shape)" }.joined(separator: ", ")
      throw GraphError("\(operation.name) of \(shapes): \(error)", layer: layer)
    }
    let value = append(Node(source: .operation(operation, key.inputs), shape: shape, layer: layer))
    known[key] = value.index
    return value
  }

  private func append(_ node: Node) -> Value {
    nodes.append(node)
    return Value(graph: self, index: nodes.count - 1)
  }

  /// The layer that is being called.
  var layer: String { layers.last ?? "" }

  func within<Result>(
    _ module: some Module, _ body: () throws(GraphError) -> Result
  ) throws(GraphError) -> Result {
    let path = paths[ObjectIdentifier(module)] ?? layer
    layers.append("\(path.isEmpty ? "network" : path) (\(type(of: module)))")
    defer { layers.removeLast() }
    return try body()
  }
}
