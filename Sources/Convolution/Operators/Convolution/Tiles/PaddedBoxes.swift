import CIntrinsics
import Microkernels
import Tensors

/// The outputs of a convolution cut into boxes, each with the part of the padded planes that it reads: copied together
/// once, for all taps of the kernel, or read where it lies if nothing is padded.
struct PaddedBoxes: Sendable {
  /// Along one axis, the samples that the outputs read, without those that no tap reaches.
  private struct Axis: Sendable {
    let taps: AxisTaps
    /// From the first tap's sample to the last's.
    let reach: Int
    /// Coordinate of the first tap's sample for output 0.
    let origin: Int
    /// Copied samples from output to output.
    let step: Int

    init(_ taps: AxisTaps) {
      self.taps = taps
      let offsets = taps.taps.map(\.offset)
      origin = offsets.min() ?? 0
      reach = (offsets.max() ?? 0) - origin + 1
      step = min(taps.stride, reach)
    }

    func length(_ outputs: Int) -> Int { outputs == 0 ? 0 : (outputs - 1) * step + reach }

    /// The sample at a place of the copy for outputs from `first` on.
    func sample(_ place: Int, from first: Int) -> Int? {
      let (output, within) = step == taps.stride ? (0, place) : place.quotientAndRemainder(dividingBy: reach)
      return taps.sample(at: (first + output) * taps.stride + within + origin)
    }

    /// Whether samples lie as they would be copied.
    var isInPlace: Bool {
      step == taps.stride && origin >= 0
        && (taps.outputs == 0 || origin + length(taps.outputs) <= taps.sources)
    }
  }

  /// Some outputs.
  struct Box: Sendable {
    /// Along depth, height and width.
    let outputs: [Range<Int>]
    /// How the samples of one channel are copied together.
    let runs: ColumnSource.BlockRuns
    /// Where the samples start in a plane that is read in place.
    let start: Int
    /// From the first sample to the last in a plane that is read in place.
    let reach: Int
    /// Which of ``offsets`` are its outputs'.
    let variant: Int

    var count: Int { outputs.reduce(1) { $0 * $1.count } }
  }

  let boxes: [Box]
  /// Where each output of a box reads, from the box's first sample: of boxes of one size.
  let offsets: [[Int32]]
  /// Where each tap reads, from an output's place.
  let tapOffsets: [Int]
  /// Elements from channel to channel.
  let planeStride: Int
  /// Whether the planes are read where they lie.
  let isInPlace: Bool
  /// The most outputs of a box.
  let largest: Int
  private let copyStep: Int
  private let fill: Float

  /// - Parameters:
  ///   - taps: along depth, height and width.
  ///   - largest: about the most outputs that a box should have.
  ///   - inSquares: whether a box holds 2x2 outputs together.
  ///   - unit: rows are cut at multiples of so many outputs, near to equal parts.
  ///   - fill: the padding's constant.
  init(_ taps: [AxisTaps], largest: Int, inSquares: Bool = false, unit: Int = 1, fill: Float) {
    let axes = taps.map(Axis.init)
    self.fill = fill
    var room = largest
    var cuts = [[Range<Int>]](repeating: [], count: 3)
    for axis in [2, 1, 0] {
      let outputs = taps[axis].outputs
      let parts = outputs.dividedRoundingUp(by: max(1, min(room, outputs)))
      var size = outputs.dividedRoundingUp(by: max(1, parts))
      if inSquares, axis > 0, size < outputs { size += size % 2 }
      cuts[axis] =
        axis == 2 && unit > 1
        ? Self.cuts(outputs, parts: parts, unit: unit)
        : stride(from: 0, to: outputs, by: max(1, size)).map { $0..<min(outputs, $0 + size) }
      room /= max(1, size)
    }
    let size = cuts.map { $0.map(\.count).max() ?? 0 }
    let source = taps.map(\.sources)
    // Places in the channels of a pass, some hundreds of planes, must fit 32 bits.
    let sourcePlane = source.reduce(1, *)
    isInPlace =
      axes.allSatisfy(\.isInPlace) && !CacheSizes.areWholePages(sourcePlane) && sourcePlane < 1 << 21
    let lengths = isInPlace ? source : (0..<3).map { axes[$0].length(size[$0]) }
    let plane = lengths.reduce(1, *)
    planeStride = plane % 512 == 0 && !isInPlace ? plane + 16 : plane
    copyStep = axes[2].step == taps[2].stride ? 1 : axes[2].reach == 1 ? taps[2].stride : 1
    func place(_ z: Int, _ y: Int, _ x: Int) -> Int { (z * lengths[1] + y) * lengths[2] + x }
    tapOffsets = taps[0].taps.flatMap { z in
      taps[1].taps.flatMap { y in
        taps[2].taps.map { x in
          place(z.offset - axes[0].origin, y.offset - axes[1].origin, x.offset - axes[2].origin)
        }
      }
    }

    var boxes: [Box] = []
    var sizes: [[Int]] = []
    var offsets: [[Int32]] = []
    for z in cuts[0] {
      for y in cuts[1] {
        for x in cuts[2] {
          let counts = [z.count, y.count, x.count]
          if !sizes.contains(counts) {
            sizes.append(counts)
            offsets.append(
              (0..<z.count).flatMap { z in
                (0..<y.count).flatMap { y in
                  (0..<x.count).map { x in
                    Int32(place(z * axes[0].step, y * axes[1].step, x * axes[2].step))
                  }
                }
              })
          }
          let box = [z, y, x]
          boxes.append(
            Box(
              outputs: box,
              runs: isInPlace
                ? .init()
                : Self.runs(axes, box, lengths, source, copyStep: copyStep),
              start: isInPlace
                ? place(
                  z.lowerBound * axes[0].step + axes[0].origin, y.lowerBound * axes[1].step + axes[1].origin,
                  x.lowerBound * axes[2].step + axes[2].origin) : 0,
              reach: Int(offsets[sizes.firstIndex(of: counts)!].last ?? 0) + (tapOffsets.last ?? 0) + 1,
              variant: sizes.firstIndex(of: counts)!))
        }
      }
    }
    self.boxes = boxes
    self.offsets = offsets
    self.largest = size.reduce(1, *)
  }

