import CIntrinsics
import Microkernels

// One block of columns: its factors, its products and its outputs.
extension StrassenConvolution {
  /// The factors of a block's samples.
  func pack(
    _ block: Block, _ depth: Range<Int>, _ x: UnsafePointer<Float>, _ copied: UnsafeMutablePointer<Float>,
    to factors: UnsafeMutablePointer<Float>
  ) {
    let vectors = block.shape.vectors
    let wide = vectors * shapes.lanes
    var (upper, lower, stride) = (x, x, sourcePlane)
    if let runs = block.runs {
      let count = block.outputs.count
      stride = 2 * wide
      for half in 0..<2 {
        let rows = depth.lowerBound + half * halfDepth..<depth.upperBound + half * halfDepth
        let copied = copied + half * depth.count * stride
        columns.pack(kernels, runs, rows: rows, from: x, to: copied, rowStride: stride)
        if count < stride {
          for d in 0..<depth.count {
            (copied + d * stride + count).update(repeating: 0, count: stride - count)
          }
        }
      }
      (upper, lower) = (UnsafePointer(copied), UnsafePointer(copied + depth.count * stride))
    } else {
      upper = x + (depth.lowerBound * sourcePlane + block.outputs.lowerBound)
      lower = upper + halfDepth * sourcePlane
    }
    kernels.strassenSamples(
      upper, lower, stride: stride, depth: depth.count, vectors: vectors, factors,
      step: factorStep(depth.count, wide))
  }

  /// The products of a panel.
  /// - Parameters:
  ///   - start: a vector of zeros where products do not add to what is there.
  ///   - nextPanel: from the panel's weights to those that are read next; 0 where they are read again.
  func multiply(
    _ weights: UnsafePointer<Float>, rows: Int, _ factors: UnsafePointer<Float>,
    _ shape: BlockShape, depth: Int, to products: UnsafeMutablePointer<Float>, start: UnsafePointer<Float>?,
    nextPanel: Int
  ) {
    let vectors = shape.vectors
    let wide = vectors * shapes.lanes
    let tall = shapes.rows[vectors - 1]
    let step = shapes.panelRows * depth
    var tile = ConvolveTile(
      a: weights, b: factors, bStride: wide, depth: depth, c: products, cStride: wide,
      start: start ?? UnsafePointer(products), startRowStep: start == nil ? wide : 0,
      startVectorStep: start == nil ? shapes.lanes : 0, residual: nil, ahead: 0, least: -.infinity,
      most: .infinity)
    /// Meanwhile the weights of the next product are asked for.
    func ahead(_ i: Int, row: Int) -> Int {
      let ahead = i < 6 ? step : nextPanel == 0 ? 0 : nextPanel - 6 * step
      return ahead == 0 ? 0 : shapes.ahead(ahead, row: row, vectors: vectors, depth: depth)
    }
    if vectors == shapes.vectors, rows == shapes.panelRows, !shape.isHalf {
      let tilesAPanel = shapes.panelRows / tall
      var tiles = ConvolveTiles(
        tile: tile, count: 6 * tilesAPanel, panelStep: step, bPanelStep: factorStep(depth, wide),
        firstAhead: ahead(0, row: 0), otherAhead: ahead(0, row: tall), samples: nil,
        samplesStep: 0, lines: nil, lineCount: 0, samplesLeft: 0, samplesTogether: 0)
      kernels.multiplyTiles(&tiles)
      (tiles.count, tiles.firstAhead, tiles.otherAhead) = (tilesAPanel, ahead(6, row: 0), ahead(6, row: tall))
      kernels.multiplyTiles(&tiles)
      return
    }
    for i in 0..<7 {
      let products = products + i * shapes.panelRows * wide
      if !shape.needs(i) {
        products.update(repeating: 0, count: shapes.panelRows * wide)
        continue
      }
      tile.b = factors + i * factorStep(depth, wide)
      var row = 0
      while row < rows {
        let count = shapes.tileRows(left: rows - row, vectors: vectors)
        tile.a = weights + (i * step + row)
        tile.ahead = ahead(i, row: row)
        tile.c = products + row * wide
        if start == nil { tile.start = UnsafePointer(tile.c) }
        kernels.multiplyTile(&tile, rows: count, vectors: vectors)
        row += count
      }
    }
  }

  func askForResiduals(_ block: Block, _ rows: Range<Int>, _ piece: Piece) {
    for half in 0..<2 {
      piece.finish.askForResidual(
        outputs(block, rows, half, piece), rows: rows.count, columns: block.outputs.count,
        stride: targetPlane)
    }
  }

  /// A block's first output in the first of some rows of a half.
  func outputs(
    _ block: Block, _ rows: Range<Int>, _ half: Int, _ piece: Piece
  ) -> UnsafeMutablePointer<Float> {
    piece.y + ((half * halfRows + rows.lowerBound) * targetPlane + block.outputs.lowerBound)
  }

  /// Stores the outputs of a panel's rows, finished.
  func store(
    _ block: Block, _ rows: Range<Int>, _ products: UnsafePointer<Float>, _ piece: Piece,
    _ aside: UnsafeMutablePointer<Float>
  ) {
    let lanes = shapes.lanes
    let vectors = block.shape.vectors
    let wide = vectors * lanes
    let count = block.outputs.count
    let upper = outputs(block, rows, 0, piece)
    let lower = outputs(block, rows, 1, piece)
    let isAside = count % lanes != 0
    let finish = piece.finish
    let bounds = isAside ? finish.bounds : finish.sumBounds
    let bias = piece.bias + rows.lowerBound * lanes
    var o = ConvolveStrassenOutput(
      products: products, productStep: shapes.panelRows * wide,
      rows: rows.count, vectors: vectors, upper: isAside ? aside : upper,
      lower: isAside ? aside + rows.count * 2 * wide : lower, stride: isAside ? 2 * wide : targetPlane,
      leftVectors: isAside ? vectors : min(vectors, count / lanes),
      rightVectors: isAside ? vectors : max(0, count / lanes - vectors), upperBias: bias,
      lowerBias: bias + panels * shapes.panelRows * lanes,
      residual: isAside ? nil : finish.residual(of: upper), least: bounds.least,
      most: bounds.most)
    kernels.strassenOutputs(&o)
    let rest = isAside ? finish.afterBounds : finish.afterSumBounds
    for (half, out) in [upper, lower].enumerated() {
      if isAside {
        for i in 0..<rows.count {
          rest.store(aside + (half * rows.count + i) * 2 * wide, to: out + i * targetPlane, count: count)
        }
      } else {
        rest(out, rows: rows.count, columns: count, stride: targetPlane)
      }
    }
  }
}
