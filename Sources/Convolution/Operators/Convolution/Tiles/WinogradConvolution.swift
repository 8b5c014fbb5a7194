import Microkernels
import Tensors

/// A convolution of stride 1 by Winograd's F(4x4, 3x3), F(2x2, 3x3) or F(2x2, 5x5): tiles of 6x6 (4x4) inputs are
/// transformed, multiplied with the transformed weights (36 or 16 matrix products, in register tiles), and transformed
/// back to 4x4 (2x2) outputs. A block of tiles goes through all three before the next, so that it stays in the caches.
struct WinogradConvolution: PlannedConvolution {
  private let geometry: ConvolutionGeometry
  private let product = TileProduct()
  /// Outputs of a tile along an axis: 4 or 2.
  private let side: Int
  /// Rows and columns of the kernel: 3 or 5.
  private let kernel: Int
  /// A matrix for each entry of a tile and group, each in panels of rows as the tiles read them.
  private let weights: Tensor<Float>
  private let bias: [Float]
  private let plane: PaddedPlane
  /// Whether the maximum of 2x2 outputs is stored, instead of the outputs.
  private let pools: Bool

  /// Whether there are transforms for the outputs of a tile and the kernel: planes, no stride or dilation.
  static func accepts(_ g: ConvolutionGeometry, side: Int, kernel: Int) -> Bool {
    g.kernel == [1, kernel, kernel] && g.stride == [1, 1, 1] && g.dilation == [1, 1, 1] && g.input[0] == 1
      && g.padding[0] == Padding.Amount(0, 0)
  }

  /// - Parameters:
  ///   - w: `[K, C / groups, 3, 3]` (or 5, 5), or `[C, K / groups, 3, 3]` of the convolution that this is the turned one of.
  ///   - isTurned: whether it is.
  ///   - side: outputs of a tile along an axis, 4 or 2.
  ///   - maxPools: whether the maximum of 2x2 outputs is stored, instead of the outputs.
  /// - Precondition: ``accepts(_:side:kernel:)`` the geometry.
  init(
    _ g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?, side: Int, isTurned: Bool = false,
    maxPools: Bool = false
  ) {
    geometry = g
    self.side = side
    let kernel = g.kernel[1]
    self.kernel = kernel
    let taps = kernel * kernel
    pools = maxPools
    self.bias = bias ?? [Float](repeating: 0, count: g.outChannels)
    plane = PaddedPlane(
      g, height: g.output[1].dividedRoundingUp(by: side) * side + kernel - 1,
      width: g.output[2].dividedRoundingUp(by: side) * side + kernel - 1)
    let entries = (side + kernel - 1) * (side + kernel - 1)
    let (rows, depth) = (g.outChannels / g.groups, g.inChannels / g.groups)
    let (panelRows, kernels, lanes) = (product.panelRows, product.kernels, product.shapes.lanes)
    let panels = rows.dividedRoundingUp(by: panelRows)
    let matrix = panels * panelRows * depth
    weights = w.withUnsafeBufferPointer { w in
      Tensor(unsafeUninitializedShape: [g.groups * entries * matrix]) { out in
        let (w, out) = (w.baseAddress!, out.baseAddress!)
        ThreadPool.shared.parallelFor(g.groups * panels) { piece in
          let (group, panel) = piece.quotientAndRemainder(dividingBy: panels)
          let start = out + (group * entries * matrix + panel * panelRows * depth)
          let first = panel * panelRows
          if rows - first < panelRows {
            for i in 0..<entries { (start + i * matrix).initialize(repeating: 0, count: panelRows * depth) }
          }
          Scratch.withFloats((taps + 30) * lanes) { scratch in
            for d in 0..<depth {
              for row in Swift.stride(from: first, to: min(rows, first + panelRows), by: lanes) {
                let count = min(lanes, rows - row, first + panelRows - row)
                let (from, step) =
                  isTurned
                  ? (((group * depth + d) * rows + row) * taps, taps)
                  : (((group * rows + row) * depth + d) * taps, depth * taps)
                kernels.transpose(
                  w + from, sourceStride: step, scratch, outStride: lanes, rows: count, columns: taps)
                kernels.winogradWeights(
                  side: side, kernel: kernel, scratch, isTurned: isTurned,
                  start + (d * panelRows + row - first),
                  step: matrix,
                  count: count,
                  scratch: scratch + taps * lanes)
              }
            }
          }
        }
      }
    }
  }

  var weightBytes: Int { weights.shape.count * MemoryLayout<Float>.stride }

