import Tensors

/// Convolution as a product of the weights and the matrix of columns (Y = W X), in register tiles. A panel of
/// columns is copied together block by block, so that no matrix is written out: the workspace is the weights in
/// the tiles' order and one block of columns a thread. Every output is summed in the order of the depth, whatever
/// the threads.
struct TiledConvolution: Sendable {
  private let columns: ColumnSource
  private let product = TileProduct()
  /// Channels that are read, and planes that come out, in a group.
  private let depthChannels: Int
  private let rows: Int
  private let groups: Int
  private let batch: Int
  /// Elements of one channel read, and of one plane that comes out.
  private let sourcePlane: Int
  private let targetPlane: Int
  private let target: Target

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

  private init(
    _ g: ConvolutionGeometry, _ axes: [AxisTaps], depthChannels: Int, rows: Int, source: [Int],
    target sizes: [Int], phase: [Int], stride: [Int]
  ) {
    columns = ColumnSource(axes, source: source, kernel: g.kernel, fill: Float(g.mode.fillValue))
    self.depthChannels = depthChannels
    self.rows = rows
    groups = g.groups
    batch = g.batch
    sourcePlane = source.reduce(1, *)
    targetPlane = sizes.reduce(1, *)
    target = Target(sizes: sizes, phase: phase, stride: stride, grid: columns.grid)
  }

  /// y from x and w.
  static func forward(
    _ g: ConvolutionGeometry, _ x: Tensor<Float>, _ w: Tensor<Float>, _ bias: [Float]?
  ) -> Tensor<Float> {
    let (inputs, outputs) = (g.inChannels / g.groups, g.outChannels / g.groups)
    let tiled = TiledConvolution(
      g, (0..<3).map { AxisTaps(g, axis: $0) }, depthChannels: inputs, rows: outputs, source: g.input,
      target: g.output, phase: [0, 0, 0], stride: [1, 1, 1])
    let taps = g.kernel.reduce(1, *)
    return Tensor(unsafeUninitializedShape: g.outputShape) { y in
      tiled.run(
        x, w, rowStep: inputs * taps, channelStep: taps, groupStep: outputs * inputs * taps, bias, into: y)
    }
  }

  /// dx from dy and w, for padding with zeros: as many convolutions of stride 1 as the strides have phases, so
  /// that no product with an inserted zero is taken.
  static func inputGradient(
    _ g: ConvolutionGeometry, _ dy: Tensor<Float>, _ w: Tensor<Float>, _ bias: [Float]?
  ) -> Tensor<Float> {
    let (inputs, outputs) = (g.inChannels / g.groups, g.outChannels / g.groups)
    let taps = g.kernel.reduce(1, *)
    return Tensor(unsafeUninitializedShape: g.inputShape) { dx in
      for z in 0..<min(g.stride[0], g.input[0]) {
        for y in 0..<min(g.stride[1], g.input[1]) {
          for x in 0..<min(g.stride[2], g.input[2]) {
            let phase = [z, y, x]
            let axes = (0..<3).map { AxisTaps(transposing: g, axis: $0, phase: phase[$0]) }
            let tiled = TiledConvolution(
              g, axes, depthChannels: outputs, rows: inputs, source: g.output, target: g.input, phase: phase,
              stride: g.stride)
            tiled.run(
              dy, w, rowStep: taps, channelStep: inputs * taps, groupStep: outputs * inputs * taps, bias,
              into: dx)
          }
        }
      }
    }
  }

  /// Row r, channel c and tap t of group g have the weight `w[g * groupStep + r * rowStep + c * channelStep + t]`.
  private func run(
    _ x: Tensor<Float>, _ w: Tensor<Float>, rowStep: Int, channelStep: Int, groupStep: Int, _ bias: [Float]?,
    into y: UnsafeMutableBufferPointer<Float>
  ) {
    guard batch > 0, columns.outputs > 0 else { return }
    let (taps, indices) = (columns.taps, columns.kernelIndices)
    let depth = depthChannels * taps
    let panels: [WeightPanels] = w.withUnsafeBufferPointer { w in
      (0..<groups).map { group in
        WeightPanels(rows: rows, depth: depth, tileRows: product.tileRows) { row, d in
          w[group &* groupStep &+ row &* rowStep &+ d / taps &* channelStep &+ indices[d % taps]]
        }
      }
    }
    let wide = product.tileColumns
    let blocks = (columns.outputs + wide - 1) / wide
    // Few pieces are split by rows too, each copying the columns for itself.
    let wanted = 4 * ThreadPool.shared.threadCount
    let tall = (rows + product.tileRows - 1) / product.tileRows
    let chunks = min(tall, max(1, wanted / (batch * groups * blocks)))
    let y = y.baseAddress!
    x.withUnsafeBufferPointer { x in
      let x = x.baseAddress!
      ThreadPool.shared.parallelFor(batch * groups * blocks * chunks) { piece in
        let chunk = piece % chunks
        let block = piece / chunks % blocks
        let plane = piece / chunks / blocks  // sample and group
        let group = plane % groups
        let range =
          tall * chunk / chunks * product.tileRows..<min(rows, tall * (chunk + 1) / chunks * product.tileRows)
        let outputs = block * wide..<min(columns.outputs, (block + 1) * wide)
        panels[group].withPanels { panels in
          self.piece(
            x + plane * depthChannels * sourcePlane, panels, depth, range, outputs,
            bias.map { Array($0[group * rows..<(group + 1) * rows]) }, into: y + plane * rows * targetPlane)
        }
      }
    }
  }

  /// One tile's columns of outputs, for a range of rows.
  private func piece(
    _ x: UnsafePointer<Float>, _ panels: UnsafePointer<Float>, _ depth: Int, _ range: Range<Int>,
    _ outputs: Range<Int>, _ bias: [Float]?, into y: UnsafeMutablePointer<Float>
  ) {
    let (wide, count) = (product.tileColumns, outputs.count)
    // A strided target is summed aside and spread at the end.
    let isDense = target.isDense
    let block = min(depth, TileProduct.depthBlock)
    let aside = isDense ? 0 : range.count * wide
    Scratch.withFloats(block * wide + product.tileRows * wide + aside) { scratch in
      let tile = scratch + block * wide
      let sums =
        isDense ? y + range.lowerBound * targetPlane + outputs.lowerBound : tile + product.tileRows * wide
      let step = isDense ? targetPlane : wide
      for (i, row) in range.enumerated() {
        (sums + i * step).update(repeating: bias?[row] ?? 0, count: count)
      }
      var d = 0
      while d < depth {
        let rows = d..<min(depth, d + block)
        columns.pack(rows: rows, outputs: outputs, from: x, to: scratch, dStep: wide, pStep: 1)
        product.add(
          panels + range.lowerBound * depth + d * product.tileRows, panelStep: depth * product.tileRows,
          rows: range.count, scratch, bStride: wide, depth: rows.count, to: sums, cStride: step,
          columns: count,
          scratch: tile)
        d = rows.upperBound
      }
      if isDense { return }
      for p in 0..<count {
        let place = target.place(outputs.lowerBound + p)
        for (i, row) in range.enumerated() { y[row * targetPlane + place] = sums[i * step + p] }
      }
    }
  }
}
