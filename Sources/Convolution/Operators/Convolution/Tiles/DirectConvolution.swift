import Microkernels
import Tensors

/// Convolution by its definition, with vectors along the output channels and a few outputs in each register tile. A
/// box of outputs reads its part of the padded planes, copied once for all taps, so that no matrix of columns is ever
/// made. Sums are kept aside, and transposed when they are stored. Every output is summed in the order of the depth,
/// whatever the threads.
struct DirectConvolution: PlannedConvolution {
  let product = DirectProduct()
  private let boxes: PaddedBoxes
  /// Where the outputs of each box go in their plane.
  private let targets: [Target]
  /// Panels of output channels, a group.
  private var weights: [WeightPanels]
  /// Of all groups, each filled up to whole panels.
  private var bias: [Float]
  private let depthChannels: Int
  private let rows: Int
  /// The same, filled up to whole panels.
  private let filled: Int
  private let groups: Int
  private let batch: Int
  private let sourcePlane: Int
  let targetPlane: Int
  /// Parts of the depth's channels, one for each pass over a tile; as many channels as the first has, and where each step
  /// of such a pass reads.
  private let passes: [Range<Int>]
  private let passChannels: Int
  private let depthOffsets: [Int32]
  /// From output to output of a box's samples that are turned round, so that each one's depth lies side by side; nil where they
  /// are not.
  private let turnedStep: Int?
  /// Room for a pass's samples: those that are copied together, and those that are turned round.
  private let copyCount: Int
  /// Where each output of a box reads, from the box's first sample: of boxes of one size.
  private let offsets: [[Int32]]
  /// Where each of the depth's taps stands in a kernel, and the kernel's size.
  private let kernelPlaces: [Int]
  private let kernelCount: Int
  private let isTransposing: Bool

  /// Outputs that a box has at least, where there are as many: a plane of 7x7 or 8x8 is not cut, as its weights would be read
  /// twice.
  private static let leastOutputs = 64
  /// Bytes of a box's sums, which stay in the second-level cache with the samples.
  private static let sumsBytes = CacheSizes.current.level2 / 4

