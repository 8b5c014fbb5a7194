import Microkernels
import Tensors

/// Convolution as a product of the weights and the matrix of columns (Y = W X), in register tiles, with vectors along
/// the pixels of NCHW planes. A panel of columns is copied together block by block, or read where it lies for 1x1
/// kernels, so that no matrix is written out. Every output is summed in the order of the depth, whatever the threads.
struct TiledConvolution: PlannedConvolution {
  private let columns: ColumnSource
  private let product = TileProduct()
  private var weights: [WeightPanels]
  /// One vector a row, of all groups, each filled up to whole panels.
  private var bias: [Float]
  /// Channels that are read, and planes that come out, in a group.
  private let depthChannels: Int
  private let rows: Int
  private let groups: Int
  private let batch: Int
  /// Elements of one channel read, and of one plane that comes out.
  private let sourcePlane: Int
  private let targetPlane: Int
  private let target: Target
  /// Of each block of a tile's columns.
  private let blocks: [ColumnSource.BlockRuns]
  private let order: WeightOrder
  /// Columns of a 1x1 kernel are the input's own rows.
  private let readsInPlace: Bool
  /// One sample of each cache line that a block of a 1x1 kernel reads in a plane; those of block b are
  /// `lines[lineStarts[b] ..< lineStarts[b + 1]]`.
  private let lines: [Int32]
  private let lineStarts: [Int]

  /// Where output p of the grid goes in its plane.
  private struct Target: Sendable {
    /// Sizes of the plane.
    let sizes: [Int]
    let phase: [Int]
    let stride: [Int]
    let grid: [Int]

    var isDense: Bool { stride == [1, 1, 1] }

    func place(_ position: Int) -> Int {
      let (row, x) = position.quotientAndRemainder(dividingBy: grid[2])
      let (z, y) = row.quotientAndRemainder(dividingBy: grid[1])
      return ((z * stride[0] + phase[0]) * sizes[1] + y * stride[1] + phase[1]) * sizes[2] + x * stride[2]
        + phase[2]
    }
  }

  /// Row r, channel c and tap t of group g have the weight `w[g * groupStep + r * rowStep + c * channelStep + t]`.
  private struct WeightOrder: Sendable {
    let rowStep: Int
    let channelStep: Int
    let groupStep: Int
  }

  private init(
    _ g: ConvolutionGeometry, _ axes: [AxisTaps], depthChannels: Int, rows: Int, source: [Int],
    target sizes: [Int], phase: [Int], stride: [Int], _ w: Tensor<Float>, _ order: WeightOrder,
    _ bias: [Float]?
  ) {
    columns = ColumnSource(axes, source: source, kernel: g.kernel, fill: Float(g.mode.fillValue))
    self.depthChannels = depthChannels
    self.rows = rows
    groups = g.groups
    batch = g.batch
    sourcePlane = source.reduce(1, *)
    targetPlane = sizes.reduce(1, *)
    target = Target(sizes: sizes, phase: phase, stride: stride, grid: columns.grid)
    // Where a tile's columns take one cache line, those of a plane that is not of whole lines would take two: they are
    // copied, if there are enough rows for that. So are those of many planes a whole number of pages apart.
    readsInPlace =
      columns.isIdentity && target.isDense && (!CacheSizes.areWholePages(sourcePlane) || depthChannels < 64)
      && (product.shapes.bytesAcross > 64 || sourcePlane % 16 == 0 || rows < 512)
    let (columns, wide) = (columns, product.tileColumns)
    let blocks = (0..<columns.outputs.dividedRoundingUp(by: wide)).map {
      columns.blockRuns($0 * wide..<min(columns.outputs, ($0 + 1) * wide))
    }
    let lines = blocks.map { columns.taps == 1 ? columns.lines($0) : [] }
    self.blocks = blocks
    self.lines = lines.flatMap { $0 }
    lineStarts = lines.map(\.count).sumsBefore + [self.lines.count]
    self.order = order
    self.bias = []
    weights = [WeightPanels](
      repeating: WeightPanels(rows: rows, depth: depthChannels * columns.taps, panelRows: product.panelRows),
      count: g.groups)
    fill(w, bias)
  }

  mutating func repack(_ w: Tensor<Float>, _ bias: [Float]?) -> Bool {
    fill(w, bias)
    return true
  }

  mutating func releaseWeights() {
    weights.release()
  }

