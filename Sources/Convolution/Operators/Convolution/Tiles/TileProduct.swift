import CIntrinsics
import Microkernels
import Tensors

/// The product of panels of weights and a panel of columns, tile by tile.
struct TileProduct: Sendable {
  let kernels: Microkernels
  let shapes: TileShapes

  init(_ kernels: Microkernels = Microkernels()) {
    self.kernels = kernels
    shapes = kernels.tileShapes
  }

  var panelRows: Int { shapes.panelRows }
  /// Columns of the widest tile.
  var tileColumns: Int { shapes.vectors * shapes.lanes }
  /// Room for any tile, and its residual.
  var scratchCount: Int { 2 * shapes.panelRows * shapes.lanes }

  /// One vector a row, for whole panels of rows.
  func biasVectors(_ values: [Float]) -> [Float] {
    let filled = values.count.dividedRoundingUp(by: panelRows) * panelRows
    return (0..<filled * shapes.lanes).map { i in
      i / shapes.lanes < values.count ? values[i / shapes.lanes] : 0
    }
  }

  /// The same of some parts of so many rows, one after another; zeros where there is no bias.
  func biasVectors(_ bias: [Float]?, parts: Int, rows: Int) -> [Float] {
    let bias = bias ?? [Float](repeating: 0, count: parts * rows)
    return (0..<parts).flatMap { biasVectors(Array(bias[$0 * rows..<($0 + 1) * rows])) }
  }

  /// Depth that one pass over a tile takes: a panel of columns, with a tile's weights, stays in the first-level cache.
  static let depthBlock = max(
    32, CacheSizes.current.level1 / max(192, Microkernels().tileShapes.bytesAcross * 3 / 2))

  /// What is done to sums before they are stored, and what is done meanwhile.
  struct Ends {
    /// One vector of equal numbers a row, with room for a whole panel's; sums add to what is there where nil.
    var bias: UnsafePointer<Float>?
    /// Elements from row to row of the bias: a vector's, or 0 where one vector is all rows'.
    var biasStep = 0
    /// Laid out as `c`, added before sums are kept within the bounds. It may be what `c` is.
    var residual: UnsafePointer<Float>?
    /// Between which numbers sums are kept.
    var bounds = Finish.Bounds()
    /// Samples of the product to come: asked for meanwhile, a few depths with each tile.
    var next: Samples?
  }

  /// Where samples lie.
  struct Samples {
    /// Of the first depth.
    var plane: UnsafePointer<Float>
    /// From depth to depth.
    var step: Int
    /// One of each cache line, in every depth.
    var lines: UnsafeBufferPointer<Int32>

    func ask(_ depth: Int) {
      let plane = plane + depth * step
      for line in lines { convolve_prefetch(plane + Int(line)) }
    }
  }

