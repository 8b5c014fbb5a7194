import Convolution
import Tensors

/// What a program does before its first run: what follows from weights alone is computed, and steps pack their weights.
struct Preparation {
  private struct Entry {
    let step: any Step
    /// Where a constant step puts its result.
    let node: Int?
    /// What it reads of what outlives runs.
    let reads: [Int]
  }

  private var entries: [Entry] = []
  /// What is read from outside.
  private var needed: Set<Int> = []

  /// Adds a step, in the order of runs.
  mutating func append(_ step: any Step, node: Int?, reads: [Int]) {
    entries.append(Entry(step: step, node: node, reads: reads))
  }

  /// Moves constant steps to just before the first step that needs them, so that what they read and write can be let go of
  /// soon.
  mutating func order(needed: [Int]) {
    self.needed = Set(needed)
    var makers: [Int: Int] = [:]
    for (i, entry) in entries.enumerated() { if let node = entry.node { makers[node] = i } }
    var (ordered, isPlaced) = ([Entry](), [Bool](repeating: false, count: entries.count))
    func place(_ i: Int) {
      if isPlaced[i] { return }
      isPlaced[i] = true
      for node in entries[i].reads { if let maker = makers[node] { place(maker) } }
      ordered.append(entries[i])
    }
    for i in entries.indices where entries[i].node == nil { place(i) }
    for i in entries.indices { place(i) }
    entries = ordered
  }

  /// - Parameter release: told each node that no step reads any more.
  func run(release: (Int) -> Void) throws(GeometryError) {
    var readers: [Int: Int] = [:]
    for entry in entries { for node in entry.reads { readers[node, default: 0] += 1 } }
    for entry in entries {
      try entry.step.prepare()
      if entry.node != nil { try entry.step.run() }
      if entry.node == nil && entry.step.readsConstants { continue }
      for node in entry.reads {
        readers[node]! -= 1
        if readers[node] == 0, !needed.contains(node) { release(node) }
      }
    }
  }
}
