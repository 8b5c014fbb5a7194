import Microkernels
import Tensors

/// A matrix in the order that the tiles read its rows: panels of as many rows as a tile of one vector has, each column
/// by column, the last one filled up with zeros. Tiles of more vectors take a panel in parts.
struct WeightPanels: Sendable {
  let rows: Int
  let depth: Int
  let panelRows: Int
  private let storage: Tensor<Float>

  /// - Parameter value: the weight at a row and a depth.
  init(rows: Int, depth: Int, panelRows: Int, value: (_ row: Int, _ depth: Int) -> Float) {
    (self.rows, self.depth, self.panelRows) = (rows, depth, panelRows)
    let panels = rows.dividedRoundingUp(by: panelRows)
    storage = Tensor(unsafeUninitializedShape: [panels * depth * panelRows]) { out in
      let out = out.baseAddress!
      ThreadPool.shared.parallelFor(panels) { panel in
        let (first, start) = (panel * panelRows, out + panel * depth * panelRows)
        for i in 0..<panelRows {
          if first + i < rows {
            for d in 0..<depth { (start + (d &* panelRows &+ i)).initialize(to: value(first + i, d)) }
          } else {
            for d in 0..<depth { (start + (d &* panelRows &+ i)).initialize(to: 0) }
          }
        }
      }
    }
  }

  var byteCount: Int { storage.shape.count * MemoryLayout<Float>.stride }

  /// Calls `body` with the panels, one after another.
  func withPanels<Result>(_ body: (UnsafePointer<Float>) -> Result) -> Result {
    storage.withUnsafeBufferPointer { body($0.baseAddress!) }
  }
}
