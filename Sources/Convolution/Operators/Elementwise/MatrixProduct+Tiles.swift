import CIntrinsics
import Microkernels
import Tensors

/// Below as many samples, a fully connected layer's weights are a stream that is multiplied sample by sample.
private let fewestTiledRows = 5

/// A product in float32, by the way that reads the matrices best.
func tiledProduct(
  _ a: Tensor<Float>, _ left: Matrix, _ b: Tensor<Float>, _ right: Matrix
) -> Tensor<Float> {
  Tensor(unsafeUninitializedShape: [left.rows, right.columns]) { y in
    if let y = y.baseAddress { tiledProduct(a, left, b, right, into: y) }
  }
}

/// The same, written to `left.rows * right.columns` elements.
func tiledProduct(
  _ a: Tensor<Float>, _ left: Matrix, _ b: Tensor<Float>, _ right: Matrix, into y: UnsafeMutablePointer<Float>
) {
  // [batch, inFeatures] by weights [outFeatures, inFeatures], transposed: the weights' rows are the stream.
  if left.columnStep == 1, right.rowStep == 1, left.rows > 0, right.columns > 0, left.columns > 0,
    left.columns < 1 << 27  // places in eight rows fit 32 bits
  {
    if left.rows < fewestTiledRows {
      streamedProduct(a, left, b, right, into: y)
    } else {
      batchProduct(a, left, b, right, into: y)
    }
    return
  }
  let product = TileProduct()
  let (kernels, depth) = (product.kernels, left.columns)
  if depth == 0 { return y.update(repeating: 0, count: left.rows * right.columns) }
  let panels = left.rows.dividedRoundingUp(by: product.panelRows)
  Scratch.withFloats(panels * product.panelRows * depth) { packed in
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        guard let a = a.baseAddress, let b = b.baseAddress else { return }
        ThreadPool.shared.parallelFor(panels) { panel in
          pack(kernels, a, left, panel * product.panelRows, product.panelRows, packed)
        }
        multiply(product, packed, panels: panels, left, b, right, into: y)
      }
    }
  }
}

/// One panel of rows, as the tiles read it, filled up with zeros.
private func pack(
  _ kernels: Microkernels, _ a: UnsafePointer<Float>, _ left: Matrix, _ first: Int, _ tall: Int,
  _ packed: UnsafeMutablePointer<Float>
) {
  let out = packed + first * left.columns
  let count = min(tall, left.rows - first)
  if count < tall { out.update(repeating: 0, count: tall * left.columns) }
  if left.columnStep == 1 {
    kernels.transpose(
      a + first * left.rowStep, sourceStride: left.rowStep, out, outStride: tall, rows: count,
      columns: left.columns)
  } else {
    for d in 0..<left.columns {
      (out + d * tall).update(from: a + (first + d * left.columnStep), count: count)
    }
  }
}

/// The packed rows times the columns, block by block.
private func multiply(
  _ product: TileProduct, _ packed: UnsafePointer<Float>, panels tall: Int, _ left: Matrix,
  _ b: UnsafePointer<Float>, _ right: Matrix, into y: UnsafeMutablePointer<Float>
) {
  let kernels = product.kernels
  let (wide, depth, lanes) = (product.tileColumns, left.columns, product.shapes.lanes)
  let blocks = right.columns.dividedRoundingUp(by: wide)
  // Too few blocks of columns to keep the threads evenly busy are split by rows.
  let threads = ThreadPool.shared.threadCount
  let chunks = blocks % threads == 0 || blocks >= 8 * threads ? 1 : min(tall, threads)
  ThreadPool.shared.parallelFor(blocks * chunks) { piece in
    let (block, chunk) = (piece / chunks, piece % chunks)
    let columns = block * wide..<min(right.columns, (block + 1) * wide)
    let first = tall * chunk / chunks * product.panelRows
    let rows = first..<min(left.rows, tall * (chunk + 1) / chunks * product.panelRows)
    Scratch.withFloats(TileProduct.depthBlock * wide + product.scratchCount + lanes) { scratch in
      // What every first sum starts from.
      let zeros = scratch + (TileProduct.depthBlock * wide + product.scratchCount)
      zeros.update(repeating: 0, count: lanes)
      var d = 0
      while d < depth {
        let count = min(TileProduct.depthBlock, depth - d)
        let from = b + (d * right.rowStep + columns.lowerBound * right.columnStep)
        if right.columnStep == 1 {
          for k in 0..<count {
            (scratch + k * wide).update(from: from + k * right.rowStep, count: columns.count)
          }
        } else {
          kernels.transpose(
            from, sourceStride: right.columnStep, scratch, outStride: wide, rows: columns.count,
            columns: count)
        }
        var ends = TileProduct.Ends()
        if d == 0 { ends.bias = UnsafePointer(zeros) }
        product.run(
          packed + (first * depth + d * product.panelRows), panelStep: depth * product.panelRows,
          rows: rows.count, scratch, bStride: wide, depth: count,
          to: y + (first * right.columns + columns.lowerBound), cStride: right.columns,
          columns: columns.count, ends, scratch: scratch + TileProduct.depthBlock * wide)
        d += count
      }
    }
  }
}