  /// c[i, j] = bias[i] (or c[i, j]) + sum over d of a[i, d] * b[d, j], for `rows` rows and at most
  /// ``tileColumns`` columns.
  /// - Parameters:
  ///   - a: the first panel of weights at its first depth; row 0 is that panel's first.
  ///   - panelStep: elements from panel to panel.
  ///   - b: whole vectors of columns, `bStride` elements a depth.
  ///   - scratch: ``scratchCount`` elements.
  func run(
    _ a: UnsafePointer<Float>, panelStep: Int, rows: Int, _ b: UnsafePointer<Float>, bStride: Int, depth: Int,
    to c: UnsafeMutablePointer<Float>, cStride: Int, columns: Int, _ ends: Ends,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let lanes = shapes.lanes
    let vectors = columns.dividedRoundingUp(by: lanes)
    let tileRows = shapes.rows[vectors - 1]
    let isWhole = columns == vectors * lanes
    var tile = ConvolveTile(
      a: a, b: b, bStride: bStride, depth: depth, c: c, cStride: cStride,
      start: UnsafePointer(c), startRowStep: ends.bias == nil ? cStride : ends.biasStep,
      startVectorStep: ends.bias == nil ? lanes : 0, residual: nil, ahead: 0,
      least: ends.bounds.least, most: ends.bounds.most)
    // Depths of the samples to come that each tile asks for.
    let asked = ends.next == nil ? 0 : (depth * tileRows).dividedRoundingUp(by: max(1, rows))
    func ahead(_ row: Int) -> Int { shapes.ahead(panelStep, row: row, vectors: vectors, depth: depth) }
    var row = 0
    if isWhole, vectors == shapes.vectors, rows >= tileRows {
      // A last panel's rows are shared out among its tiles.
      let count = rows / tileRows - (rows % tileRows > 0 && rows % panelRows > tileRows ? 1 : 0)
      tile.start = ends.bias ?? UnsafePointer(c)
      tile.residual = ends.residual
      var tiles = ConvolveTiles(
        tile: tile, count: count, panelStep: panelStep, bPanelStep: 0, firstAhead: ahead(0),
        otherAhead: ahead(tileRows), samples: ends.next?.plane,
        samplesStep: ends.next?.step ?? 0, lines: ends.next?.lines.baseAddress,
        lineCount: ends.next?.lines.count ?? 0, samplesLeft: depth, samplesTogether: asked)
      kernels.multiplyTiles(&tiles)
      row = count * tileRows
    }
    var asking = min(depth, row / tileRows * asked)
    // The tile's first row in its panel.
    var (panel, rowInPanel) = (a + row / panelRows * panelStep, row % panelRows)
    while row < rows {
      let tall = shapes.tileRows(left: min(rows - row, panelRows - rowInPanel), vectors: vectors)
      let count = min(tall, rows - row)
      tile.a = panel + rowInPanel
      tile.ahead = ahead(rowInPanel)
      rowInPanel += tall
      if rowInPanel == panelRows { (panel, rowInPanel) = (panel + panelStep, 0) }
      let out = c + row * cStride
      if let next = ends.next {
        let end = min(depth, asking + asked)
        while asking < end {
          next.ask(asking)
          asking += 1
        }
      }
      tile.start = ends.bias.map { $0 + row * ends.biasStep } ?? UnsafePointer(out)
      tile.residual = ends.residual.map { $0 + row * cStride }
      if let residual = tile.residual {
        Finish.ask(for: residual, rows: count, columns: columns, stride: cStride)
      }
      if isWhole, count == tileRows {
        tile.c = out
        kernels.multiplyTile(&tile, rows: tileRows, vectors: vectors)
      } else if isWhole, vectors == shapes.vectors, count > 2 || tile.residual == nil {
        tile.c = out
        kernels.multiplyTile(&tile, rows: count, vectors: vectors)
      } else {
        edge(&tile, out, cStride, tileRows, count, columns, vectors, ends.bias == nil, scratch)
      }
      row += count
    }
  }

  /// A tile that reaches beyond the output, or one of too few rows to add a residual, computed aside.
  private func edge(
    _ tile: inout ConvolveTile, _ out: UnsafeMutablePointer<Float>, _ cStride: Int, _ tileRows: Int,
    _ rows: Int,
    _ columns: Int, _ vectors: Int, _ accumulates: Bool, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let wide = vectors * shapes.lanes
    if accumulates {
      tile.start = UnsafePointer(scratch)
      tile.startRowStep = wide
      for i in 0..<rows { (scratch + i * wide).update(from: out + i * cStride, count: columns) }
    }
    let residualRoom = scratch + scratchCount / 2
    if let residual = tile.residual {
      for i in 0..<rows { (residualRoom + i * wide).update(from: residual + i * cStride, count: columns) }
      tile.residual = UnsafePointer(residualRoom)
    }
    tile.c = scratch
    tile.cStride = wide
    kernels.multiplyTile(&tile, rows: tileRows, vectors: vectors)
    tile.cStride = cStride
    if accumulates { tile.startRowStep = cStride }
    for i in 0..<rows { (out + i * cStride).update(from: scratch + i * wide, count: columns) }
  }
}
