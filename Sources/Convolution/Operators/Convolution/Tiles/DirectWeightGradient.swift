import CIntrinsics
import Microkernels
import Tensors

/// A convolution's weight gradient by the tile of direct convolution, with outputs and depth exchanged: a tile's rows are
/// weights' places (channel and tap), its depth runs over the outputs of a box, and its vectors go along the output
/// channels. Every weight is summed over samples and outputs in one order, whatever the threads. The workspace is a copy
/// of the upstream gradient with the channels last, and a thread's sums and samples.
struct DirectWeightGradient: Sendable {
  private let geometry: ConvolutionGeometry
  private let kernels = Microkernels()
  private let shapes: TileShapes
  private let boxes: PaddedBoxes
  /// The number of each box's first output.
  private let firstOutputs: [Int]
  /// Vectors of each panel of output channels.
  private let panelVectors: [Int]

  /// Below as many output channels a group, vectors are mostly empty.
  static let fewestRows = 4
  /// About the outputs of a box, whose upstream gradients stay in the second-level cache.
  private static let boxOutputs = 512
  /// The most places of weights that are summed together.
  private static let mostRows = 576

  init(_ geometry: ConvolutionGeometry) {
    self.geometry = geometry
    shapes = kernels.tileShapes
    boxes = PaddedBoxes(
      (0..<3).map { AxisTaps(geometry, axis: $0) }, largest: Self.boxOutputs,
      fill: Float(geometry.mode.fillValue))
    firstOutputs = boxes.boxes.map(\.count).sumsBefore
    panelVectors = shapes.panelVectors(channels: geometry.outChannels / geometry.groups)
  }

  /// Channels of a group, filled up to whole vectors.
  private var filled: Int { panelVectors.reduce(0, +) * shapes.lanes }

  func callAsFunction(_ dy: Tensor<Float>, _ x: Tensor<Float>) -> Tensor<Float> {
    var dw = Tensor<Float>(unsafeUninitializedShape: geometry.weightShape) { _ in }
    self(dy, x, into: &dw)
    return dw
  }

  func callAsFunction(_ dy: Tensor<Float>, _ x: Tensor<Float>, into dw: inout Tensor<Float>) {
    let g = geometry
    let (inputs, channels) = (g.inChannels / g.groups, g.outChannels / g.groups)
    let inputPlane = g.input.reduce(1, *)
    let rows = inputs * boxes.tapOffsets.count
    // Each piece has some panels and some places of weights, and goes through all samples.
    let threads = ThreadPool.shared.threadCount
    let (panels, firstVectors) = (panelVectors.count, panelVectors.sumsBefore)
    var chunks = rows.dividedRoundingUp(by: Self.mostRows)
    if g.groups * panels * chunks < 4 * threads {
      chunks = min(rows.dividedRoundingUp(by: 24), (4 * threads).dividedRoundingUp(by: g.groups * panels))
    }
    Scratch.withFloats(g.batch * g.output.reduce(1, *) * g.groups * filled) { upstream in
      channelsLast(dy, to: upstream)
      x.withUnsafeBufferPointer { x in
        dw.withUnsafeMutableBufferPointer { dw in
          let (x, dw) = (x.baseAddress!, dw.baseAddress!)
          ThreadPool.shared.parallelFor(g.groups * panels * chunks) { piece in
            let (panel, chunk) = (piece % panels, piece / panels % chunks)
            let group = piece / panels / chunks
            let first = firstVectors[panel] * shapes.lanes
            let places = rows * chunk / chunks..<rows * (chunk + 1) / chunks
            sum(
              places, upstream + group * filled + first, panelVectors[panel], x + group * inputs * inputPlane,
              to: dw + ((group * channels + first) * rows + places.lowerBound), rowStride: rows,
              channels: min(panelVectors[panel] * shapes.lanes, channels - first))
          }
        }
      }
    }
  }

