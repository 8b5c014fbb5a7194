import Microkernels
import Tensors

/// Convolution as ``DirectConvolution``'s, with seven eighths of the multiplications: both halves of the output channels, of the
/// input channels and of a box's outputs make matrices of 2x2 blocks, which Strassen's algorithm (Gaussian elimination is not
/// optimal, Numerische Mathematik 13, 1969) multiplies by seven products instead of eight.
///
/// The weights' factors are made once. The samples' are made box by box, and stay in the second-level cache, while a panel of
/// channels of both halves at a time becomes seven products, and these outputs, finished.
struct StrassenConvolution: PlannedConvolution {
  let product = DirectProduct()
  let boxes: PaddedBoxes
  /// Of boxes of one size.
  private let halves: [Half]
  /// Where the outputs of each box go in their plane.
  private let targets: [[DirectConvolution.Run]]
  /// Panels of half of a group's output channels: of each pass, seven factors.
  private var weights: [WeightPanels]
  /// Of both halves of all groups, each filled up to whole panels.
  private var bias: [Float] = []
  /// Half of a group's output channels, and the same filled up to whole panels.
  let halfRows: Int
  let filled: Int
  let halfChannels: Int
  private let groups: Int
  private let batch: Int
  let sourcePlane: Int
  let targetPlane: Int
  /// Parts of half of the input channels, one for each pass over a panel.
  private let passes: [Range<Int>]
  /// As many channels as the first has.
  private let passChannels: Int
  /// Where each step of a pass is in a factor.
  private let depthOffsets: [Int32]
  /// From row to row of a factor.
  let factorStride: Int
  /// From factor to factor. A cache line more than they take, so that no two are a power of two apart.
  let factorStep: Int

  /// A half of a box's outputs: the first ones, or as many of the last. The one in the middle is in both.
  struct Half: Sendable {
    let count: Int
    /// Outputs that the second half begins after.
    let shift: Int
    /// From a sample of the first half to the second's.
    let distance: Int
    /// Samples from the first that it reads to the last.
    let reach: Int
    /// Where each output reads in a factor.
    let offsets: [Int32]
  }

  /// Whether the channels have halves.
  static func accepts(_ g: ConvolutionGeometry) -> Bool {
    (g.inChannels / g.groups) % 2 == 0 && (g.outChannels / g.groups) % 2 == 0
  }

  /// About the most outputs of a box.
  private static let mostOutputs = 128

  /// Boxes of a plane of so many outputs: an even number, which two threads share evenly. It must not be theirs: how an output is
  /// rounded depends on which others are in its box.
  static func boxCount(_ outputs: Int) -> Int {
    outputs <= mostOutputs ? 1 : 2 * outputs.dividedRoundingUp(by: 2 * mostOutputs)
  }

  /// - Precondition: ``accepts(_:)`` the geometry.
  init(forward g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?) {
    let (shapes, lanes) = (product.shapes, product.shapes.lanes)
    halfRows = g.outChannels / g.groups / 2
    halfChannels = g.inChannels / g.groups / 2
    (groups, batch) = (g.groups, g.batch)
    (sourcePlane, targetPlane) = (g.input.reduce(1, *), g.output.reduce(1, *))
    let plane = g.output.reduce(1, *)
    let largest = plane.dividedRoundingUp(by: Self.boxCount(plane))
    var (axes, sizes, unit) = ((0..<3).map { AxisTaps(g, axis: $0) }, g.output, 1)
    if axes.allSatisfy(\.isItself) {
      // Boxes are any runs of a plane, not of whole rows: of whole vectors in both halves.
      (sizes, unit) = ([1, 1, plane], 2 * lanes)
      axes = sizes.map { AxisTaps(ofItself: $0) }
    }
    let boxes = PaddedBoxes(
      axes, largest: largest, inSquares: true, unit: unit, fill: Float(g.mode.fillValue))
    self.boxes = boxes
    targets = boxes.boxes.map { [sizes] in DirectConvolution.runs($0, sizes) }
    let taps = boxes.tapOffsets.count
    var halves: [Half] = []
    for box in boxes.boxes where box.variant == halves.count { halves.append(Self.half(box, boxes)) }
    self.halves = halves
    let reach = halves.map(\.reach).max() ?? 0
    // The factors of a pass take half of the second level at most.
    let most = CacheSizes.current.level2 / 2 / (7 * MemoryLayout<Float>.stride * max(1, reach))
    let passDepth = product.passDepth(sampleLines: 1.5)
    let passCount = halfChannels.dividedRoundingUp(by: max(1, min(most, passDepth * 3 / 2 / max(1, taps))))
    let passChannels = halfChannels.dividedRoundingUp(by: max(1, passCount))
    passes =
      halfChannels == 0
      ? [0..<0]
      : Swift.stride(from: 0, to: halfChannels, by: passChannels).map { [halfChannels] in
        $0..<min(halfChannels, $0 + passChannels)
      }
    self.passChannels = passChannels
    let factorStride = reach.dividedRoundingUp(by: lanes) * lanes
    self.factorStride = factorStride
    factorStep = factorStride * passChannels + 16
    depthOffsets = (0..<passChannels).flatMap { c in boxes.tapOffsets.map { Int32(c * factorStride + $0) } }
    let widths = shapes.panelVectors(channels: halfRows).map { $0 * lanes }
    filled = widths.reduce(0, +)
    let panels = WeightPanels(rows: halfRows, depth: 7 * halfChannels * taps, widths: widths)
    weights = [WeightPanels](repeating: panels, count: g.groups)
    fill(w, bias)
  }

