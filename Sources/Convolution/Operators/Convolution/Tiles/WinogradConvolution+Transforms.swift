import CIntrinsics
import Microkernels

// One block of tiles through the transforms and the products.
extension WinogradConvolution {
  /// The inputs of a block's tiles, of some vectors of channels.
  /// - Parameters:
  ///   - v: entry e of tile t is at `e * inputStep(tiles) + t * tileStep`.
  ///   - scratch: ``tileScratch`` and ``bandCount`` elements.
  func transformInputs(
    _ x: UnsafePointer<Float>, _ group: Int, _ block: Range<Int>, _ vectors: Range<Int>,
    _ v: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let g = geometry
    let lanes = product.shapes.lanes
    let (channels, input) = (g.inChannels / g.groups, g.input.reduce(1, *))
    let step = inputStep(block.count)
    let samples = scratch + tileScratch
    forEachBand(block) { band in
      let left = band.columns.lowerBound * transform.side * g.stride[2]
      let read = left..<left + columnsRead(band.columns.count)
      let together = rowsTogether(band.rows.count)
      for vector in vectors {
        let first = vector * lanes
        let planes = x + (band.sample * g.inChannels + group * channels + first) * input
        for row in stride(from: 0, to: band.rows.count, by: together) {
          for z in starts[0] {
            turnOver(
              planes, step: input, channels: min(lanes, channels - first),
              plane: self.planes[band.plane * g.stride[0] + z],
              (band.rows.lowerBound + row) * transform.height * g.stride[1], rowsRead(together), read,
              to: samples)
            transformInputs(
              samples, columnCount: read.count, plane: z,
              v + ((band.first + row * band.columns.count) * tileStep + first), step: step,
              rows: together, columns: band.columns.count, scratch)
          }
        }
      }
    }
  }

  /// The inputs of some rows of tiles, of all pieces of the kernel in one of its planes.
  private func transformInputs(
    _ samples: UnsafePointer<Float>, columnCount: Int, plane z: Int, _ v: UnsafeMutablePointer<Float>,
    step: Int, rows: Int, columns: Int, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let rowStep = transform.height * geometry.stride[1]
    let rowStride = phases.start(row: transform.weightStep(geometry, axis: 1), columns: columnCount)
    let columnStride = transform.weightStep(geometry, axis: 2) * phases.columnStep
    let (down, across) = (
      phases.transformed(starts[1], axis: 1), phases.transformed(starts[2], axis: 2)
    )
    var piece = z * down.count * across.count
    for y in down {
      for x in across {
        for row in 0..<rows {
          let top = phases.start(row: row * rowStep + y, columns: columnCount)
          product.kernels.winogradInput(
            transform, samples + (top + x * phases.columnStep),
            rowStride: rowStride, columnStride: columnStride,
            v + (row * columns * tileStep + piece * pieceStep), step: step, tiles: columns,
            tileStep: tileStep, scratch: scratch)
        }
        piece += 1
      }
    }
  }

  /// The padded samples of some rows and columns, of at most a vector of channels.
  private func turnOver(
    _ planes: UnsafePointer<Float>, step: Int, channels: Int, plane source: Int?, _ firstRow: Int,
    _ rows: Int, _ columns: Range<Int>, to samples: UnsafeMutablePointer<Float>
  ) {
    guard let source else {
      let count = rows.dividedRoundingUp(by: phases.rows) * columns.count * phases.columnStep
      return samples.update(repeating: plane.fill, count: count)
    }
    let planes = planes + source * geometry.input[1] * geometry.input[2]
    for row in 0..<rows {
      plane.turnRow(
        product.kernels, planes, step: step, channels: channels, firstRow + row, columns,
        to: samples + phases.start(row: row, columns: columns.count), columnStep: phases.columnStep)
    }
  }

