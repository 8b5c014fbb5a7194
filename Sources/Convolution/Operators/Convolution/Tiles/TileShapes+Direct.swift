import Microkernels

extension TileShapes {
  /// Bytes of the widest tile's columns.
  var bytesAcross: Int { vectors * lanes * MemoryLayout<Float>.stride }

  /// Cycles of one step of the depth in a tile: its multiply-adds, or its reads, two a cycle, if those are more; four at least,
  /// as each sum waits for the one before.
  func step(rows: Double, vectors: Double) -> Double {
    max(rows * vectors / Double(multipliesACycle), (rows + vectors + 1) / 2, 4)
  }

  /// Vectors of each panel of output channels, as even as they can be.
  /// - Parameter least: panels that there should be if there are as many vectors.
  func panelVectors(channels: Int, least: Int = 1) -> [Int] {
    let all = channels.dividedRoundingUp(by: lanes)
    let panels = max(all.dividedRoundingUp(by: vectors), min(least, all))
    return (0..<panels).map { ($0 + 1) * all / panels - $0 * all / panels }
  }

  /// Rows of the next matrix tile of a panel. Tiles of the most vectors come in every height, and are made about equally high:
  /// those of one or two rows take twice as long a row.
  /// - Parameter left: of the panel's rows.
  func tileRows(left: Int, vectors: Int) -> Int {
    let tall = rows[vectors - 1]
    return vectors < self.vectors ? tall : left.dividedRoundingUp(by: left.dividedRoundingUp(by: tall))
  }

  /// Calls `body` with the rows of each tile of direct convolution. Tiles of the most vectors come in every height, and
  /// are made about equally high; the last one of others may reach beyond the rows there are.
  func forEachDirectTile(rows: Int, vectors: Int, _ body: (Range<Int>) -> Void) {
    let tall = directRows[vectors - 1]
    let count = rows.dividedRoundingUp(by: tall)
    for i in 0..<count {
      body(
        vectors == self.vectors
          ? i * rows / count..<(i + 1) * rows / count : i * tall..<(i + 1) * tall)
    }
  }
}
