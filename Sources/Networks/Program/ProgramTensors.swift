import Tensors

/// Where the tensors of a program's nodes are: in one block that they share, or, where they outlive a run, in memory of
/// their own.
final class ProgramTensors {
  let plan: MemoryPlan
  private let nodes: [Graph.Node]
  private let isOutside: [Bool]
  private let block: Tensor<Float>
  /// What outlives a run: parameters, constants and what follows from them alone.
  private var kept: [Int: Tensor<Float>] = [:]

  init(_ lowering: Lowering, isOutside: [Bool]) {
    (nodes, self.isOutside) = (lowering.nodes, isOutside)
    plan = MemoryPlan(lowering, isOutside: isOutside)
    block = Tensor(zeros: [max(16, plan.count)])
    for i in nodes.indices {
      if case .constant(let value) = nodes[i].source { kept[i] = value }
    }
  }

  /// A node's tensor, over its memory.
  subscript(_ node: Int) -> Tensor<Float> {
    let (owner, shape) = (plan.owner[node], nodes[node].shape)
    guard isOutside[owner] else { return Tensor(borrowing: block.memory + plan.offset(node), shape: shape) }
    // Only now: what was let go of meanwhile is taken again.
    let room =
      kept[owner] ?? Tensor(unsafeUninitializedShape: [MemoryPlan.room(nodes[owner].shape)]) { _ in }
    kept[owner] = room
    return Tensor(borrowing: room.memory, shape: shape)
  }

  /// A parameter's memory is a tensor's, which is not copied.
  func keep(_ tensor: Tensor<Float>, for node: Int) { kept[node] = tensor }

  /// Nothing reads a node's tensor any more. Its pages go back to the system, unless a later one takes them: pages from
  /// the system are cleared first, which takes longer than folding weights into them.
  func letGo(of node: Int, later: [Int]) {
    let room = MemoryPlan.room(nodes[node].shape)
    let isTaken = later.contains { MemoryPlan.room(nodes[$0].shape) == room }
    if case .operation = nodes[node].source, isTaken {} else { kept[node]?.discard() }
    kept[node] = nil
  }
}

extension Tensor where Scalar == Float {
  /// Where the elements are, for as long as the tensor's storage lives.
  var memory: UnsafeMutablePointer<Float> {
    UnsafeMutablePointer(mutating: withUnsafeBufferPointer { $0.baseAddress! })
  }
}
