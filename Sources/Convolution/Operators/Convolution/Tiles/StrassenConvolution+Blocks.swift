import CIntrinsics
import Microkernels

// What comes before the products of a box, and after them.
extension StrassenConvolution {
  /// The factors of a box's samples, of some of half of the channels.
  func makeFactors(
    _ box: PaddedBoxes.Box, _ half: Half, _ channels: Range<Int>, _ x: UnsafePointer<Float>, _ room: Room,
    _ scratch: UnsafeMutablePointer<Float>, to factors: UnsafeMutablePointer<Float>
  ) {
    let (kernels, lanes) = (product.kernels, product.shapes.lanes)
    let copies = factors - 2 * (room.copy + room.turned)
    let samples = (0..<2).map { part in
      let samples = boxes.samples(
        kernels, box, channels: channels.count, x + (part * halfChannels + channels.lowerBound) * sourcePlane,
        sourcePlane: sourcePlane, copy: copies + part * room.copy)
      if !turns { return samples }
      let turned = copies + 2 * room.copy + part * room.turned
      kernels.transpose(
        samples, sourceStride: boxes.planeStride, turned, outStride: factorStride, rows: channels.count,
        columns: box.reach)
      return UnsafePointer(turned)
    }
    let distance = half.distance * (turns ? factorStride : 1)
    kernels.strassenFactors(
      samples[0], samples[0] + distance, samples[1], samples[1] + distance,
      stride: turns ? factorStride : boxes.planeStride, rows: turns ? half.reach : channels.count,
      vectors: (turns ? channels.count : half.reach).dividedRoundingUp(by: lanes), factors,
      outStride: factorStride, step: factorStep)
  }

  /// Stores the outputs of a panel of one half of the channels, finished.
  func store(
    _ products: UnsafePointer<Float>, step: Int, _ weights: WeightPanels, _ panel: Int, part: Int, _ half: Half,
    _ runs: [DirectConvolution.Run], bias: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>, _ finish: Finish
  ) {
    let (lanes, wide) = (product.shapes.lanes, weights.widths[panel])
    let (bounds, rest) = (finish.sumBounds, finish.afterSumBounds)
    for channel in stride(from: 0, to: wide, by: lanes) {
      let row = weights.firstRows[panel] + channel
      let columns = min(lanes, halfRows - row)
      if columns <= 0 { break }
      for right in 0..<2 {
        // The output in the middle is the first half's.
        let outputs = right == 0 ? 0..<half.count : half.count..<half.shift + half.count
        let sums = Self.sums[2 * part + right]
        for run in runs {
          let within = outputs.clamped(to: run.first..<run.first + run.count)
          if within.isEmpty { continue }
          let place = (within.lowerBound - right * half.shift) * wide + channel
          let out = y + (row * targetPlane + run.place + within.lowerBound - run.first)
          var o = ConvolveStrassenOutput(
            first: products + (sums[0] * step + place), second: products + (sums[1] * step + place),
            third: sums.count > 2 ? products + (sums[2] * step + place) : nil,
            fourth: sums.count > 2 ? products + (sums[3] * step + place) : nil, stride: wide,
            rows: within.count, columns: columns, bias: bias + row, out: out, outStride: targetPlane,
            residual: finish.residual(of: out), scratch: scratch, least: bounds.least, most: bounds.most)
          product.kernels.strassenOutputs(&o)
          rest(out, rows: columns, columns: within.count, stride: targetPlane)
        }
      }
    }
  }

  /// Of C11, C12, C21 and C22 the products that are added, and the one that is taken away.
  private static let sums = [[0, 4, 2, 5], [1, 5], [6, 4], [0, 1, 3, 6]]
}