  private mutating func fill(_ w: Tensor<Float>, _ bias: [Float]?) {
    self.bias = product.biasVectors(bias, parts: groups, rows: rows)
    let (taps, indices, depth, order) = (columns.taps, columns.kernelIndices, depthChannels, order)
    w.withUnsafeBufferPointer { w in
      weights.refill { group, first, count, wide, out in
        for i in 0..<count {
          for c in 0..<depth {
            let from = group &* order.groupStep &+ (first &+ i) &* order.rowStep &+ c &* order.channelStep
            for t in 0..<taps { out[(c &* taps &+ t) &* wide &+ i] = w[from &+ indices[t]] }
          }
        }
      }
    }
  }

  /// y from x.
  init(forward g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?) {
    let (inputs, outputs) = (g.inChannels / g.groups, g.outChannels / g.groups)
    let taps = g.kernel.reduce(1, *)
    self.init(
      g, (0..<3).map { AxisTaps(g, axis: $0) }, depthChannels: inputs, rows: outputs, source: g.input,
      target: g.output, phase: [0, 0, 0], stride: [1, 1, 1], w,
      WeightOrder(rowStep: inputs * taps, channelStep: taps, groupStep: outputs * inputs * taps), bias)
  }

  /// dx from dy, for padding with zeros, at the inputs `phase`, `phase + stride` and so on.
  private init(
    transposing g: ConvolutionGeometry, phase: [Int], _ w: Tensor<Float>, _ bias: [Float]?
  ) {
    let (inputs, outputs) = (g.inChannels / g.groups, g.outChannels / g.groups)
    let taps = g.kernel.reduce(1, *)
    let axes = (0..<3).map { AxisTaps(transposing: g, axis: $0, phase: phase[$0]) }
    self.init(
      g, axes, depthChannels: outputs, rows: inputs, source: g.output, target: g.input, phase: phase,
      stride: g.stride, w,
      WeightOrder(rowStep: taps, channelStep: inputs * taps, groupStep: outputs * inputs * taps), bias)
  }

  /// As many convolutions of stride 1 as the strides have phases, so that no product with an inserted zero is taken.
  static func phases(
    transposing g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?
  ) -> [TiledConvolution] {
    g.phases.map { TiledConvolution(transposing: g, phase: $0, w, bias) }
  }

  /// Whether one pass takes the whole depth, so that no sums are stored before they are whole.
  static func isOnePass(_ depth: Int) -> Bool { depth <= TileProduct.depthBlock }

  var addsInPlace: Bool { target.isDense && Self.isOnePass(depthChannels * columns.taps) }

  /// Bytes of packed weights.
  var weightBytes: Int { weights.byteCount }

  /// Blocks that are computed together, whose sums may be kept aside.
  private static let longestRun = 8

