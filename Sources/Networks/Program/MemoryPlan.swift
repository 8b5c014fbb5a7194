import Convolution
import Tensors

/// Where each tensor of a program lies in one block of memory that tensors share which are not alive together.
struct MemoryPlan {
  /// The node whose memory a node's tensor is in: itself, what it is a view of or may overwrite, or what it is a part of.
  private(set) var owner: [Int]
  /// Floats from the start of the owner's memory, of each node.
  private var starts: [Int]
  /// Floats from the block's start, of nodes that own memory in it.
  private var offsets: [Int: Int] = [:]
  /// Floats of the block.
  private(set) var count = 0
  /// Floats of all tensors in it, had each its own.
  private(set) var sum = 0

  /// Tensors end on whole vectors.
  static func room(_ shape: Shape) -> Int { max(1, shape.count).dividedRoundingUp(by: 16) * 16 }

  /// - Parameters:
  ///   - lowering: the nodes in order.
  ///   - isOutside: nodes whose tensors stay from run to run, in memory of their own.
  init(_ lowering: Lowering, isOutside: [Bool]) {
    let nodes = lowering.nodes
    owner = Array(nodes.indices)
    starts = [Int](repeating: 0, count: nodes.count)
    // Views have no memory; their users are their owner's.
    for i in nodes.indices where lowering.operation(i, Operators.Reshape.self) != nil {
      owner[i] = owner[lowering.inputs(i)[0]]
    }
    // The last ones first, as one may be a part of another.
    for i in nodes.indices.reversed() where !isOutside[i] { putPartsInPlace(of: i, lowering, isOutside) }
    var last = Array(nodes.indices)
    for i in nodes.indices {
      for input in lowering.inputs(i) { last[owner[input]] = max(last[owner[input]], i) }
    }
    for output in lowering.outputs { last[owner[output]] = nodes.count }
    // What dies as it is read may be written over, if nothing else is read from there.
    for i in nodes.indices where owner[i] == i && !isOutside[i] {
      guard case .operation(let operation, let inputs) = nodes[i].source else { continue }
      for k in operation.overwritableInputs {
        let source = owner[inputs[k]]
        let room = Self.room(nodes[i].shape)
        let isReadElsewhere = inputs.indices.contains {
          owner[inputs[$0]] == source && !operation.overwritableInputs.contains($0)
        }
        if last[source] == i, !isOutside[source], !isReadElsewhere, room == Self.room(nodes[source].shape),
          room == Self.room(nodes[inputs[k]].shape)
        {
          for j in owner.indices where owner[j] == i { owner[j] = source }
          last[source] = last[i]
          break
        }
      }
    }
    place(nodes, last, isOutside)
  }

  /// Where a node's tensor starts, in floats from the block's start.
  func offset(_ node: Int) -> Int { offsets[owner[node]]! + starts[node] }

  /// What a concatenation puts side by side is put out there, where its tensors lie one after another.
  private mutating func putPartsInPlace(of node: Int, _ lowering: Lowering, _ isOutside: [Bool]) {
    let nodes = lowering.nodes
    guard let axis = lowering.operation(node, Operators.Concatenate.self)?.axis,
      nodes[node].shape.dimensions[..<axis].allSatisfy({ $0 == 1 })
    else { return }
    var start = starts[node]
    for part in lowering.inputs(node) {
      let (source, count) = (owner[part], nodes[part].shape.count)
      // A part of another one, or what does not end on whole vectors, is copied.
      if source <= part, !isOutside[source], start.isMultiple(of: 16), count == Self.room(nodes[source].shape)
      {
        for i in owner.indices where owner[i] == source { (owner[i], starts[i]) = (owner[node], start) }
      }
      start += count
    }
  }

  private struct Placed {
    let first: Int
    let last: Int
    let range: Range<Int>
  }

  /// The largest first, each at the lowest place that is free while it lives.
  private mutating func place(_ nodes: [Graph.Node], _ last: [Int], _ isOutside: [Bool]) {
    let owners = nodes.indices.filter { owner[$0] == $0 && !isOutside[$0] }
    // A part may be there before the whole, and inputs are from the start.
    var first = Array(nodes.indices)
    for i in nodes.indices {
      let start = if case .input = nodes[i].source { 0 } else { i }
      first[owner[i]] = min(first[owner[i]], start)
    }
    var placed: [Placed] = []
    for i in owners.sorted(by: {
      (Self.room(nodes[$0].shape), $1) > (Self.room(nodes[$1].shape), $0)
    }) {
      let room = Self.room(nodes[i].shape)
      sum += room
      var offset = 0
      for other in placed where other.first <= last[i] && first[i] <= other.last {
        if offset + room <= other.range.lowerBound { break }
        offset = max(offset, other.range.upperBound)
      }
      offsets[i] = offset
      count = max(count, offset + room)
      let item = Placed(first: first[i], last: last[i], range: offset..<offset + room)
      let index = placed.firstIndex { $0.range.lowerBound > offset } ?? placed.endIndex
      placed.insert(item, at: index)
    }
  }
}