  /// Parts that end on multiples of so many outputs, but the last.
  private static func cuts(_ outputs: Int, parts: Int, unit: Int) -> [Range<Int>] {
    let ends = (1..<max(1, parts)).map { ($0 * outputs / parts + unit / 2) / unit * unit } + [outputs]
    return zip([0] + ends, ends).map { $0..<$1 }.filter { !$0.isEmpty }
  }

  private static func runs(
    _ axes: [Axis], _ box: [Range<Int>], _ lengths: [Int], _ source: [Int], copyStep: Int
  ) -> ColumnSource.BlockRuns {
    var runs = ColumnSource.BlockRuns()
    let wide = axes[2].length(box[2].count)
    for z in 0..<axes[0].length(box[0].count) {
      let plane = axes[0].sample(z, from: box[0].lowerBound)
      for y in 0..<axes[1].length(box[1].count) {
        let target = (z * lengths[1] + y) * lengths[2]
        guard let plane, let line = axes[1].sample(y, from: box[1].lowerBound) else {
          runs.add(target, nil, wide)
          continue
        }
        let row = (plane * source[1] + line) * source[2]
        var x = 0
        while x < wide {
          // As many samples as lie side by side.
          let first = axes[2].sample(x, from: box[2].lowerBound)
          var end = x + 1
          while end < wide,
            axes[2].sample(end, from: box[2].lowerBound) == first.map({ $0 + (end - x) * copyStep })
          {
            end += 1
          }
          runs.add(target + x, first.map { row + $0 }, end - x)
          x = end
        }
      }
    }
    runs.starts.append(Int32(runs.runs.count))
    return runs
  }

  /// Elements that a copy of so many channels takes, with room for the last run's vector.
  func copyCount(channels: Int) -> Int { isInPlace ? 0 : channels * planeStride + 64 }

  /// A box's samples of some channels, channel by channel ``planeStride`` apart.
  /// - Parameters:
  ///   - planes: the first of the channels.
  ///   - sourcePlane: elements from channel to channel.
  ///   - copy: ``copyCount(channels:)`` elements.
  func samples(
    _ kernels: Microkernels, _ box: Box, channels: Int, _ planes: UnsafePointer<Float>, sourcePlane: Int,
    copy: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    if isInPlace {
      // Asked for all at once: the processor does not foresee the way from channel to channel.
      for channel in 0..<channels {
        let start = planes + (channel * sourcePlane + box.start)
        for i in stride(from: 0, to: box.reach, by: 16) { convolve_prefetch(start + i) }
      }
      return planes + box.start
    }
    kernels.packColumns(
      box.runs.runs, box.runs.starts, taps: 1, firstTap: 0, depth: channels, planes, planeStride: sourcePlane,
      step: copyStep, fill: fill, copy, rowStride: planeStride)
    return UnsafePointer(copy)
  }
}