  private init(
    _ g: ConvolutionGeometry, _ axes: [AxisTaps], depthChannels: Int, rows: Int, source: [Int],
    target sizes: [Int], phase: [Int], stride: [Int], _ w: Tensor<Float>, bias: [Float]?, isTransposing: Bool,
    maxPools: Bool = false
  ) {
    let shapes = product.shapes
    (self.depthChannels, self.rows, groups, batch) = (depthChannels, rows, g.groups, g.batch)
    (sourcePlane, targetPlane) = (source.reduce(1, *), sizes.reduce(1, *))
    let lanes = shapes.lanes
    let vectors = rows.dividedRoundingUp(by: lanes)
    let widths = shapes.panelVectors(channels: rows).map { $0 * lanes }
    let panels = widths.count
    // At least four pieces a thread, of which each has some whole tiles.
    let threads = ThreadPool.shared.threadCount
    let boxCount = threads == 1 ? 1 : (4 * threads).dividedRoundingUp(by: max(1, g.batch * g.groups * panels))
    let outputs = axes.reduce(1) { $0 * $1.outputs }
    let taps = axes.reduce(1) { $0 * $1.taps.count }
    // A tile of few vectors of channels reads its samples' cache lines so often that they are worth turning round, where a step
    // of the depth is a channel.
    let turns = shapes.asksInParts && taps == 1 && rows >= 64 && depthChannels > 1
    // Otherwise a tile reads a line or two in each row of the kernel.
    let passDepth =
      turns
      ? product.contiguousPassDepth
      : product.passDepth(
        sampleLines: 1.5 * Double(axes[0].taps.count * axes[1].taps.count) / Double(max(1, taps)))
    let passCount = max(1, (depthChannels * taps + passDepth / 2) / passDepth)
    let isOnePass = passCount == 1
    // The sums, or those of a panel and the samples.
    let kept = isOnePass ? min(vectors, shapes.vectors) * lanes : lanes * vectors
    let read = isOnePass ? depthChannels * axes.reduce(1) { $0 * min($1.stride, $1.taps.count) } : 0
    boxes = PaddedBoxes(
      axes,
      largest: min(
        max(Self.leastOutputs, min(Self.sumsBytes / (4 * kept), 2 * Self.sumsBytes / (4 * max(1, read)))),
        max(24, outputs.dividedRoundingUp(by: boxCount))),
      inSquares: maxPools, fill: Float(g.mode.fillValue))
    targets = boxes.boxes.map {
      maxPools ? Self.squares($0, sizes) : Self.target($0, sizes, phase, stride)
    }
    let passChannels =
      taps == 0 ? depthChannels : depthChannels.dividedRoundingUp(by: min(passCount, depthChannels))
    let turnedStep = turns ? passChannels.dividedRoundingUp(by: 16) * 16 + 8 : nil
    let (planeStride, tapOffsets, boxOffsets) = (boxes.planeStride, boxes.tapOffsets, boxes.offsets)
    depthOffsets =
      turns
      ? (0..<passChannels).map { Int32($0) }
      : (0..<passChannels).flatMap { c in tapOffsets.map { Int32(c * planeStride + $0) } }
    offsets = boxOffsets.map { $0.map { $0 * Int32(turnedStep ?? 1) } }
    self.turnedStep = turnedStep
    copyCount =
      boxes.copyCount(channels: passChannels) + (turnedStep ?? 0) * (boxes.boxes.map(\.reach).max() ?? 0)
    self.passChannels = passChannels
    passes =
      depthChannels == 0
      ? [0..<0]
      : Swift.stride(from: 0, to: depthChannels, by: passChannels).map {
        $0..<min(depthChannels, $0 + passChannels)
      }
    filled = widths.reduce(0, +)
    (kernelPlaces, kernelCount) = (kernelIndices(axes, kernel: g.kernel), g.kernel.reduce(1, *))
    self.isTransposing = isTransposing
    weights = []
    self.bias = []
    weights = w.withUnsafeBufferPointer { w in
      (0..<g.groups).map { group in
        WeightPanels(rows: rows, depth: depthChannels * taps, widths: widths) { first, count, wide, out in
          pack(w.baseAddress!, group, first, count, wide, out)
        }
      }
    }
    fill(bias)
  }

  mutating func repack(_ w: Tensor<Float>, _ bias: [Float]?) -> Bool {
    // Taken out while they are written, so that they have one owner.
    var packed = weights
    weights = []
    w.withUnsafeBufferPointer { w in
      packed.refill { pack(w.baseAddress!, $0, $1, $2, $3, $4) }
    }
    weights = packed
    fill(bias)
    return true
  }

  mutating func releaseWeights() {
    weights.release()
  }

  private mutating func fill(_ bias: [Float]?) {
    self.bias = (0..<groups * filled).map { i in
      i % filled < rows ? bias?[i / filled * rows + i % filled] ?? 0 : 0
    }
  }

  /// One panel of a group's weights, from `[rows, depth channels, taps]` or, where it is the transpose, from
  /// `[depth channels, rows, taps]`.
  private func pack(
    _ w: UnsafePointer<Float>, _ group: Int, _ first: Int, _ count: Int, _ wide: Int,
    _ out: UnsafeMutablePointer<Float>
  ) {
    if !isTransposing {
      let depth = depthChannels * kernelCount
      product.kernels.transpose(
        w + (group * rows + first) * depth, sourceStride: depth, out, outStride: wide, rows: count,
        columns: depth)
      return
    }
    Scratch.withFloats(kernelCount * wide) { kernel in
      for channel in 0..<depthChannels {
        product.kernels.transpose(
          w + ((group * depthChannels + channel) * rows + first) * kernelCount, sourceStride: kernelCount,
          kernel,
          outStride: wide, rows: count, columns: kernelCount)
        for (t, index) in kernelPlaces.enumerated() {
          (out + (channel * kernelPlaces.count + t) * wide).update(from: kernel + index * wide, count: count)
        }
      }
    }
  }

