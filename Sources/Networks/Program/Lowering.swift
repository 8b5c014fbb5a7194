import Convolution
import Tensors

/// A graph on its way to a program: nodes that passes replace, in an order in which each comes after its inputs.
struct Lowering {
  var nodes: [Graph.Node]
  /// Nodes whose tensors are asked for: outputs, then the updates' values.
  var outputs: [Int]

  init(_ graph: Graph, outputs: [Int]) {
    (nodes, self.outputs) = (graph.nodes, outputs)
  }

  func inputs(_ i: Int) -> [Int] {
    if case .operation(_, let inputs) = nodes[i].source { inputs } else { [] }
  }

  func operation<Kind: Operator>(_ i: Int, _ kind: Kind.Type) -> Kind? {
    if case .operation(let operation, _) = nodes[i].source { operation as? Kind } else { nil }
  }

  /// How many nodes read each node, outputs counted.
  var useCounts: [Int] {
    var counts = [Int](repeating: 0, count: nodes.count)
    for i in nodes.indices { for input in inputs(i) { counts[input] += 1 } }
    for output in outputs { counts[output] += 1 }
    return counts
  }

  /// Without the nodes that no output depends on.
  mutating func removeDeadCode() {
    var isLive = [Bool](repeating: false, count: nodes.count)
    for output in outputs { isLive[output] = true }
    for i in nodes.indices.reversed() where isLive[i] { for input in inputs(i) { isLive[input] = true } }
    self = rebuilding { i, rebuilt in isLive[i] ? rebuilt.append(nodes[i]) : nil }
  }

  /// Outputs of cheap operators of the forward pass that the backward pass reads are computed again for it, so that they
  /// need not be kept: one more pass over memory each.
  /// - Parameter last: the last node of the forward pass.
  mutating func recompute(after last: Int) {
    var again: [Int: Int] = [:]
    self = rebuilding { i, rebuilt in
      guard i > last, case .operation(let operation, let inputs) = nodes[i].source else {
        return rebuilt.append(nodes[i])
      }
      func place(_ j: Int) -> Int {
        guard j <= last, isCheap(j) else { return rebuilt.places[j]! }
        if let known = again[j] { return known }
        guard case .operation(let operation, let inputs) = nodes[j].source else { return rebuilt.places[j]! }
        let copy = rebuilt.insert(operation, inputs.map(place), nodes[j].shape, layer: nodes[j].layer)
        again[j] = copy
        return copy
      }
      let places = inputs.map(place)
      return rebuilt.insert(operation, places, nodes[i].shape, layer: nodes[i].layer)
    }
  }

  private func isCheap(_ i: Int) -> Bool {
    guard case .operation(let operation, _) = nodes[i].source else { return false }
    return operation is Operators.Activate || operation is Operators.BatchNormTraining
      || operation is Operators.MaxPool || operation is Operators.Reshape
      || operation is Operators.Concatenate
      || (operation as? Operators.Binary)?.function == .add
  }

  /// Nodes copied one by one, with their inputs' new places.
  struct Rebuilt {
    fileprivate(set) var nodes: [Graph.Node] = []
    fileprivate(set) var places: [Int?]

    /// Adds a node whose inputs are named by their old places.
    mutating func append(_ node: Graph.Node) -> Int {
      var node = node
      if case .operation(let operation, let inputs) = node.source {
        node.source = .operation(operation, inputs.map { places[$0]! })
      }
      nodes.append(node)
      return nodes.count - 1
    }

    /// Adds a node whose inputs are named by their new places.
    mutating func insert(_ operation: some Operator, _ inputs: [Int], _ shape: Shape, layer: String) -> Int {
      nodes.append(Graph.Node(source: .operation(operation, inputs), shape: shape, layer: layer))
      return nodes.count - 1
    }
  }

  /// The list anew: `body` adds what stands for each node, and returns its place, or nil for none.
  func rebuilding(_ body: (Int, inout Rebuilt) -> Int?) -> Lowering {
    var rebuilt = Rebuilt(places: [Int?](repeating: nil, count: nodes.count))
    for i in nodes.indices { rebuilt.places[i] = body(i, &rebuilt) }
    var result = self
    result.nodes = rebuilt.nodes
    result.outputs = outputs.map { rebuilt.places[$0]! }
    return result
  }
}
