import CIntrinsics
import Microkernels

// One block of tiles through the transforms and the products.
extension WinogradConvolution {
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

  private func segments(_ range: Range<Int>) -> Segments {
    Segments(tile: range.lowerBound, end: range.upperBound, across: tilesAcross, lanes: product.shapes.lanes)
  }

  /// The inputs of a block's tiles, of a part of the depth.
  func transformInputs(
    _ x: UnsafePointer<Float>, _ group: Int, _ range: Range<Int>, _ part: Range<Int>,
    _ v: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let g = geometry
    let columns = stride(range.count)
    let channels = g.inChannels / g.groups
    for d in part {
      let (c, piece) = d.quotientAndRemainder(dividingBy: pieceCount)
      transformInputs(
        x + (group * channels + c) * g.input.reduce(1, *), piece, segments(range), range.lowerBound,
        v + d * columns, entryStep(rows: depth, columns: columns), scratch + vectorsCount, scratch)
    }
  }

  /// Some channels of the outputs, from the transformed inputs of a block's tiles.
  func outputs(
    _ v: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ group: Int, _ range: Range<Int>,
    _ rows: Range<Int>, _ scratch: UnsafeMutablePointer<Float>, _ finish: Finish
  ) {
    let g = geometry
    let (depth, channels) = (depth, g.outChannels / g.groups)
    let columns = stride(range.count)
    let outputPlane = pools ? g.output[1] / 2 * (g.output[2] / 2) : g.output.reduce(1, *)
    let firstWeights = group * entries
    let matrix = matrixCount
    let some = min(rows.count, chunkRows)
    let (inputStep, outputStep) = (
      entryStep(rows: depth, columns: columns), entryStep(rows: some, columns: columns)
    )
    let aside = scratch + vectorsCount + transform.inputHeight * stripStride
    let m = aside + asideCount
    // Some rows go through the products and back before the next, so that their products stay in the second-level cache.
    for first in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: some) {
      let part = first..<min(rows.upperBound, first + some)
      weights.withUnsafeBufferPointer { weights in
        for i in 0..<entries {
          // The weights that the next product takes: in a network they come from memory every time, and from one entry
          // to the next the processor does not foresee where.
          let ahead = i < entries - 1 ? matrix : part.count * depth - i * matrix
          multiply(
            weights.baseAddress! + (firstWeights + i) * matrix, depth: depth, part, v + i * inputStep,
            m + i * outputStep, columns, range.count, ahead, scratch)
        }
      }
      for (i, row) in part.enumerated() {
        transformOutputs(
          m + i * columns, outputStep, segments(range), range.lowerBound, bias[group * channels + row],
          y + (group * channels + row) * outputPlane, g.outChannels * outputPlane, aside, scratch, finish)
      }
    }
  }

  /// One channel's tiles. Whole vectors are written: what is too much is written over by the next segment.
  /// - Parameters:
  ///   - x: the channel in the first sample.
  ///   - piece: of the kernel.
  private func transformInputs(
    _ x: UnsafePointer<Float>, _ piece: Int, _ segments: Segments, _ first: Int,
    _ v: UnsafeMutablePointer<Float>, _ step: Int, _ strip: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let (side, height) = (transform.side, transform.height)
    let (input, deep) = (geometry.input, geometry.output[0])
    let sample = geometry.inChannels * input.reduce(1, *)
    let offset = offsets(piece)
    for (tile, count) in segments {
      let (row, tileColumn) = tile.quotientAndRemainder(dividingBy: tilesAcross)
      let (n, z) = (row / tilesDown).quotientAndRemainder(dividingBy: deep)
      if let source = planes[z + offset.z] {
        let x = x + (n * sample + source * input[1] * input[2])
        let top = row % tilesDown * height + offset.y
        let left = side * tileColumn + offset.x
        let columns = left..<left + side * count + transform.kernel - 1
        for r in 0..<transform.inputHeight { plane.copyRow(x, top + r, columns, to: strip + r * stripStride) }
      } else {
        strip.update(repeating: plane.fill, count: transform.inputHeight * stripStride)
      }
      product.kernels.winogradInput(
        transform, strip, rowStride: stripStride, v + (tile - first), step: step, scratch: scratch)
    }
  }

  /// One entry's product.
  private func multiply(
    _ panels: UnsafePointer<Float>, depth: Int, _ rows: Range<Int>, _ v: UnsafePointer<Float>,
    _ m: UnsafeMutablePointer<Float>, _ columns: Int, _ tiles: Int, _ ahead: Int,
    _ scratch: UnsafeMutablePointer<Float>
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
          cStride: columns, columns: count, ends, ahead: ahead, scratch: scratch + lanes)
        d += part
      }
      start += count
    }
  }

  /// One output channel's tiles.
  /// - Parameters:
  ///   - y: the channel's plane in the first sample.
  ///   - sample: the outputs of a sample.
  private func transformOutputs(
    _ m: UnsafePointer<Float>, _ step: Int, _ segments: Segments, _ first: Int, _ bias: Float,
    _ y: UnsafeMutablePointer<Float>, _ sample: Int, _ aside: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>, _ finish: Finish
  ) {
    let (height, width) = (geometry.output[1], geometry.output[2])
    let (side, tall, deep) = (transform.side, transform.height, geometry.output[0])
    let wide = side * product.shapes.lanes
    for (tile, count) in segments {
      let (row, tileColumn) = tile.quotientAndRemainder(dividingBy: tilesAcross)
      let (n, z) = (row / tilesDown).quotientAndRemainder(dividingBy: deep)
      let y = y + (n * sample + z * height * width)
      let (top, left) = (row % tilesDown * tall, side * tileColumn)
      let isWhole = !pools && top + tall <= height && left + wide <= width && count == product.shapes.lanes
      let (out, outStride) = isWhole ? (y + top * width + left, width) : (aside, wide)
      product.kernels.winogradOutput(
        transform, m + (tile - first), step: step, bias: bias, out, outStride: outStride, scratch: scratch)
      let (rows, columns) = (min(tall, height - top), min(side * count, width - left))
      if pools {
        finish.apart(aside, rows: rows, columns: columns, stride: wide)
        for r in Swift.stride(from: 0, to: rows - 1, by: 2) {
          product.kernels.maximumOfSquares(
            aside + r * wide, aside + (r + 1) * wide, y + ((top + r) / 2 * (width / 2) + left / 2),
            count: columns / 2)
        }
        continue
      }
      let start = y + (top * width + left)
      if !isWhole {
        for r in 0..<rows { (start + r * width).update(from: aside + r * wide, count: columns) }
      }
      finish(start, rows: rows, columns: columns, stride: width)
    }
  }
}