  /// y from x.
  /// - Parameter maxPools: whether the maximum of 2x2 outputs is stored, instead of the outputs; of planes.
  init(forward g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?, maxPools: Bool = false) {
    self.init(
      g, (0..<3).map { AxisTaps(g, axis: $0) }, depthChannels: g.inChannels / g.groups,
      rows: g.outChannels / g.groups, source: g.input,
      target: maxPools ? [1, g.output[1] / 2, g.output[2] / 2] : g.output, phase: [0, 0, 0],
      stride: [1, 1, 1], w, bias: bias, isTransposing: false, maxPools: maxPools)
  }

  /// dx from dy, for padding with zeros, at the inputs `phase`, `phase + stride` and so on.
  private init(transposing g: ConvolutionGeometry, phase: [Int], _ w: Tensor<Float>, _ bias: [Float]?) {
    self.init(
      g, (0..<3).map { AxisTaps(transposing: g, axis: $0, phase: phase[$0]) },
      depthChannels: g.outChannels / g.groups, rows: g.inChannels / g.groups, source: g.output,
      target: g.input,
      phase: phase, stride: g.stride, w, bias: bias, isTransposing: true)
  }

  /// As many convolutions of stride 1 as the strides have phases, so that no product with an inserted zero is taken.
  static func phases(
    transposing g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?
  ) -> [DirectConvolution] {
    g.phases.map { DirectConvolution(transposing: g, phase: $0, w, bias) }
  }

  var weightBytes: Int { weights.byteCount }

  /// Whether a box's samples are kept for the whole depth.
  private var keepsSamples: Bool { passes.count == 1 || turnedStep != nil }

  /// Panels that go through a part of the depth before the next, and keep their sums meanwhile: those of a step of the loop that
  /// threads share.
  private func panelsTogether(threads: Int) -> Int {
    if passes.count == 1 { return 1 }
    let (pieces, panels) = (batch * groups * boxes.boxes.count, weights[0].widths.count)
    if keepsSamples { return threads == 1 ? panels : min(panels, 4) }
    // Too few boxes to keep the threads evenly busy are split by output channels, whose weights are then read by one thread
    // alone.
    return pieces % threads == 0 || pieces >= 8 * threads ? panels : panels.dividedRoundingUp(by: threads)
  }

  private func workspaceCount(panels: Int) -> Int {
    let sums = min(filled, panels * weights[0].widths.max()!)
    return (keepsSamples ? passes.count : 1) * copyCount + product.shapes.lanes * boxes.largest
      + sums * (boxes.largest + product.tallest)
  }

