import Tensors

/// A matrix in the order that the tiles read its rows: panels of a few rows, each column by column, filled up with
/// zeros.
struct WeightPanels: Sendable {
  let rows: Int
  let depth: Int
  /// Rows of each panel, and the first of them.
  let widths: [Int]
  let firstRows: [Int]
  private var storage: Tensor<Float>

  /// Panels of as many rows as a tile of one vector has, yet to be filled. Tiles of more vectors take a panel in parts.
  init(rows: Int, depth: Int, panelRows: Int) {
    self.init(
      rows: rows, depth: depth,
      widths: [Int](repeating: panelRows, count: rows.dividedRoundingUp(by: panelRows)))
  }

  /// Panels of so many rows, yet to be filled; there may be more than the matrix has.
  init(rows: Int, depth: Int, widths: [Int]) {
    (self.rows, self.depth, self.widths) = (rows, depth, widths)
    firstRows = widths.sumsBefore
    storage = Tensor(unsafeUninitializedShape: [0]) { _ in }
  }

  /// - Parameters:
  ///   - widths: rows of each panel; there may be more than the matrix has.
  ///   - fill: writes `count` rows from `first` on to a panel, `wide` elements from depth to depth.
  init(
    rows: Int, depth: Int, widths: [Int],
    fill: (_ first: Int, _ count: Int, _ wide: Int, _ out: UnsafeMutablePointer<Float>) -> Void
  ) {
    self.init(rows: rows, depth: depth, widths: widths)
    refill(fill)
  }

  /// Frees the weights until ``refill(_:)``.
  mutating func release() { storage = Tensor(unsafeUninitializedShape: [0]) { _ in } }

  /// The same panels of another matrix.
  mutating func refill(
    _ fill: (_ first: Int, _ count: Int, _ wide: Int, _ out: UnsafeMutablePointer<Float>) -> Void
  ) {
    let (rows, depth, widths, firstRows) = (rows, depth, widths, firstRows)
    let count = widths.reduce(0, +) * depth
    if storage.shape.count != count { storage = Tensor(unsafeUninitializedShape: [count]) { _ in } }
    storage.withUnsafeMutableBufferPointer { out in
      guard let out = out.baseAddress else { return }
      ThreadPool.shared.parallelFor(widths.count) { panel in
        let (first, wide) = (firstRows[panel], widths[panel])
        let count = max(0, min(wide, rows - first))
        if count < wide { (out + first * depth).initialize(repeating: 0, count: wide * depth) }
        fill(first, count, wide, out + first * depth)
      }
    }
  }

  /// The same, by a function of row and depth.
  mutating func refill(value: (_ row: Int, _ depth: Int) -> Float) {
    let depth = depth
    refill { first, count, wide, out in
      for i in 0..<count {
        for d in 0..<depth { out[d &* wide &+ i] = value(first + i, d) }
      }
    }
  }

  var byteCount: Int { storage.shape.count * MemoryLayout<Float>.stride }

  /// Calls `body` with the panels, one after another: panel p starts at `firstRows[p] * depth`.
  func withPanels<Result>(_ body: (UnsafePointer<Float>) -> Result) -> Result {
    storage.withUnsafeBufferPointer { body($0.baseAddress!) }
  }
}

/// The weights of all groups.
extension [WeightPanels] {
  /// Fills every group's panels: `fill` gets the group's number first.
  mutating func refill(
    _ fill: (
      _ group: Int, _ first: Int, _ count: Int, _ wide: Int, _ out: UnsafeMutablePointer<Float>
    ) -> Void
  ) {
    for group in indices { self[group].refill { fill(group, $0, $1, $2, $3) } }
  }

  /// Frees the weights until ``refill(_:)``.
  mutating func release() {
    for group in indices { self[group].release() }
  }

  var byteCount: Int { reduce(0) { $0 + $1.byteCount } }
}