  /// Some panels of the outputs, from the transformed inputs of a block's tiles.
  /// - Parameter scratch: working memory of a tile, a band (two where outputs are pooled) and a panel's products.
  func outputs(
    _ v: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ group: Int, _ block: Range<Int>,
    _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>, _ edge: UnsafeMutablePointer<Float>?,
    _ finish: Finish
  ) {
    let g = geometry
    let (lanes, rows) = (product.shapes.lanes, g.outChannels / g.groups)
    let plane = storedPlane
    let band = scratch + tileScratch
    let m = band + (pooling != nil ? 2 : 1) * bandCount
    for panel in panels {
      let (first, wide) = (firstRows[panel], widths[panel])
      let y = y + (group * rows + first) * plane
      if pooling == nil { askForResidual(y, block, channels: min(wide, rows - first), finish) }
      multiply(v, group, panel, block, isLast: panel == widths.count - 1, to: m)
      let step = productStep(block.count, wide: wide)
      bias.withUnsafeBufferPointer { bias in
        for channel in Swift.stride(from: 0, to: min(wide, rows - first), by: lanes) {
          forEachBand(block) {
            transformOutputs(
              m + channel, step: step, tileStep: wide,
              bias: bias.baseAddress! + (group * filledRows + first + channel), $0,
              channels: min(lanes, rows - first - channel), to: y + channel * plane, plane, band, scratch,
              edge.map { $0 + (group * rows + first + channel) * windowsAcross }, finish)
          }
        }
      }
    }
  }

  /// The products of a panel, those of the same weights one after another. Those of a column's or a row's last tile that no
  /// output takes are left out: their places keep what is there.
  private func multiply(
    _ v: UnsafePointer<Float>, _ group: Int, _ panel: Int, _ block: Range<Int>, isLast: Bool,
    to m: UnsafeMutablePointer<Float>
  ) {
    let (tiles, wide, depth, isContiguous) = (block.count, widths[panel], depth, isContiguous)
    let (inputStep, productStep) = (inputStep(tiles), productStep(tiles, wide: wide))
    let passes = depth.dividedRoundingUp(by: product.contiguousPassDepth)
    withTileOffsets(block, wide: wide) { tileOffsets in
      weights.withUnsafeBufferPointer { weights in
        depthOffsets.withUnsafeBufferPointer { depthOffsets in
          for (i, entry) in products.enumerated() {
            let panels =
              weights.baseAddress! + (weightStart(group, panel) + entry.weight * weightStep(panel))
            let isLastEntry = i == entries - 1
            let nextWeight = isLastEntry ? transform.weights : products[i + 1].weight
            let nextSamples = v + (isLastEntry ? 0 : products[i + 1].entry) * inputStep
            let offsets = tileOffsets(entry)
            for pass in 0..<passes {
              let part = depth * pass / passes..<depth * (pass + 1) / passes
              // The weights of the next product: in a network they come from memory every time.
              let next =
                pass < passes - 1
                ? part.count * wide
                : isLastEntry && isLast
                  ? 0 : (nextWeight - entry.weight) * weightStep(panel) - part.lowerBound * wide
              // Contiguous offsets count from where a part begins.
              let first = isContiguous ? part.lowerBound : 0
              product.run(
                v + (entry.entry * inputStep + first), offsets.inputs,
                depthOffsets: depthOffsets.baseAddress! + part.lowerBound - first,
                isContiguous: isContiguous,
                depth: part.count,
                panels + part.lowerBound * wide, wide: wide,
                start: pass == 0 ? .zero : .sums, ahead: next,
                nextSamples: pass < passes - 1
                  ? nil : UnsafeBufferPointer(start: nextSamples, count: inputStep),
                to: m + entry.entry * productStep, sumOffsets: offsets.sums)
            }
          }
        }
      }
    }
  }

  /// Where the tiles that take a product have their inputs, and their sums where those are not all tiles.
  private typealias TileOffsets = (inputs: UnsafeBufferPointer<Int32>, sums: UnsafePointer<Int32>?)