  /// The upstream gradient with channels last, output by output in the order of the boxes:
  /// `[N, outputs, groups, channels of a group, filled up]`.
  private func channelsLast(_ dy: Tensor<Float>, to out: UnsafeMutablePointer<Float>) {
    let g = geometry
    let channels = g.outChannels / g.groups
    let outputs = g.output.reduce(1, *)
    let filled = filled
    dy.withUnsafeBufferPointer { dy in
      let dy = dy.baseAddress!
      ThreadPool.shared.parallelFor(g.batch * boxes.boxes.count) { piece in
        let (n, number) = piece.quotientAndRemainder(dividingBy: boxes.boxes.count)
        let box = boxes.boxes[number]
        let target = out + (n * outputs + firstOutputs[number]) * g.groups * filled
        // What fills channels up meets finite numbers, and is not kept.
        if filled > channels { target.initialize(repeating: 0, count: box.count * g.groups * filled) }
        var done = 0
        for z in box.outputs[0] {
          for y in box.outputs[1] {
            let row = (z * g.output[1] + y) * g.output[2] + box.outputs[2].lowerBound
            for group in 0..<g.groups {
              kernels.transpose(
                dy + ((n * g.groups + group) * channels * outputs + row), sourceStride: outputs,
                target + (done * g.groups + group) * filled, outStride: g.groups * filled, rows: channels,
                columns: box.outputs[2].count)
            }
            done += box.outputs[2].count
          }
        }
      }
    }
  }

  /// The gradients of some places of one group's weights, for one panel of channels.
  private func sum(
    _ places: Range<Int>, _ upstream: UnsafePointer<Float>, _ vectors: Int, _ x: UnsafePointer<Float>,
    to dw: UnsafeMutablePointer<Float>, rowStride: Int, channels: Int
  ) {
    let g = geometry
    let taps = boxes.tapOffsets.count
    let first = places.lowerBound / taps
    let inputs = (places.upperBound - 1) / taps + 1 - first
    let (plane, outputs) = (g.input.reduce(1, *), g.output.reduce(1, *))
    let wide = vectors * shapes.lanes
    let tall = shapes.directRows[vectors - 1]
    let count = places.count.dividedRoundingUp(by: tall)
    let step = g.groups * filled
    let copyCount = boxes.copyCount(channels: inputs)
    Scratch.withFloats(copyCount + (places.count + tall) * wide) { scratch in
      let sums = scratch + copyCount
      sums.update(repeating: 0, count: (places.count + tall) * wide)
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: count * tall) { offsets in
        for (i, place) in places.enumerated() {
          let (channel, tap) = place.quotientAndRemainder(dividingBy: taps)
          offsets[i] = Int32((channel - first) * boxes.planeStride + boxes.tapOffsets[tap])
        }
        for i in places.count..<count * tall { offsets[i] = offsets[places.count - 1] }
        for n in 0..<g.batch {
          var done = 0
          for box in boxes.boxes {
            let samples = boxes.samples(
              kernels, box, channels: inputs, x + (n * g.inChannels + first) * plane, sourcePlane: plane,
              copy: scratch)
            boxes.offsets[box.variant].withUnsafeBufferPointer { depthOffsets in
              var tile = ConvolveDirectTile(
                input: samples, outputOffsets: offsets.baseAddress!, depthOffsets: depthOffsets.baseAddress!,
                isContiguous: 0, depth: box.count, weights: upstream + (n * outputs + done) * step,
                weightStride: step, c: sums, cStride: wide, cOffsets: nil, start: UnsafePointer(sums),
                hasOneStart: 0, ahead: 0, aheadToo: 0, least: -.infinity, most: .infinity)
              shapes.forEachDirectTile(rows: places.count, vectors: vectors) { rows in
                tile.outputOffsets = UnsafePointer(offsets.baseAddress!) + rows.lowerBound
                tile.c = sums + rows.lowerBound * wide
                tile.start = UnsafePointer(tile.c)
                kernels.directTile(&tile, rows: rows.count, vectors: vectors)
              }
            }
            done += box.count
          }
        }
      }
      kernels.transpose(
        sums, sourceStride: wide, dw, outStride: rowStride, rows: places.count, columns: channels)
    }
  }
}
