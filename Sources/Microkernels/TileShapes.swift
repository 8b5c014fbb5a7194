/// The shapes of an instruction set's matrix tiles.
public struct TileShapes: Sendable, Hashable {
  /// Floats in a vector.
  public let lanes: Int
  /// The most vectors in a row of a tile.
  public let vectors: Int
  /// Rows of a panel of weights, which the rows of every tile divide.
  public let panelRows: Int
  /// Rows of a full tile of 1, 2 and so on vectors.
  public let rows: [Int]
  /// Outputs of a full tile of direct convolution of 1, 2 and so on vectors.
  public let directRows: [Int]

  init(lanes: Int, vectors: Int, panelRows: Int, rows: (Int) -> Int, directRows: (Int) -> Int) {
    (self.lanes, self.vectors, self.panelRows) = (lanes, vectors, panelRows)
    self.rows = (1...vectors).map(rows)
    self.directRows = (1...vectors).map(directRows)
  }
}