  /// Gives `body` the offsets of a block's tiles that take a product.
  private func withTileOffsets(
    _ block: Range<Int>, wide: Int, _ body: ((WinogradTransform.Product) -> TileOffsets) -> Void
  ) {
    let (tiles, beyond) = (block.count, product.tallest)
    let room = 2 * tiles + beyond
    func kind(_ isOfLastRow: Bool, _ isOfLastColumn: Bool) -> Int {
      (isOfLastRow ? 0 : 1) + (isOfLastColumn ? 0 : 2)
    }
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 4 * room) { offsets in
      withUnsafeTemporaryAllocation(of: Int.self, capacity: 4) { counts in
        counts.initialize(repeating: 0)
        let start = offsets.baseAddress!
        forEachBand(block) { band in
          var tile = band.first
          for row in band.rows {
            for column in band.columns {
              for k in 0..<4
              where (k & 1 == 0 || row < tilesDown - 1) && (k & 2 == 0 || column < tilesAcross - 1) {
                let inputs = start + k * room
                inputs[counts[k]] = Int32(tile * tileStep)
                inputs[tiles + counts[k]] = Int32(tile * wide)
                counts[k] += 1
              }
              tile += 1
            }
          }
        }
        for k in 0..<4 {
          for j in 0..<beyond { start[k * room + tiles + counts[k] + j] = Int32((tiles + j) * wide) }
        }
        body { product in
          let k = kind(product.isOfLastRow, product.isOfLastColumn)
          let inputs = start + k * room
          return (
            UnsafeBufferPointer(start: inputs, count: counts[k]),
            counts[k] == tiles ? nil : UnsafePointer(inputs + tiles)
          )
        }
      }
    }
  }

  /// The outputs of a band, of at most a vector of channels.
  /// - Parameters:
  ///   - y: the first channel's plane in the first sample.
  ///   - plane: elements from channel to channel.
  private func transformOutputs(
    _ m: UnsafePointer<Float>, step: Int, tileStep: Int, bias: UnsafePointer<Float>, _ band: Band,
    channels: Int, to y: UnsafeMutablePointer<Float>, _ plane: Int, _ out: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>, _ edge: UnsafeMutablePointer<Float>?, _ finish: Finish
  ) {
    let g = geometry
    let lanes = product.shapes.lanes
    let (height, width) = (g.output[1], g.output[2])
    let place = outputs(band)
    let pitch = place.columns.count
    for row in 0..<band.rows.count {
      var outputs = ConvolveWinogradOutput(
        m: m + (band.first + row * band.columns.count) * tileStep, step: step, tiles: band.columns.count,
        tileStep: tileStep, bias: bias, out: out + row * transform.height * pitch * lanes,
        outStride: pitch * lanes, scratch: scratch, least: finish.bounds.least, most: finish.bounds.most)
      product.kernels.winogradOutput(transform, &outputs)
    }
    let finish = finish.afterBounds
    let y = y + band.sample * g.outChannels * plane
    switch pooling {
    case .window2:
      return product.storeSquares(
        out, step: lanes, rows: place.rows.count, columns: pitch, channels: channels,
        to: y + (place.rows.lowerBound / 2 * (width / 2) + place.columns.lowerBound / 2), stride: width / 2,
        plane: plane, out + bandCount, finish)
    case .window3: return storeWindows(out, place.rows, channels: channels, to: y, plane, edge!)
    case nil: break
    }
    let corner =
      y + ((band.plane * height + place.rows.lowerBound) * width + place.columns.lowerBound)
    // Whole rows lie side by side.
    let together = pitch == width ? place.rows.count : 1
    for row in Swift.stride(from: 0, to: place.rows.count, by: together) {
      product.kernels.transpose(
        out + row * pitch * lanes, sourceStride: lanes, corner + row * width, outStride: plane,
        rows: together * pitch, columns: channels)
      finish(corner + row * width, rows: channels, columns: together * pitch, stride: plane)
    }
  }

  /// The outputs of a band's tiles that are the plane's.
  private func outputs(_ band: Band) -> (rows: Range<Int>, columns: Range<Int>) {
    let (tall, side) = (transform.height, transform.side)
    return (
      band.rows.lowerBound * tall..<min(geometry.output[1], band.rows.upperBound * tall),
      band.columns.lowerBound * side..<min(geometry.output[2], band.columns.upperBound * side)
    )
  }

  /// Asks for the residual of some channels' outputs, to be there when these are stored.
  private func askForResidual(
    _ y: UnsafeMutablePointer<Float>, _ block: Range<Int>, channels: Int, _ finish: Finish
  ) {
    let (height, width) = (geometry.output[1], geometry.output[2])
    let plane = geometry.output.reduce(1, *)
    forEachBand(block) { band in
      let place = outputs(band)
      let first =
        (band.plane * height + place.rows.lowerBound) * width + place.columns.lowerBound
      finish.askForResidual(
        y + (band.sample * geometry.outChannels * plane + first), rows: channels,
        columns: (place.rows.count - 1) * width + place.columns.count, stride: plane)
    }
  }
}