  private var tilesAcross: Int { geometry.output[2].dividedRoundingUp(by: side) }
  private var tiles: Int { tilesAcross * geometry.output[1].dividedRoundingUp(by: side) }

  /// Tiles that go through together: the transformed block stays in the second-level cache where it can.
  private var blockTiles: Int {
    let channels = (geometry.inChannels + geometry.outChannels) / geometry.groups
    return channels <= 256 ? 2 * product.shapes.lanes : product.tileColumns
  }

  /// Columns of a block's matrices, with room for a whole vector after the last tile.
  private func stride(_ tiles: Int) -> Int {
    let lanes = product.shapes.lanes
    return tiles.dividedRoundingUp(by: lanes) * lanes + lanes
  }

  /// The outputs of a vector of tiles.
  private var asideCount: Int { side * side * product.shapes.lanes }

  /// Rows whose products are made together.
  private var chunkRows: Int { product.panelRows }

  /// Inputs of a tile along an axis.
  private var span: Int { side + kernel - 1 }

  private var entries: Int { span * span }

  private var workspaceCount: Int {
    let g = geometry
    let stride = stride(min(tiles, blockTiles))
    return entries * stride * (g.inChannels / g.groups + min(g.outChannels / g.groups, chunkRows))
      + span * stripStride
      + asideCount + 41 * product.shapes.lanes
      + product.scratchCount
  }

  /// A strip of padded rows, with room for whole vectors of tiles.
  private var stripStride: Int { plane.columnCount + 5 * product.shapes.lanes }