  var workspaceBytes: Int {
    workspaceCount(panels: passes.count == 1 ? 1 : weights[0].widths.count) * MemoryLayout<Float>.stride
  }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    let planes = batch * groups
    let count = boxes.boxes.count
    guard planes > 0, count > 0, let panels = weights.first?.widths.count, panels > 0 else { return }
    let together = panelsTogether(threads: pool.threadCount)
    let steps = panels.dividedRoundingUp(by: together)
    pool.parallelSteps(planes * count * steps) { taken in
      Scratch.withFloats(workspaceCount(panels: together)) { scratch in
        var (last, samples) = (-1, [UnsafePointer<Float>]())
        while let number = taken.next() {
          let (piece, step) = number.quotientAndRemainder(dividingBy: steps)
          let (plane, box) = piece.quotientAndRemainder(dividingBy: count)
          if piece != last || !keepsSamples { samples.removeAll(keepingCapacity: true) }
          last = piece
          self.box(
            box, x + plane * depthChannels * sourcePlane, weights[plane % groups], plane % groups,
            step * together..<min(panels, (step + 1) * together), into: y + plane * rows * targetPlane,
            finish, scratch, &samples)
        }
      }
    }
  }

  /// The outputs of a box for a range of panels of channels.
  /// - Parameter samples: the box's of each pass, where they are made already.
  private func box(
    _ number: Int, _ x: UnsafePointer<Float>, _ weights: WeightPanels, _ group: Int, _ range: Range<Int>,
    into y: UnsafeMutablePointer<Float>, _ finish: Finish, _ scratch: UnsafeMutablePointer<Float>,
    _ samples: inout [UnsafePointer<Float>]
  ) {
    let box = boxes.boxes[number]
    let outputs = box.count
    let first = weights.firstRows[range.lowerBound]
    let last = range.upperBound - 1
    let sumsStep = outputs + product.tallest
    let aside = scratch + (keepsSamples ? passes.count : 1) * copyCount
    let sums = aside + product.shapes.lanes * outputs
    let rest = finish.afterBounds
    for (i, part) in passes.enumerated() {
      if i == samples.count {
        samples.append(self.samples(box, part, x, scratch + (keepsSamples ? i : 0) * copyCount))
      }
      for panel in range {
        let (row, wide) = (weights.firstRows[panel], weights.widths[panel])
        let isDone = part.upperBound == depthChannels
        if isDone { askForResidual(targets[number], y + row * targetPlane, wide, finish) }
        // After the last panel come the first one's weights for the next pass, and after the last pass the next panel's.
        let ahead =
          panel < last
          ? weights.depth * wide
          : part.count * boxes.tapOffsets.count * wide - (isDone ? 0 : (row - first) * weights.depth)
        multiply(
          samples[i], box, part, weights, group, panel, ahead: ahead, isDone ? finish.bounds : .init(),
          to: sums + (row - first) * sumsStep)
      }
    }
    for panel in range {
      let (firstRow, wide) = (weights.firstRows[panel], weights.widths[panel])
      for channel in stride(from: 0, to: wide, by: product.shapes.lanes) {
        let row = firstRow + channel
        store(
          sums + ((firstRow - first) * sumsStep + channel), wide,
          channels: min(product.shapes.lanes, rows - row), outputs, targets[number],
          to: y + row * targetPlane, aside, rest)
      }
    }
  }

  /// A box's samples of some channels, as ``offsets`` and ``depthOffsets`` say.
  private func samples(
    _ box: PaddedBoxes.Box, _ channels: Range<Int>, _ x: UnsafePointer<Float>,
    _ copy: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    let samples = boxes.samples(
      product.kernels, box, channels: channels.count, x + channels.lowerBound * sourcePlane,
      sourcePlane: sourcePlane, copy: copy)
    guard let turnedStep else { return samples }
    let turned = copy + boxes.copyCount(channels: passChannels)
    product.kernels.transpose(
      samples, sourceStride: boxes.planeStride, turned, outStride: turnedStep, rows: channels.count,
      columns: box.reach)
    return UnsafePointer(turned)
  }

  /// The sums of a box for one panel of channels and a part of the depth.
  private func multiply(
    _ samples: UnsafePointer<Float>, _ box: PaddedBoxes.Box, _ part: Range<Int>, _ weights: WeightPanels,
    _ group: Int, _ panel: Int, ahead: Int, _ bounds: Finish.Bounds,
    to sums: UnsafeMutablePointer<Float>
  ) {
    let (row, wide, taps) = (weights.firstRows[panel], weights.widths[panel], boxes.tapOffsets.count)
    offsets[box.variant].withUnsafeBufferPointer { offsets in
      depthOffsets.withUnsafeBufferPointer { depthOffsets in
        bias.withUnsafeBufferPointer { bias in
          weights.withPanels { panels in
            product.run(
              samples, offsets, depthOffsets: depthOffsets.baseAddress!, isContiguous: turnedStep != nil,
              depth: part.count * taps,
              panels + (row * weights.depth + part.lowerBound * taps * wide), wide: wide,
              start: part.lowerBound == 0 ? .row(bias.baseAddress! + group * filled + row) : .sums,
              ahead: ahead,
              bounds: bounds, to: sums)
          }
        }
      }
    }
  }
}