  var workspaceBytes: Int {
    let step = min(depthChannels * columns.taps, TileProduct.depthBlock)
    return
      (step * product.tileColumns + product.shapes.lanes + product.scratchCount
      + Self.longestRun * rows * product.tileColumns) * MemoryLayout<Float>.stride
  }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    guard batch > 0, columns.outputs > 0 else { return }
    let tall = rows.dividedRoundingUp(by: product.panelRows)
    let pieces = TilePieces(
      planes: batch * groups, blocks: blocks.count, longestRun: Self.longestRun, panels: tall,
      threads: pool.threadCount)
    let biasStep = tall * product.panelRows * product.shapes.lanes
    bias.withUnsafeBufferPointer { bias in
      let bias = bias.baseAddress!
      pieces.forEach(on: pool) { plane, run, panelRange in
        let group = plane % groups
        let range =
          panelRange.lowerBound * product.panelRows..<min(rows, panelRange.upperBound * product.panelRows)
        weights[group].withPanels { panels in
          self.blocks(
            run, x + plane * depthChannels * sourcePlane, panels, range, bias + group * biasStep,
            into: y + plane * rows * targetPlane, finish)
        }
      }
    }
  }

  /// A run of blocks of outputs, for a range of rows. A part of the depth of all weights is read for one block after
  /// another, so that it comes from the second-level cache.
  private func blocks(
    _ run: Range<Int>, _ x: UnsafePointer<Float>, _ panels: UnsafePointer<Float>, _ range: Range<Int>,
    _ bias: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish
  ) {
    let depth = depthChannels * columns.taps
    let (lanes, widest) = (product.shapes.lanes, product.tileColumns)
    let step = min(depth, TileProduct.depthBlock)
    // Sums that cannot be stored in whole vectors where they belong are kept aside to the end.
    let asideStep = range.count * widest
    func isAside(_ block: Int) -> Bool { !target.isDense || self.outputs(block).count % lanes != 0 }
    let asideBlocks = run.reduce(0) { $0 + (isAside($1) ? 1 : 0) }
    let (rest, restAside) = (finish.afterSumBounds, finish.afterBounds)
    /// Of a block, from a depth on.
    func samples(_ block: Int, from depth: Int, _ lines: UnsafeBufferPointer<Int32>) -> TileProduct.Samples {
      TileProduct.Samples(
        plane: x + depth * sourcePlane, step: sourcePlane,
        lines: UnsafeBufferPointer(rebasing: lines[lineStarts[block]..<lineStarts[block + 1]]))
    }
    let panelCount = step * widest + lanes  // a last run's vector may reach beyond the panel
    lines.withUnsafeBufferPointer { lines in
      Scratch.withFloats(panelCount + product.scratchCount + asideBlocks * asideStep) { scratch in
        let tile = scratch + panelCount
        var d = 0
        repeat {
          let rows = d..<min(depth, d + step)
          var ends = TileProduct.Ends()
          if d == 0 { (ends.bias, ends.biasStep) = (bias + range.lowerBound * lanes, lanes) }
          var aside = tile + product.scratchCount
          for block in run {
            let isAside = isAside(block)
            let outputs = self.outputs(block)
            let wide = outputs.count.dividedRoundingUp(by: lanes) * lanes
            let isDone = rows.upperBound == depth && !isAside
            let out = y + range.lowerBound * targetPlane + outputs.lowerBound
            ends.residual = isDone ? finish.residual(of: out) : nil
            ends.bounds =
              isDone ? finish.sumBounds : rows.upperBound == depth ? finish.bounds : .init()
            let isInPlace = readsInPlace && !isAside
            let isLast = block == run.upperBound - 1
            ends.next =
              isLast && rows.upperBound == depth || lines.isEmpty
              ? nil
              : isLast
                ? samples(run.lowerBound, from: rows.upperBound, lines) : samples(block + 1, from: d, lines)
            if !isInPlace {
              columns.pack(product.kernels, blocks[block], rows: rows, from: x, to: scratch, rowStride: wide)
            }
            product.run(
              panels + range.lowerBound * depth + d * product.panelRows, panelStep: depth * product.panelRows,
              rows: range.count,
              isInPlace ? x + d * sourcePlane + outputs.lowerBound : UnsafePointer(scratch),
              bStride: isInPlace ? sourcePlane : wide, depth: rows.count,
              to: isAside ? aside : out,
              cStride: isAside ? wide : targetPlane, columns: wide, ends, scratch: tile)
            if isDone {
              rest(out, rows: range.count, columns: outputs.count, stride: targetPlane)
            }
            if isAside {
              if rows.upperBound == depth { spread(aside, wide, range, outputs, into: y, restAside) }
              aside += asideStep
            }
          }
          d = rows.upperBound
        } while d < depth
      }
    }
  }

  /// The outputs of a block.
  private func outputs(_ block: Int) -> Range<Int> {
    block * product.tileColumns..<min(columns.outputs, (block + 1) * product.tileColumns)
  }

  /// Stores sums that were kept aside. Outputs apart from one another are left to be finished later.
  private func spread(
    _ sums: UnsafePointer<Float>, _ step: Int, _ range: Range<Int>, _ outputs: Range<Int>,
    into y: UnsafeMutablePointer<Float>, _ finish: Finish
  ) {
    if target.isDense {
      for (i, row) in range.enumerated() {
        finish.store(sums + i * step, to: y + (row * targetPlane + outputs.lowerBound), count: outputs.count)
      }
      return
    }
    withUnsafeTemporaryAllocation(of: Int.self, capacity: outputs.count) { places in
      for (p, output) in outputs.enumerated() { places[p] = target.place(output) }
      for (i, row) in range.enumerated() {
        let (from, to) = (sums + i * step, y + row * targetPlane)
        for p in 0..<outputs.count { to[places[p]] = from[p] }
      }
    }
  }
}
