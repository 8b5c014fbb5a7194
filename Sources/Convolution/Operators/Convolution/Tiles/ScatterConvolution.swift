import CIntrinsics
import Microkernels
import Tensors

/// Convolution to few channels, input by input: what every sample gives to every place of the kernel is one product in
/// register tiles, with the samples read where they lie, and is then added up where it belongs (im2col backwards). It is
/// the way of transposed convolutions, and of those of stride 1, around which zeros stand. A band of outputs is added
/// up by one thread, in the order of the kernel, so that results do not depend on the threads.
struct ScatterConvolution: PlannedConvolution {
  /// Along one axis, sample s gives to output `s * stride + offset` through each tap.
  private struct Axis: Sendable {
    let sources: Int
    let outputs: Int
    let stride: Int
    let offsets: [Int]

    /// The samples that give something to some outputs.
    func sources(of outputs: Range<Int>) -> Range<Int> {
      let (least, most) = (offsets.min()!, offsets.max()!)
      let first = max(0, outputs.lowerBound - most).dividedRoundingUp(by: stride)
      let reach = outputs.upperBound - 1 - least
      let end = reach < 0 ? 0 : min(sources, reach / stride + 1)
      return min(first, end)..<end
    }

    /// The sample that gives to an output through a tap.
    func source(of output: Int, tap: Int) -> Int? {
      let distance = output - offsets[tap]
      guard distance >= 0, distance % stride == 0, distance / stride < sources else { return nil }
      return distance / stride
    }
  }

  private let axes: [Axis]
  private let product: TileProduct
  /// Rows are the channels' places of the kernel, a group.
  private let weights: [WeightPanels]
  private let bias: [Float]
  private let channels: Int
  private let depth: Int
  private let groups: Int
  private let batch: Int
  /// The axis that is cut into bands, and the outputs of each.
  private let bandAxis: Int
  private let bands: [Range<Int>]

  /// Floats of a band's products: half of the second-level cache.
  private static let productCount = CacheSizes.current.level2 / 8
  /// The depth that one pass over a tile takes.
  private static let passDepth = max(32, CacheSizes.current.level1 / 192)

  private init(
    _ g: ConvolutionGeometry, _ axes: [Axis], channels: Int, depth: Int, _ bias: [Float]?,
    weight: (_ group: Int, _ channel: Int, _ tap: Int, _ depth: Int) -> Float
  ) {
    let product = TileProduct()
    (self.axes, self.product) = (axes, product)
    (self.channels, self.depth, groups, batch) = (channels, depth, g.groups, g.batch)
    let taps = g.kernel.reduce(1, *)
    self.bias = bias ?? [Float](repeating: 0, count: channels * g.groups)
    let panelRows = product.panelRows
    weights = (0..<g.groups).map { group in
      var panels = WeightPanels(rows: channels * taps, depth: depth, panelRows: panelRows)
      panels.refill { row, d in weight(group, row / taps, row % taps, d) }
      return panels
    }
    let axis = axes.firstIndex { $0.outputs > 1 || $0.sources > 1 } ?? 2
    bandAxis = axis
    let inner = axes[(axis + 1)...].reduce(1) { $0 * $1.sources }
    let room = max(1, Self.productCount / (channels * taps * max(1, inner))) * axes[axis].stride
    let outputs = axes[axis].outputs
    // More bands cost more samples that are multiplied twice.
    let count = max(min(4, outputs), outputs.dividedRoundingUp(by: room))
    bands = outputs == 0 ? [] : (0..<count).map { outputs * $0 / count..<outputs * ($0 + 1) / count }
  }

  /// A transposed convolution, dx from dy.
  init(transposing g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?) {
    let axes = (0..<3).map { axis in
      Axis(
        sources: g.output[axis], outputs: g.input[axis], stride: g.stride[axis],
        offsets: (0..<g.kernel[axis]).map { $0 * g.dilation[axis] - g.padding[axis].begin })
    }
    let (inputs, outputs, taps) = (g.inChannels / g.groups, g.outChannels / g.groups, g.kernel.reduce(1, *))
    self = w.withUnsafeBufferPointer { w in
      ScatterConvolution(g, axes, channels: inputs, depth: outputs, bias) { group, channel, tap, d in
        w[((group &* outputs &+ d) &* inputs &+ channel) &* taps &+ tap]
      }
    }
  }

  /// Whether ``init(forward:_:_:)`` has an answer.
  static func accepts(_ g: ConvolutionGeometry) -> Bool {
    g.stride == [1, 1, 1] && (g.mode == .zeros || g.padding.allSatisfy { $0 == Padding.Amount(0, 0) })
  }

  /// y from x.
  /// - Precondition: ``accepts(_:)`` the geometry.
  init(forward g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?) {
    let axes = (0..<3).map { axis in
      Axis(
        sources: g.input[axis], outputs: g.output[axis], stride: 1,
        offsets: (0..<g.kernel[axis]).map { g.padding[axis].begin - $0 * g.dilation[axis] })
    }
    let (inputs, outputs, taps) = (g.inChannels / g.groups, g.outChannels / g.groups, g.kernel.reduce(1, *))
    self = w.withUnsafeBufferPointer { w in
      ScatterConvolution(g, axes, channels: outputs, depth: inputs, bias) { group, channel, tap, d in
        w[((group &* outputs &+ channel) &* inputs &+ d) &* taps &+ tap]
      }
    }
  }

  var weightBytes: Int { weights.reduce(0) { $0 + $1.byteCount } }

  private var taps: Int { axes.reduce(1) { $0 * $1.offsets.count } }

