import Microkernels
import Tensors

/// The product of a panel of weights and a panel of columns, tile by tile.
struct TileProduct: Sendable {
  let kernels: Microkernels
  let tileRows: Int
  let tileColumns: Int

  init(_ kernels: Microkernels = Microkernels()) {
    self.kernels = kernels
    (tileRows, tileColumns) = kernels.multiplyTileSize
  }

  /// Depth that one pass over a tile takes: a panel of columns stays in the second-level cache.
  static let depthBlock = 256

  /// c[i, j] += sum over d of a[i, d] * b[d, j], for `rows` rows and at most a tile's columns.
  /// - Parameters:
  ///   - a: panels of weights, `panelStep` elements apart.
  ///   - b: whole tile columns, `bStride` elements a depth.
  ///   - scratch: room for a tile.
  func add(
    _ a: UnsafePointer<Float>, panelStep: Int, rows: Int, _ b: UnsafePointer<Float>, bStride: Int, depth: Int,
    to c: UnsafeMutablePointer<Float>, cStride: Int, columns: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    var row = 0
    while row < rows {
      let count = min(tileRows, rows - row)
      let panel = a + row / tileRows * panelStep
      let out = c + row * cStride
      if count == tileRows, columns == tileColumns {
        kernels.multiplyTile(panel, b, bStride: bStride, depth: depth, out, cStride: cStride)
      } else {
        scratch.update(repeating: 0, count: tileRows * tileColumns)
        kernels.multiplyTile(panel, b, bStride: bStride, depth: depth, scratch, cStride: tileColumns)
        for i in 0..<count {
          for j in 0..<columns { out[i &* cStride &+ j] += scratch[i &* tileColumns &+ j] }
        }
      }
      row += tileRows
    }
  }
}
