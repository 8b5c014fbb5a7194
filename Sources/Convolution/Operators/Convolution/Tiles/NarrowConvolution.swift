import CIntrinsics
import Microkernels
import Tensors

/// Convolution to few outputs a plane, where vectors along them would be partly empty: the tiles are turned over, with
/// vectors along the output channels and outputs as rows. Sums are kept aside, and transposed when they are stored. The
/// workspace of a thread is the sums of its channels and a part of the columns.
struct NarrowConvolution: Sendable {
  private let geometry: ConvolutionGeometry
  private let columns: ColumnSource
  private let runs: ColumnSource.BlockRuns
  private let kernels = Microkernels()
  private let shapes: TileShapes
  /// Panels of as many output channels as a tile is wide, a group.
  private let weights: [WeightPanels]
  /// Of all groups, each filled up to whole panels.
  private let bias: [Float]

  /// Whether it is the faster way: measured, up to 16x16 outputs, whose sums stay in the second-level cache. Beyond,
  /// storing them transposed costs more than reading whole vectors of outputs gains.
  static func pays(_ g: ConvolutionGeometry, _ shapes: TileShapes) -> Bool {
    g.output.reduce(1, *) <= 256 && (g.outChannels / g.groups).isMultiple(of: shapes.vectors * shapes.lanes)
  }

  init(_ g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?) {
    geometry = g
    shapes = kernels.tileShapes
    columns = ColumnSource(
      (0..<3).map { AxisTaps(g, axis: $0) }, source: g.input, kernel: g.kernel, fill: Float(g.mode.fillValue))
    runs = columns.blockRuns(0..<columns.outputs)
    let (depth, rows) = (g.inChannels / g.groups * columns.taps, g.outChannels / g.groups)
    let wide = shapes.vectors * shapes.lanes
    weights = w.withUnsafeBufferPointer { w in
      (0..<g.groups).map { group in
        WeightPanels(rows: rows, depth: depth, panelRows: wide) { row, d in
          w[(group &* rows &+ row) &* depth &+ d]
        }
      }
    }
    let filled = rows.dividedRoundingUp(by: wide) * wide
    self.bias = (0..<g.groups * filled).map { i in
      i % filled < rows ? bias?[i / filled * rows + i % filled] ?? 0 : 0
    }
  }

  var weightBytes: Int { weights.reduce(0) { $0 + $1.byteCount } }

  func run(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, pool: ThreadPool) {
    let g = geometry
    let (inputs, rows) = (g.inChannels / g.groups, g.outChannels / g.groups)
    let wide = shapes.vectors * shapes.lanes
    let panels = rows.dividedRoundingUp(by: wide)
    let planes = g.batch * g.groups
    let threads = pool.threadCount
    let chunks = planes >= threads ? 1 : min(panels, threads)
    let inputPlane = g.input.reduce(1, *)
    pool.parallelFor(planes * chunks) { piece in
      let (plane, chunk) = (piece / chunks, piece % chunks)
      weights[plane % g.groups].withPanels { weights in
        self.piece(
          x + plane * inputs * inputPlane, weights, plane % g.groups * panels,
          panels * chunk / chunks..<panels * (chunk + 1) / chunks, into: y + plane * rows * columns.outputs)
      }
    }
  }

  /// All outputs of one plane for a range of panels of channels. A part of the columns serves all of them.
  private func piece(
    _ x: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ biasPanel: Int, _ range: Range<Int>,
    into y: UnsafeMutablePointer<Float>
  ) {
    let g = geometry
    let (rows, outputs) = (g.outChannels / g.groups, columns.outputs)
    let depth = g.inChannels / g.groups * columns.taps
    let (lanes, wide) = (shapes.lanes, shapes.vectors * shapes.lanes)
    let tallest = shapes.rows[shapes.vectors - 1]
    let step = min(depth, TileProduct.depthBlock)
    let isInPlace = columns.isIdentity
    Scratch.withFloats(step * outputs + lanes + range.count * outputs * wide) { scratch in
      let sums = scratch + step * outputs + lanes
      var d = 0
      while d < depth {
        let part = d..<min(depth, d + step)
        if !isInPlace {
          columns.pack(kernels, runs, rows: part, from: x, to: scratch, rowStride: outputs)
        }
        let plane = isInPlace ? x + d * outputs : UnsafePointer(scratch)
        for (i, panel) in range.enumerated() {
          let c = sums + i * outputs * wide
          bias.withUnsafeBufferPointer { bias in
            var tile = ConvolveTile(
              a: plane, aStride: outputs, b: weights + (panel * depth + d) * wide, bStride: wide,
              depth: part.count, c: c, cStride: wide, start: bias.baseAddress! + (biasPanel + panel) * wide,
              startRowStep: 0, startVectorStep: lanes)
            var p = 0
            while p < outputs {
              tile.a = plane + p
              tile.c = c + p * wide
              if d > 0 { (tile.start, tile.startRowStep) = (UnsafePointer(tile.c), wide) }
              let count = min(tallest, outputs - p)
              kernels.multiplyTile(&tile, rows: count, vectors: shapes.vectors)
              p += count
            }
          }
        }
        d = part.upperBound
      }
      for (i, panel) in range.enumerated() {
        let c = sums + i * outputs * wide
        for j in 0..<min(wide, rows - panel * wide) {
          let out = y + (panel * wide + j) * outputs
          for p in 0..<outputs { out[p] = c[p &* wide &+ j] }
        }
      }
    }
  }
}