  /// The samples that a band reads lie side by side.
  private func samples(_ band: Range<Int>) -> Range<Int> {
    let inner = axes[(bandAxis + 1)...].reduce(1) { $0 * $1.sources }
    let range = axes[bandAxis].sources(of: band)
    return range.lowerBound * inner..<range.upperBound * inner
  }

  /// Samples of a band, filled up to whole tiles.
  private func filled(_ count: Int) -> Int {
    count.dividedRoundingUp(by: product.tileColumns) * product.tileColumns
  }

  private var workspaceCount: Int {
    let most = bands.map { filled(samples($0).count) }.max() ?? 0
    return channels * taps * most + product.scratchCount + 2 * product.shapes.lanes + axes[2].outputs
      + axes[2].stride
  }

  var workspaceBytes: Int { workspaceCount * MemoryLayout<Float>.stride }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    let sourcePlane = axes.reduce(1) { $0 * $1.sources }
    let outputPlane = axes.reduce(1) { $0 * $1.outputs }
    guard outputPlane > 0 else { return }
    pool.parallelFor(batch * groups * bands.count) { piece in
      let (plane, band) = piece.quotientAndRemainder(dividingBy: bands.count)
      weights[plane % groups].withPanels { panels in
        self.band(
          bands[band], x + plane * depth * sourcePlane, panels, bias: plane % groups * channels,
          into: y + plane * channels * outputPlane, finish)
      }
    }
  }

  private func band(
    _ band: Range<Int>, _ x: UnsafePointer<Float>, _ panels: UnsafePointer<Float>, bias: Int,
    into y: UnsafeMutablePointer<Float>, _ finish: Finish
  ) {
    let sourcePlane = axes.reduce(1) { $0 * $1.sources }
    let outputPlane = axes.reduce(1) { $0 * $1.outputs }
    let (taps, samples) = (taps, samples(band))
    let (step, lanes) = (filled(samples.count), product.shapes.lanes)
    Scratch.withFloats(workspaceCount) { products in
      let scratch = products + channels * taps * step
      let zeros = scratch + product.scratchCount
      zeros.update(repeating: 0, count: lanes)
      for start in stride(from: 0, to: samples.count, by: product.tileColumns) {
        let columns = min(product.tileColumns, (samples.count - start).dividedRoundingUp(by: lanes) * lanes)
        for d in stride(from: 0, to: depth, by: Self.passDepth) {
          var ends = TileProduct.Ends()
          if d == 0 { ends.bias = UnsafePointer(zeros) }
          product.run(
            panels + d * product.panelRows, panelStep: depth * product.panelRows, rows: channels * taps,
            x + (d * sourcePlane + samples.lowerBound + start), bStride: sourcePlane,
            depth: min(Self.passDepth, depth - d), to: products + start, cStride: step, columns: columns,
            ends,
            scratch: scratch)
        }
      }
      func outputs(_ axis: Int) -> Range<Int> { axis == bandAxis ? band : 0..<axes[axis].outputs }
      let across = outputs(2)
      for channel in 0..<channels {
        for z in outputs(0) {
          for row in outputs(1) {
            let start = (z * axes[1].outputs + row) * axes[2].outputs + across.lowerBound
            let out = y + (channel * outputPlane + start)
            add(
              products + channel * taps * step - samples.lowerBound, step, z, row, across,
              bias: self.bias[bias + channel], to: out, zeros + lanes)
            finish(out, count: across.count)
          }
        }
      }
    }
  }

  /// One row of outputs.
  /// - Parameters:
  ///   - products: of one channel; those of tap t start at `t * step`, with the first sample of the plane.
  ///   - line: as many elements as the row, and one for each step of the stride.
  private func add(
    _ products: UnsafePointer<Float>, _ step: Int, _ z: Int, _ row: Int, _ range: Range<Int>, bias: Float,
    to y: UnsafeMutablePointer<Float>, _ line: UnsafeMutablePointer<Float>
  ) {
    let across = axes[2]
    // A stride's outputs are added up apart, each phase side by side.
    let phaseCount = range.count.dividedRoundingUp(by: across.stride)
    let sums = across.stride == 1 ? y : line
    sums.update(repeating: bias, count: across.stride == 1 ? range.count : phaseCount * across.stride)
    for tapZ in axes[0].offsets.indices {
      guard let sourceZ = axes[0].source(of: z, tap: tapZ) else { continue }
      for tapY in axes[1].offsets.indices {
        guard let sourceY = axes[1].source(of: row, tap: tapY) else { continue }
        let samples = products + (sourceZ * axes[1].sources + sourceY) * across.sources
        for tapX in across.offsets.indices {
          let tap = (tapZ * axes[1].offsets.count + tapY) * across.offsets.count + tapX
          // Sample s gives to place s + shift of the phase.
          let offset = across.offsets[tapX] - range.lowerBound
          let phase = (offset % across.stride + across.stride) % across.stride
          let shift = (offset - phase) / across.stride
          let count = (range.count - phase + across.stride - 1) / across.stride
          let (first, end) = (max(0, -shift), min(across.sources, count - shift))
          if first >= end { continue }
          let target = sums + (phase * phaseCount + first + shift)
          product.kernels.add(
            UnsafePointer(target), samples + (tap * step + first), into: target, count: end - first)
        }
      }
    }
    if across.stride == 1 { return }
    for phase in 0..<across.stride {
      let from = sums + phase * phaseCount
      var i = 0
      for x in Swift.stride(from: phase, to: range.count, by: across.stride) {
        y[x] = from[i]
        i += 1
      }
    }
  }
}
