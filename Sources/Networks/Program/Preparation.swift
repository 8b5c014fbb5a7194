import Convolution
import Tensors

/// What a program does before its first run: steps are made, what follows from weights alone is computed, and steps pack
/// their weights.
struct Preparation {
  struct Entry {
    /// The operation.
    let node: Int
    /// Where an operation of constants puts its result.
    let result: Int?
    /// What it reads of what outlives runs.
    let reads: [Int]
    fileprivate var step: (any Step)?

    init(node: Int, result: Int?, reads: [Int]) {
      (self.node, self.result, self.reads) = (node, result, reads)
    }
  }

  private var entries: [Entry] = []
  /// What is read from outside.
  private let needed: Set<Int>

  /// - Parameters:
  ///   - operations: in the order of runs. Those of constants are moved to just before the first that needs them, so that
  ///     what they read and write can be let go of soon.
  ///   - needed: what is read from outside.
  init(_ operations: [Entry], needed: [Int]) {
    self.needed = Set(needed)
    var makers: [Int: Int] = [:]
    for (i, entry) in operations.enumerated() { if let result = entry.result { makers[result] = i } }
    var (ordered, isPlaced) = ([Entry](), [Bool](repeating: false, count: operations.count))
    func place(_ i: Int) {
      if isPlaced[i] { return }
      isPlaced[i] = true
      for node in operations[i].reads { if let maker = makers[node] { place(maker) } }
      ordered.append(operations[i])
    }
    for i in operations.indices where operations[i].result == nil { place(i) }
    for i in operations.indices { place(i) }
    entries = ordered
  }

  /// The operations of every run, in order.
  var stepNodes: [Int] { entries.filter { $0.result == nil }.map(\.node) }

  /// The steps of every run, in order, once they are made.
  var steps: [any Step] { entries.filter { $0.result == nil }.compactMap(\.step) }

  /// - Parameters:
  ///   - make: the step of an operation, which is asked for once, when all that it reads is there.
  ///   - release: told each node that no step reads any more, and the results that are still to come.
  mutating func run(
    make: (Int) throws(GraphError) -> any Step, release: (Int, _ later: [Int]) -> Void
  ) throws(GraphError) {
    var readers: [Int: Int] = [:]
    for entry in entries { for node in entry.reads { readers[node, default: 0] += 1 } }
    for i in entries.indices {
      let entry = entries[i]
      let step = if let made = entry.step { made } else { try make(entry.node) }
      entries[i].step = step
      do {
        try step.prepare()
        if entry.result != nil { try step.run() }
      } catch {
        throw GraphError("\(error)")
      }
      if entry.result == nil && step.readsConstants { continue }
      for node in entry.reads {
        readers[node]! -= 1
        if readers[node] == 0, !needed.contains(node) {
          release(node, entries[(i + 1)...].compactMap(\.result))
        }
      }
    }
  }
}