private func streamedProduct(
  _ a: Tensor<Float>, _ left: Matrix, _ b: Tensor<Float>, _ right: Matrix, into y: UnsafeMutablePointer<Float>
) {
  let kernels = Microkernels()
  a.withUnsafeBufferPointer { a in
    b.withUnsafeBufferPointer { b in
      do {
        guard let a = a.baseAddress, let b = b.baseAddress else { return }
        // Pieces of some rows, which all samples share while they are in the cache.
        let some = max(4, (1 << 15) / max(1, left.columns) / 4 * 4)
        ThreadPool.shared.parallelFor(right.columns.dividedRoundingUp(by: some)) { piece in
          let rows = piece * some..<min(right.columns, (piece + 1) * some)
          for n in 0..<left.rows {
            kernels.matrixTimesVector(
              b + rows.lowerBound * right.columnStep, rowStride: right.columnStep, rows: rows.count,
              a + n * left.rowStep, count: left.columns, y + (n * right.columns + rows.lowerBound))
          }
        }
      }
    }
  }
}

/// The tile of direct convolution, with weights in the place of samples: eight rows of weights are read side by side as
/// streams, and vectors go along the batch, so that the weights need not be copied together.
private func batchProduct(
  _ a: Tensor<Float>, _ left: Matrix, _ b: Tensor<Float>, _ right: Matrix, into y: UnsafeMutablePointer<Float>
) {
  let kernels = Microkernels()
  let shapes = kernels.tileShapes
  let (batch, depth, outputs) = (left.rows, left.columns, right.columns)
  let panels = batch.dividedRoundingUp(by: shapes.lanes).dividedRoundingUp(by: shapes.vectors)
  let wide = batch.dividedRoundingUp(by: panels).dividedRoundingUp(by: shapes.lanes) * shapes.lanes
  let tall = shapes.directRows[wide / shapes.lanes - 1]
  let passDepth = min(depth, DirectProduct(kernels).contiguousPassDepth)
  // Samples last.
  Scratch.withFloats(panels * depth * wide) { samples in
    a.withUnsafeBufferPointer { a in
      let a = a.baseAddress!
      ThreadPool.shared.parallelFor(panels) { panel in
        let first = panel * wide
        let count = max(0, min(wide, batch - first))
        let start = samples + panel * depth * wide
        if count < wide { start.update(repeating: 0, count: depth * wide) }
        kernels.transpose(
          a + first * left.rowStep, sourceStride: left.rowStep, start, outStride: wide, rows: count,
          columns: depth)
      }
    }
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: passDepth) { depthOffsets in
      for d in 0..<passDepth { depthOffsets[d] = Int32(d) }
      nonisolated(unsafe) let depthOffsets = UnsafePointer(depthOffsets.baseAddress!)
      b.withUnsafeBufferPointer { b in
        let b = b.baseAddress!
        let some = 4 * tall
        ThreadPool.shared.parallelFor(outputs.dividedRoundingUp(by: some)) { piece in
          let rows = piece * some..<min(outputs, (piece + 1) * some)
          Scratch.withFloats((some + tall) * wide) { sums in
            for panel in 0..<panels {
              sums.update(repeating: 0, count: (some + tall) * wide)
              for d in stride(from: 0, to: depth, by: passDepth) {
                for row in stride(from: rows.lowerBound, to: rows.upperBound, by: tall) {
                  withUnsafeTemporaryAllocation(of: Int32.self, capacity: tall) { offsets in
                    for i in 0..<tall {
                      offsets[i] = Int32((min(row + i, outputs - 1) - row) * right.columnStep)
                    }
                    let c = sums + (row - rows.lowerBound) * wide
                    var tile = ConvolveDirectTile(
                      input: b + (row * right.columnStep + d), outputOffsets: offsets.baseAddress!,
                      depthOffsets: depthOffsets, isContiguous: 1, depth: min(passDepth, depth - d),
                      weights: samples + (panel * depth + d) * wide, weightStride: wide, c: c, cStride: wide,
                      cOffsets: nil, start: UnsafePointer(c), hasOneStart: 0, ahead: 0, aheadToo: 0,
                      least: -.infinity,
                      most: .infinity)
                    kernels.directTile(&tile, rows: tall, vectors: wide / shapes.lanes)
                  }
                }
              }
              kernels.transpose(
                sums, sourceStride: wide, y + (panel * wide * outputs + rows.lowerBound), outStride: outputs,
                rows: rows.count, columns: max(0, min(wide, batch - panel * wide)))
            }
          }
        }
      }
    }
  }
}
