import CIntrinsics
import Microkernels

/// The product of a panel of weights, vectors along the output channels, and samples that are read where they lie, tile by
/// tile of a few outputs.
struct DirectProduct: Sendable {
  let kernels: Microkernels
  let shapes: TileShapes

  init(_ kernels: Microkernels = Microkernels()) {
    self.kernels = kernels
    shapes = kernels.tileShapes
  }

  /// Outputs of the tallest tile: sums have room for so many more.
  var tallest: Int { shapes.directRows.max()! }

  /// About the depth of a pass, by two thirds of the first-level cache for one vector of channels' weights. Tiles that read
  /// few bytes of weights a step find their samples there again if a pass reads no more lines of them than a third has room
  /// for; wide tiles' weights drive samples out before that.
  /// - Parameter sampleLines: cache lines of samples that a tile reads for each step of the depth.
  func passDepth(sampleLines: Double) -> Int {
    let level1 = CacheSizes.current.level1
    let longest = max(64, level1 / 96)
    if shapes.bytesAcross * 128 > level1 / 2 { return longest }
    return max(64, Int(min(Double(longest), Double(level1) / (192 * sampleLines))))
  }

  /// Of samples whose depth lies side by side.
  var contiguousPassDepth: Int { passDepth(sampleLines: Double(tallest) / 16) }

  /// What sums start from.
  enum Start {
    case zero
    /// As many elements as a panel is wide.
    case row(UnsafePointer<Float>)
    /// What is there.
    case sums
  }

  /// sums[i, j] = start[j] (or 0, or sums[i, j]) + sum over d of samples[offsets[i] + depthOffsets[d]] * weights[d, j].
  /// - Parameters:
  ///   - isContiguous: whether depth offsets are 0, 1, 2 and so on.
  ///   - weights: of the panel at the first depth, `wide` elements a depth.
  ///   - ahead: from the weights to those that are asked for meanwhile.
  ///   - nextSamples: what is asked for when the weights are: the samples of the product to come, side by side.
  ///   - bounds: between which numbers sums are kept, unless they start from zero.
  ///   - sumOffsets: where each row of sums is, of as many rows and those that the last tile has beyond them; side by side where
  ///     nil.
  func run(
    _ samples: UnsafePointer<Float>, _ offsets: UnsafeBufferPointer<Int32>,
    depthOffsets: UnsafePointer<Int32>, isContiguous: Bool = false, depth: Int,
    _ weights: UnsafePointer<Float>, wide: Int,
    start: Start, ahead: Int, nextSamples: UnsafeBufferPointer<Float>? = nil,
    bounds: Finish.Bounds = .init(), to sums: UnsafeMutablePointer<Float>,
    sumOffsets: UnsafePointer<Int32>? = nil
  ) {
    let vectors = wide / shapes.lanes
    let tall = shapes.directRows[vectors - 1]
    // Tiles ask for the next weights, and then for samples: each for some cache lines one after another, or for one of those of
    // every step's weights.
    let linesAStep = wide.dividedRoundingUp(by: 16)
    let weightTiles =
      shapes.asksInParts ? (depth * wide).dividedRoundingUp(by: 16 * max(1, depth / 2)) : linesAStep
    let tiles = offsets.count.dividedRoundingUp(by: tall)
    func aheadOf(_ asking: Int) -> Int {
      func place(_ asking: Int) -> Int {
        if shapes.asksInParts { return asking * (depth / 2) * 16 }
        let (part, line) = asking.quotientAndRemainder(dividingBy: linesAStep)
        return part * wide * depth + line * 16
      }
      if asking < weightTiles { return ahead == 0 ? 0 : ahead + place(asking) }
      let place = place(asking - weightTiles)
      guard let nextSamples, place < nextSamples.count else { return 0 }
      return nextSamples.baseAddress! + place - weights
    }
    let row: UnsafePointer<Float>? = if case .row(let row) = start { row } else { nil }
    let isAdded = if case .sums = start { true } else { false }
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: tall) { filled in
      var tile = ConvolveDirectTile(
        input: samples, outputOffsets: offsets.baseAddress!, depthOffsets: depthOffsets,
        isContiguous: isContiguous ? 1 : 0, depth: depth, weights: weights, weightStride: wide, c: sums,
        cStride: wide, cOffsets: nil, start: isAdded ? UnsafePointer(sums) : row,
        hasOneStart: isAdded ? 0 : 1,
        ahead: 0, aheadToo: 0, least: bounds.least, most: bounds.most)
      var asking = 0
      shapes.forEachDirectTile(rows: offsets.count, vectors: vectors) { rows in
        if !shapes.asksInParts, ahead != 0, tiles < linesAStep {
          // Fewer tiles than lines: the last ones ask for two.
          let (first, end) = (asking * linesAStep / tiles, (asking + 1) * linesAStep / tiles)
          (tile.ahead, tile.aheadToo) = (ahead + first * 16, end - first > 1 ? ahead + (first + 1) * 16 : 0)
        } else {
          tile.ahead = aheadOf(asking)
        }
        asking += 1
        if let sumOffsets {
          tile.cOffsets = sumOffsets + rows.lowerBound
        } else {
          tile.c = sums + rows.lowerBound * wide
          if isAdded { tile.start = UnsafePointer(tile.c) }
        }
        if rows.upperBound <= offsets.count {
          tile.outputOffsets = offsets.baseAddress! + rows.lowerBound
        } else {
          for j in 0..<tall { filled[j] = offsets[min(rows.lowerBound + j, offsets.count - 1)] }
          tile.outputOffsets = UnsafePointer(filled.baseAddress!)
        }
        kernels.directTile(&tile, rows: rows.count, vectors: vectors)
      }
    }
  }

  /// Stores the maximum of every 2x2 outputs of at most a vector of channels, finished.
  /// - Parameters:
  ///   - sums: rows of outputs, each a vector of channels; they are changed.
  ///   - step: from output to output.
  ///   - y: the first channel's plane, whose rows are `stride` elements apart.
  ///   - plane: from channel to channel.
  ///   - aside: room for a quarter of the outputs.
  func storeSquares(
    _ sums: UnsafeMutablePointer<Float>, step: Int, rows: Int, columns: Int, channels: Int,
    to y: UnsafeMutablePointer<Float>, stride: Int, plane: Int, _ aside: UnsafeMutablePointer<Float>,
    _ finish: Finish
  ) {
    let lanes = shapes.lanes
    // A quarter of the outputs is finished, if that comes to the same.
    if !finish.keepsOrder { finish.apart(sums, rows: rows * columns, columns: lanes, stride: step) }
    let (high, wide) = (rows / 2, columns / 2)
    kernels.maximumOfVectorSquares(
      sums, step: step, rowStep: columns * step, aside, rows: high, columns: wide)
    if finish.keepsOrder { finish.apart(aside, rows: 1, columns: high * wide * lanes, stride: 0) }
    // Whole rows lie side by side.
    let together = wide == stride ? max(1, high) : 1
    for row in Swift.stride(from: 0, to: high, by: together) {
      kernels.transpose(
        aside + row * wide * lanes, sourceStride: lanes, y + row * stride, outStride: plane,
        rows: together * wide, columns: channels)
    }
  }
}