  private static func half(_ box: PaddedBoxes.Box, _ boxes: PaddedBoxes) -> Half {
    let offsets = boxes.offsets[box.variant]
    var count = (box.count + 1) / 2
    if offsets.last! + 1 != box.count {
      // Outputs of rows apart from each other: the halves are of whole rows, or planes.
      let sizes = box.outputs.map(\.count)
      let axis = sizes.firstIndex { $0 > 1 } ?? 2
      count = (sizes[axis] + 1) / 2 * sizes[(axis + 1)...].reduce(1, *)
    }
    let shift = box.count - count
    return Half(
      count: count, shift: shift, distance: Int(offsets[shift]),
      reach: Int(offsets[count - 1]) + (boxes.tapOffsets.last ?? 0) + 1, offsets: Array(offsets[..<count]))
  }

  mutating func repack(_ w: Tensor<Float>, _ bias: [Float]?) -> Bool {
    fill(w, bias)
    return true
  }

  mutating func releaseWeights() { weights.release() }

  private mutating func fill(_ w: Tensor<Float>, _ bias: [Float]?) {
    let (halfRows, filled) = (halfRows, filled)
    self.bias = (0..<2 * groups * filled).map { i in
      i % filled < halfRows ? bias?[i / filled * halfRows + i % filled] ?? 0 : 0
    }
    let (kernels, passes, taps) = (product.kernels, passes, boxes.tapOffsets.count)
    let (depth, passDepth) = (halfChannels * taps, passChannels * taps)
    w.withUnsafeBufferPointer { w in
      let w = w.baseAddress!
      weights.refill { group, first, count, wide, out in
        Scratch.withFloats(4 * passDepth * wide) { blocks in
          if count < wide { blocks.update(repeating: 0, count: 4 * passDepth * wide) }
          for pass in passes {
            let (start, rows) = (pass.lowerBound * taps, pass.count * taps)
            for block in 0..<4 {
              let (lower, right) = block.quotientAndRemainder(dividingBy: 2)
              let row = (2 * group + lower) * halfRows + first
              kernels.transpose(
                w + (row * 2 * depth + right * depth + start), sourceStride: 2 * depth,
                blocks + block * passDepth * wide, outStride: wide, rows: count, columns: rows)
            }
            let step = passDepth * wide
            kernels.strassenFactors(
              blocks, blocks + step, blocks + 2 * step, blocks + 3 * step, stride: wide, rows: rows,
              vectors: wide / kernels.tileShapes.lanes, out + 7 * start * wide, outStride: wide,
              step: rows * wide)
          }
        }
      }
    }
  }

  var addsInPlace: Bool { true }

  var weightBytes: Int { weights.byteCount }

  /// Working memory, in elements, and what is where in it.
  struct Room {
    /// A pass's samples of half of the channels that are copied together.
    let copy: Int
    /// Where the factors are, behind a vector and two copies.
    let factors: Int
    /// From product to product.
    let productStep: Int
    let total: Int
  }

  /// Working memory for so many panels at a time.
  private func room(panels: Int) -> Room {
    let lanes = product.shapes.lanes
    let widest = weights.first?.widths.max() ?? 0
    let copy = boxes.copyCount(channels: passChannels)
    let most = halves.map(\.count).max() ?? 0
    let productStep = (most + max(product.tallest, lanes)) * widest
    let factors = lanes + 2 * copy
    return Room(
      copy: copy, factors: factors, productStep: productStep,
      total: factors + 7 * (factorStep + panels * productStep))
  }

  /// Panels that go through a pass before the next, and keep their sums meanwhile: those of a step of the loop that threads
  /// share.
  private func panelsTogether(threads: Int) -> Int {
    guard passes.count > 1 else { return 1 }
    let (pieces, panels) = (batch * groups * boxes.boxes.count, weights[0].widths.count)
    return pieces % threads == 0 || pieces >= 8 * threads ? panels : panels.dividedRoundingUp(by: threads)
  }