  var workspaceBytes: Int { workspaceCount * MemoryLayout<Float>.stride }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    let g = geometry
    let planes = g.batch * g.groups
    guard planes > 0 else { return }
    let threads = pool.threadCount
    let rows = g.outChannels / g.groups
    let lanes = product.shapes.lanes
    let vectors = tiles.dividedRoundingUp(by: lanes)
    var blocks = tiles.dividedRoundingUp(by: blockTiles)
    if planes == 1, blocks > threads {
      blocks = min(vectors, blocks.dividedRoundingUp(by: threads) * threads)
    }
    // Blocks are equally long, or whole vectors of tiles where equal ones would leave a tenth of their lanes empty.
    let filled = blocks * tiles.dividedRoundingUp(by: blocks).dividedRoundingUp(by: lanes)
    let (units, unit) = 10 * vectors <= 9 * filled ? (vectors, lanes) : (tiles, 1)
    // Few pieces are split by output channels too, each transforming the inputs for itself.
    let tall = rows.dividedRoundingUp(by: product.panelRows)
    let chunks =
      planes * blocks >= threads ? 1 : min(tall, (threads + planes * blocks - 1) / (planes * blocks))
    pool.parallelFor(planes * blocks * chunks) { piece in
      let chunk = piece % chunks
      let block = piece / chunks % blocks
      let plane = piece / chunks / blocks
      let range =
        tall * chunk / chunks * product.panelRows..<min(rows, tall * (chunk + 1) / chunks * product.panelRows)
      self.block(
        x, into: y, plane: plane,
        units * block / blocks * unit..<min(tiles, units * (block + 1) / blocks * unit), range,
        finish)
    }
  }

  /// Runs of tiles, each in one row of them and at most a vector.
  private struct Segments: Sequence, IteratorProtocol {
    var tile: Int
    let end: Int
    let across: Int
    let lanes: Int

    mutating func next() -> (tile: Int, count: Int)? {
      if tile >= end { return nil }
      let count = Swift.min(across - tile % across, end - tile, lanes)
      defer { tile += count }
      return (tile, count)
    }
  }

  private func block(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, plane: Int, _ range: Range<Int>,
    _ rows: Range<Int>, _ finish: Finish
  ) {
    let g = geometry
    let (depth, outputs) = (g.inChannels / g.groups, g.outChannels / g.groups)
    let columns = stride(range.count)
    let segments = Segments(
      tile: range.lowerBound, end: range.upperBound, across: tilesAcross, lanes: product.shapes.lanes)
    let inputPlane = g.input[1] * g.input[2]
    let outputPlane = pools ? g.output[1] / 2 * (g.output[2] / 2) : g.output[1] * g.output[2]
    let firstWeights = plane % g.groups * entries
    let matrix = outputs.dividedRoundingUp(by: product.panelRows) * product.panelRows * depth
    Scratch.withFloats(workspaceCount) { scratch in
      let v = scratch
      let m = v + entries * depth * columns
      let strip = m + entries * min(rows.count, chunkRows) * columns
      let aside = strip + span * stripStride
      let vectors = aside + asideCount
      for c in 0..<depth {
        transformInputs(
          x + (plane * depth + c) * inputPlane, segments, range.lowerBound, v + c * columns, depth * columns,
          strip, vectors)
      }
      // Some rows go through the products and back before the next, so that their products stay in the second-level cache.
      let some = min(rows.count, chunkRows)
      for first in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: some) {
        let part = first..<min(rows.upperBound, first + some)
        weights.withUnsafeBufferPointer { weights in
          for i in 0..<entries {
            multiply(
              weights.baseAddress! + (firstWeights + i) * matrix, depth: depth, part, v + i * depth * columns,
              m + i * some * columns, columns, range.count, vectors)
          }
        }
        for (i, row) in part.enumerated() {
          transformOutputs(
            m + i * columns, some * columns, segments, range.lowerBound,
            bias[plane % g.groups * outputs + row], y + (plane * outputs + row) * outputPlane, aside, vectors,
            finish)
        }
      }
    }
  }

  /// One channel's tiles. Whole vectors are written: what is too much is written over by the next segment.
  private func transformInputs(
    _ x: UnsafePointer<Float>, _ segments: Segments, _ first: Int,
    _ v: UnsafeMutablePointer<Float>, _ step: Int, _ strip: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    for (tile, count) in segments {
      let (tileRow, tileColumn) = tile.quotientAndRemainder(dividingBy: tilesAcross)
      let columns = side * tileColumn..<side * (tileColumn + count) + kernel - 1
      for r in 0..<span { plane.copyRow(x, side * tileRow + r, columns, to: strip + r * stripStride) }
      product.kernels.winogradInput(
        side: side, kernel: kernel, strip, rowStride: stripStride, v + (tile - first), step: step,
        scratch: scratch)
    }
  }

  /// One entry's product.
  private func multiply(
    _ panels: UnsafePointer<Float>, depth: Int, _ rows: Range<Int>, _ v: UnsafePointer<Float>,
    _ m: UnsafeMutablePointer<Float>, _ columns: Int, _ tiles: Int, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let lanes = product.shapes.lanes
    let whole = tiles.dividedRoundingUp(by: lanes) * lanes
    // What every first sum starts from.
    scratch.update(repeating: 0, count: lanes)
    let zeros = UnsafePointer(scratch)
    var start = 0
    while start < whole {
      let count = min(product.tileColumns, whole - start)
      var d = 0
      while d < depth {
        let part = min(2 * TileProduct.depthBlock, depth - d)
        var ends = TileProduct.Ends()
        if d == 0 { ends.bias = zeros }
        product.run(
          panels + rows.lowerBound * depth + d * product.panelRows, panelStep: depth * product.panelRows,
          rows: rows.count, v + d * columns + start, bStride: columns, depth: part, to: m + start,
          cStride: columns, columns: count, ends, scratch: scratch + lanes)
        d += part
      }
      start += count
    }
  }

  /// One output channel's tiles.
  private func transformOutputs(
    _ m: UnsafePointer<Float>, _ step: Int, _ segments: Segments, _ first: Int, _ bias: Float,
    _ y: UnsafeMutablePointer<Float>, _ aside: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>, _ finish: Finish
  ) {
    let (height, width) = (geometry.output[1], geometry.output[2])
    let wide = side * product.shapes.lanes
    for (tile, count) in segments {
      let (tileRow, tileColumn) = tile.quotientAndRemainder(dividingBy: tilesAcross)
      let (top, left) = (side * tileRow, side * tileColumn)
      let isWhole = !pools && top + side <= height && left + wide <= width && count == product.shapes.lanes
      let (out, outStride) = isWhole ? (y + top * width + left, width) : (aside, wide)
      product.kernels.winogradOutput(
        side: side, kernel: kernel, m + (tile - first), step: step, bias: bias, out, outStride: outStride,
        scratch: scratch)
      let (rows, columns) = (min(side, height - top), min(side * count, width - left))
      if pools {
        for r in 0..<rows { finish.apart(aside + r * wide, count: columns) }
        for r in Swift.stride(from: 0, to: rows - 1, by: 2) {
          product.kernels.maximumOfSquares(
            aside + r * wide, aside + (r + 1) * wide, y + ((top + r) / 2 * (width / 2) + left / 2),
            count: columns / 2)
        }
        continue
      }
      for r in 0..<rows {
        let row = y + ((top + r) * width + left)
        if !isWhole { row.update(from: aside + r * wide, count: columns) }
        finish(row, count: columns)
      }
    }
  }
}
