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

  /// About the depth of a pass, whose weights for one vector of channels take two thirds of the first-level cache.
  static let passDepth = max(64, CacheSizes.current.level1 / 96)

  /// sums[i, j] = bias[j] (or sums[i, j]) + sum over d of samples[offsets[i] + depthOffsets[d]] * weights[d, j].
  /// - Parameters:
  ///   - weights: of the panel at the first depth, `wide` elements a depth.
  ///   - bias: `wide` elements; sums add to what is there where nil.
  ///   - ahead: from the weights to those that are asked for meanwhile.
  func run(
    _ samples: UnsafePointer<Float>, _ offsets: UnsafeBufferPointer<Int32>,
    depthOffsets: UnsafePointer<Int32>, depth: Int, _ weights: UnsafePointer<Float>, wide: Int,
    bias: UnsafePointer<Float>?, ahead: Int, to sums: UnsafeMutablePointer<Float>
  ) {
    let vectors = wide / shapes.lanes
    let tall = shapes.directRows[vectors - 1]
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: tall) { filled in
      var tile = ConvolveDirectTile(
        input: samples, outputOffsets: offsets.baseAddress!, depthOffsets: depthOffsets, depth: depth,
        weights: weights, weightStride: wide, c: sums, cStride: wide, start: bias ?? UnsafePointer(sums),
        startRowStep: bias == nil ? wide : 0, ahead: ahead)
      var asked = 0
      shapes.forEachDirectTile(rows: offsets.count, vectors: vectors) { rows in
        tile.c = sums + rows.lowerBound * wide
        if bias == nil { tile.start = UnsafePointer(tile.c) }
        if rows.upperBound <= offsets.count {
          tile.outputOffsets = offsets.baseAddress! + rows.lowerBound
        } else {
          for j in 0..<tall { filled[j] = offsets[min(rows.lowerBound + j, offsets.count - 1)] }
          tile.outputOffsets = UnsafePointer(filled.baseAddress!)
        }
        kernels.directTile(&tile, rows: rows.count, vectors: vectors)
        // A tile asks for one cache line of each step's weights.
        asked += 1
        tile.ahead = asked < vectors ? ahead + asked * shapes.lanes : 0
      }
    }
  }
}
