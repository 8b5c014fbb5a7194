import Tensors

/// A matrix of weights in the order that the tiles read it: panels of as many rows as a tile has, each column by
/// column, the last one filled up with zeros.
struct WeightPanels: Sendable {
  let rows: Int
  let depth: Int
  private let tileRows: Int
  private let storage: Tensor<Float>

  /// - Parameter value: the weight at a row and a depth.
  init(rows: Int, depth: Int, tileRows: Int, value: (_ row: Int, _ depth: Int) -> Float) {
    (self.rows, self.depth, self.tileRows) = (rows, depth, tileRows)
    let panels = (rows + tileRows - 1) / tileRows
    storage = Tensor(unsafeUninitializedShape: [panels * depth * tileRows]) { out in
      let out = out.baseAddress!
      ThreadPool.shared.parallelFor(panels) { panel in
        let (first, start) = (panel * tileRows, out + panel * depth * tileRows)
        for i in 0..<tileRows {
          if first + i < rows {
            for d in 0..<depth { (start + (d &* tileRows &+ i)).initialize(to: value(first + i, d)) }
          } else {
            for d in 0..<depth { (start + (d &* tileRows &+ i)).initialize(to: 0) }
          }
        }
      }
    }
  }

  /// Calls `body` with the panels, one after another.
  func withPanels<Result>(_ body: (UnsafePointer<Float>) -> Result) -> Result {
    storage.withUnsafeBufferPointer { body($0.baseAddress!) }
  }
}
