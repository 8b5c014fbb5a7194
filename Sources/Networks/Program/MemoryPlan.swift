import Convolution
import Tensors

/// Where each tensor of a program lies in one block of memory that tensors share which are not alive together.
struct MemoryPlan {
  /// The node whose memory a node's tensor is in: itself, or what it is a view of or may overwrite.
  private(set) var owner: [Int]
  /// Floats from the block's start, of nodes that own memory in it.
  private(set) var offsets: [Int: Int] = [:]
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
    var owner = Array(nodes.indices)
    // Views have no memory; their users are their owner's.
    for i in nodes.indices where lowering.operation(i, Operators.Reshape.self) != nil {
      owner[i] = owner[lowering.inputs(i)[0]]
    }
    var last = Array(nodes.indices)
    for i in nodes.indices {
      for input in lowering.inputs(i) { last[owner[input]] = max(last[owner[input]], i) }
    }
    for output in lowering.outputs { last[owner[output]] = nodes.count }
    // What dies as it is read may be written over.
    for i in nodes.indices where owner[i] == i && !isOutside[i] {
      guard case .operation(let operation, let inputs) = nodes[i].source else { continue }
      for k in operation.overwritableInputs {
        let source = owner[inputs[k]]
        if last[source] == i, !isOutside[source], Self.room(nodes[source].shape) == Self.room(nodes[i].shape)
        {
          for j in owner.indices where owner[j] == i { owner[j] = source }
          last[source] = last[i]
          break
        }
      }
    }
    self.owner = owner
    place(nodes, last, isOutside)
  }

  private struct Placed {
    let first: Int
    let last: Int
    let range: Range<Int>
  }

  /// The largest first, each at the lowest place that is free while it lives.
  private mutating func place(_ nodes: [Graph.Node], _ last: [Int], _ isOutside: [Bool]) {
    let owners = nodes.indices.filter { owner[$0] == $0 && !isOutside[$0] }
    var placed: [Placed] = []
    for i in owners.sorted(by: {
      (Self.room(nodes[$0].shape), $1) > (Self.room(nodes[$1].shape), $0)
    }) {
      let room = Self.room(nodes[i].shape)
      sum += room
      var offset = 0
      for other in placed where other.first <= last[i] && i <= other.last {
        if offset + room <= other.range.lowerBound { break }
        offset = max(offset, other.range.upperBound)
      }
      offsets[i] = offset
      count = max(count, offset + room)
      let item = Placed(first: i, last: last[i], range: offset..<offset + room)
      let index = placed.firstIndex { $0.range.lowerBound > offset } ?? placed.endIndex
      placed.insert(item, at: index)
    }
  }
}