  var workspaceBytes: Int {
    room(panels: passes.count == 1 ? 1 : weights.first?.widths.count ?? 0).total * MemoryLayout<Float>.stride
  }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    let (planes, count) = (batch * groups, boxes.boxes.count)
    guard planes > 0, count > 0, let panels = weights.first?.widths.count, panels > 0 else { return }
    let together = panelsTogether(threads: pool.threadCount)
    let steps = panels.dividedRoundingUp(by: together)
    let room = room(panels: together)
    pool.parallelSteps(planes * count * steps) { taken in
      Scratch.withFloats(room.total) { scratch in
        var made: Int?
        while let number = taken.next() {
          let (piece, step) = number.quotientAndRemainder(dividingBy: steps)
          let (plane, box) = piece.quotientAndRemainder(dividingBy: count)
          self.box(
            box, x + plane * 2 * halfChannels * sourcePlane, plane % groups,
            step * together..<min(panels, (step + 1) * together),
            into: y + plane * 2 * halfRows * targetPlane,
            finish, room, scratch, isMade: made == piece && passes.count == 1)
          made = piece
        }
      }
    }
  }

  /// The outputs of a box for some panels of channels of both halves.
  /// - Parameter isMade: whether the samples' factors are there.
  private func box(
    _ number: Int, _ x: UnsafePointer<Float>, _ group: Int, _ range: Range<Int>,
    into y: UnsafeMutablePointer<Float>, _ finish: Finish, _ room: Room,
    _ scratch: UnsafeMutablePointer<Float>, isMade: Bool
  ) {
    let (box, weights, taps) = (boxes.boxes[number], weights[group], boxes.tapOffsets.count)
    let half = halves[box.variant]
    let factors = scratch + room.factors
    let products = factors + 7 * factorStep
    for pass in passes {
      if !isMade { makeFactors(box, half, pass, x, room, to: factors) }
      for panel in range {
        let wide = weights.widths[panel]
        let isDone = pass.upperBound == halfChannels
        if isDone {
          for part in 0..<2 {
            DirectConvolution.ask(
              targets[number], y + (part * halfRows + weights.firstRows[panel]) * targetPlane,
              min(wide, halfRows - weights.firstRows[panel]), targetPlane, finish)
          }
        }
        // After the last panel come the first one's weights for the next pass, and after the last pass the next panel's.
        let depth = pass.count * taps
        let next =
          panel < range.upperBound - 1
          ? weights.depth * wide
          : 7 * depth * wide
            - (isDone ? 0 : (weights.firstRows[panel] - weights.firstRows[range.lowerBound]) * weights.depth)
        multiply(
          factors, half, weights, panel, pass.lowerBound * taps, depth: depth, next: next,
          from: pass.lowerBound == 0 ? .zero : .sums,
          to: products + (panel - range.lowerBound) * 7 * room.productStep, step: room.productStep)
      }
    }
    bias.withUnsafeBufferPointer { bias in
      for panel in range {
        store(
          products + (panel - range.lowerBound) * 7 * room.productStep, step: room.productStep, weights,
          panel, half, targets[number], bias: bias.baseAddress! + 2 * group * filled, to: y, scratch, finish)
      }
    }
  }

  /// The seven products of a panel and a pass, in the order of the left factors.
  /// - Parameter next: from the first factor to what is read after the last.
  private func multiply(
    _ factors: UnsafePointer<Float>, _ half: Half, _ weights: WeightPanels, _ panel: Int, _ start: Int,
    depth: Int, next: Int, from sums: DirectProduct.Start, to products: UnsafeMutablePointer<Float>, step: Int
  ) {
    let wide = weights.widths[panel]
    let first = weights.firstRows[panel] * weights.depth + 7 * start * wide
    weights.withPanels { panels in
      half.offsets.withUnsafeBufferPointer { offsets in
        depthOffsets.withUnsafeBufferPointer { depthOffsets in
          for (i, right) in Self.rightFactors.enumerated() {
            product.run(
              factors + right * factorStep, offsets, depthOffsets: depthOffsets.baseAddress!, depth: depth,
              panels + (first + i * depth * wide), wide: wide, start: sums,
              ahead: i < 6 ? depth * wide : next - 6 * depth * wide, to: products + i * step)
          }
        }
      }
    }
  }

  /// The right factors of M1, M3, M7, M6, M4, M5 and M2: the order of their left ones.
  private static let rightFactors = [0, 2, 6, 5, 3, 4, 1]
}
