import Fourier
import Tensors

/// One input channel a group, by Fourier transforms of overlapping tiles: for kernels of hundreds of weights. A plane of one
/// row, which a signal is, is cut into 32 segments that are the tiles' rows.
struct FourierConvolution: PlannedConvolution {
  private let geometry: ConvolutionGeometry
  private let correlations: [TileCorrelation]
  private let bias: [Float]
  private let plane: PaddedPlane
  private let isLine: Bool
  /// Rows and columns that the kernel spans.
  private let reach: (rows: Int, columns: Int)

  /// Whether the algorithm has an answer: one input channel a group, planes, stride 1, a kernel whose tiles can be made.
  static func accepts(_ g: ConvolutionGeometry) -> Bool {
    DepthwiseConvolution.accepts(g) && g.stride == [1, 1, 1] && reach(g).rows <= 1 << 12
      && reach(g).columns <= 1 << 20
  }

  private static func reach(_ g: ConvolutionGeometry) -> (rows: Int, columns: Int) {
    (g.dilation[1] * (g.kernel[1] - 1) + 1, g.dilation[2] * (g.kernel[2] - 1) + 1)
  }

  /// The tiles, and the cost of a plane in cycles.
  static func tiles(_ g: ConvolutionGeometry) -> FourierTiles {
    let (rows, columns) = reach(g)
    let isLine = g.output[1] == 1 && rows == 1
    let outputs =
      isLine
      ? (rows: 32, samples: max(1, g.output[2].dividedRoundingUp(by: 32)))
      : (rows: max(1, g.output[1]), samples: max(1, g.output[2]))
    return FourierTiles(kernelRows: rows, kernelColumns: columns, outputs: outputs)
  }

  /// - Precondition: ``accepts(_:)`` the geometry.
  init(_ g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?) {
    geometry = g
    self.bias = bias ?? [Float](repeating: 0, count: g.outChannels)
    reach = Self.reach(g)
    isLine = g.output[1] == 1 && reach.rows == 1
    let (rows, dilation) = (reach.rows, g.dilation)
    let tiles = Self.tiles(g)
    let (kernelRows, kernelColumns) = (g.kernel[1], g.kernel[2])
    correlations = w.withUnsafeBufferPointer { w in
      (0..<g.outChannels).map { k in
        var kernel = [Double](repeating: 0, count: rows * kernelColumns)
        for r in 0..<kernelRows {
          for s in 0..<kernelColumns {
            kernel[r * dilation[1] * kernelColumns + s] = Double(w[(k * kernelRows + r) * kernelColumns + s])
          }
        }
        return TileCorrelation(
          kernel, rows: rows, columns: kernelColumns, tapStep: dilation[2], tile: (tiles.rows, tiles.columns))
      }
    }
    plane = PaddedPlane(g, height: g.output[1] + rows - 1, width: g.output[2] + reach.columns - 1)
  }

  var weightBytes: Int { correlations.reduce(0) { $0 + $1.byteCount } }

  private var inputRows: Int { min(geometry.output[1], 2 * correlations[0].rows) + reach.rows - 1 }

  private var workCount: Int {
    correlations[0].workCount + (isLine ? lineCount + 2 * lineSegment * 32 : inputRows * plane.columnCount)
  }

  var workspaceBytes: Int { workCount * MemoryLayout<Float>.stride }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    let g = geometry
    let (height, width) = (g.output[1], g.output[2])
    let tile = correlations[0]
    let bands = isLine ? lineBlocks : height.dividedRoundingUp(by: 2 * tile.rows)
    let multiplier = g.outChannels / g.inChannels
    pool.parallelFor(g.batch * g.outChannels * bands) { piece in
      let (index, band) = (piece / bands, piece % bands)
      let (n, k) = (index / g.outChannels, index % g.outChannels)
      let source = x + (n * g.inChannels + k / multiplier) * g.input[1] * g.input[2]
      let out = y + index * height * width
      Scratch.withFloats(workCount) { scratch in
        let input = scratch + tile.workCount
        if isLine {
          let part = band * lineOutputs..<min(width, (band + 1) * lineOutputs)
          runLine(source, part, correlations[k], into: out, input: input, work: scratch)
          add(bias[k], to: out + part.lowerBound, count: part.count)
          finish(out + part.lowerBound, count: part.count)
          return
        }
        let rows = band * 2 * tile.rows..<min(height, (band + 1) * 2 * tile.rows)
        let stride = plane.columnCount
        for row in 0..<rows.count + reach.rows - 1 {
          plane.copyRow(source, rows.lowerBound + row, 0..<stride, to: input + row * stride)
        }
        let to = out + rows.lowerBound * width
        correlations[k].run(
          input, stride: stride, into: to, outStride: width, rows: rows.count, columns: width, work: scratch)
        add(bias[k], to: to, count: rows.count * width)
        finish(to, count: rows.count * width)
      }
    }
  }

  /// Outputs of a line's segment: a tile has two times its rows of them.
  private var lineSegment: Int { correlations[0].columns }
  private var lineOutputs: Int { 2 * correlations[0].rows * lineSegment }
  private var lineBlocks: Int { geometry.output[2].dividedRoundingUp(by: lineOutputs) }
  /// Padded samples that a block reads: segments overlap.
  private var lineCount: Int { lineOutputs + reach.columns }

  private func runLine(
    _ source: UnsafePointer<Float>, _ part: Range<Int>, _ tile: TileCorrelation,
    into out: UnsafeMutablePointer<Float>, input: UnsafeMutablePointer<Float>,
    work: UnsafeMutablePointer<Float>
  ) {
    let needed = part.count + reach.columns - 1
    plane.copyRow(source, 0, part.lowerBound..<part.lowerBound + needed, to: input)
    (input + needed).update(repeating: 0, count: lineCount - needed)
    let half = tile.rows * lineSegment
    let results = input + lineCount
    tile.run(
      input, input + half, stride: lineSegment, inputRows: tile.rows, secondInputRows: tile.rows,
      inputColumns: tile.tileColumns, into: results, results + half, outStride: lineSegment, rows: tile.rows,
      secondRows: tile.rows, columns: lineSegment, work: work)
    (out + part.lowerBound).update(from: results, count: part.count)
  }

  private func add(_ bias: Float, to y: UnsafeMutablePointer<Float>, count: Int) {
    if bias == 0 { return }
    for i in 0..<count { y[i] += bias }
  }
}
