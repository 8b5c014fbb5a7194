import Tensors

/// A convolution's weight gradient as a product in register tiles: dW = dY X^T, X being the matrix of columns.
/// Every weight is summed over samples and outputs in one order, whatever the threads. The workspace is a copy of
/// the upstream gradient in the tiles' order, and one block of columns a thread.
struct TiledWeightGradient: Sendable {
  private let geometry: ConvolutionGeometry
  private let columns: ColumnSource
  private let product = TileProduct()
  /// The outputs that are summed together, and how their columns are copied.
  private let parts: [(outputs: Range<Int>, runs: ColumnSource.BlockRuns)]

  /// Below as many output channels a group, a tile is mostly empty.
  static let fewestRows = 4

  init(_ geometry: ConvolutionGeometry) {
    self.geometry = geometry
    columns = ColumnSource(
      (0..<3).map { AxisTaps(geometry, axis: $0) }, source: geometry.input, kernel: geometry.kernel,
      fill: Float(geometry.mode.fillValue))
    let (columns, step) = (columns, TileProduct.depthBlock)
    parts = stride(from: 0, to: columns.outputs, by: step).map { first in
      let outputs = first..<min(columns.outputs, first + step)
      return (outputs, columns.blockRuns(outputs))
    }
  }

  func callAsFunction(_ dy: Tensor<Float>, _ x: Tensor<Float>) -> Tensor<Float> {
    let g = geometry
    let (inputs, rows) = (g.inChannels / g.groups, g.outChannels / g.groups)
    let outputs = columns.outputs
    let depth = inputs * columns.taps
    let upstream: [WeightPanels] = dy.withUnsafeBufferPointer { dy in
      (0..<g.batch * g.groups).map { plane in
        let start = plane * rows * outputs
        return WeightPanels(rows: rows, depth: outputs, panelRows: product.panelRows) { row, p in
          dy[start &+ row &* outputs &+ p]
        }
      }
    }
    let wide = product.tileColumns
    let blocks = depth.dividedRoundingUp(by: wide)
    let tall = rows.dividedRoundingUp(by: product.panelRows)
    let chunks = min(tall, max(1, 4 * ThreadPool.shared.threadCount / (g.groups * blocks)))
    return x.withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: g.weightShape) { dw in
        dw.initialize(repeating: 0)
        let dw = dw.baseAddress!
        ThreadPool.shared.parallelFor(g.groups * blocks * chunks) { piece in
          let chunk = piece % chunks
          let block = piece / chunks % blocks
          let group = piece / chunks / blocks
          let first = tall * chunk / chunks * product.panelRows
          let range = first..<min(rows, tall * (chunk + 1) / chunks * product.panelRows)
          let taps = block * wide..<min(depth, (block + 1) * wide)
          for n in 0..<g.batch {
            let plane = n * g.groups + group
            upstream[plane].withPanels { panels in
              add(
                panels, range, x.baseAddress! + plane * inputs * g.input.reduce(1, *), taps,
                to: dw + (group * rows + first) * depth, depth)
            }
          }
        }
      }
    }
  }

  /// Adds one sample's share of a tile's columns of weights.
  private func add(
    _ panels: UnsafePointer<Float>, _ range: Range<Int>, _ x: UnsafePointer<Float>, _ taps: Range<Int>,
    to dw: UnsafeMutablePointer<Float>, _ depth: Int
  ) {
    let (wide, outputs) = (product.tileColumns, columns.outputs)
    let block = min(outputs, TileProduct.depthBlock)
    Scratch.withFloats(block * wide + product.scratchCount) { scratch in
      for part in parts {
        columns.packTransposed(part.runs, rows: taps, from: x, to: scratch, pStep: wide)
        product.run(
          panels + range.lowerBound * outputs + part.outputs.lowerBound * product.panelRows,
          panelStep: outputs * product.panelRows, rows: range.count, scratch, bStride: wide,
          depth: part.outputs.count, to: dw + taps.lowerBound, cStride: depth, columns: taps.count, .init(),
          scratch: scratch + block * wide)
      }
    }
  }
}
