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
  /// Whether tiles ask for weights in parts; see `ConvolveTile` and `ConvolveDirectTile`.
  public let asksInParts: Bool
  /// Vectors that a core multiplies and adds in a cycle.
  public let multipliesACycle: Int

  init(
    lanes: Int, vectors: Int, panelRows: Int, rows: (Int) -> Int, directRows: (Int) -> Int,
    asksInParts: Bool, multipliesACycle: Int = 2
  ) {
    (self.lanes, self.vectors, self.panelRows) = (lanes, vectors, panelRows)
    (self.asksInParts, self.multipliesACycle) = (asksInParts, multipliesACycle)
    self.rows = (1...vectors).map(rows)
    self.directRows = (1...vectors).map(directRows)
  }

  /// How far ahead of its weights a matrix tile asks for the panel that is so many elements further on.
  /// - Parameters:
  ///   - row: the tile's first in its panel.
  ///   - vectors: the tile's.
  ///   - depth: the panel's.
  public func ahead(_ step: Int, row: Int, vectors: Int, depth: Int) -> Int {
    if !asksInParts || vectors < self.vectors { return step }
    return step - row + (row == 0 ? 0 : depth * panelRows / 2)
  }
}
