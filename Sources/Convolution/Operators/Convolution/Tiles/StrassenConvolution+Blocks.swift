import CIntrinsics
import Microkernels

// What comes before the products of a box, and after them.
extension StrassenConvolution {
  /// The factors of a box's samples, of some of half of the channels.
  func makeFactors(
    _ box: PaddedBoxes.Box, _ half: Half, _ channels: Range<Int>, _ x: UnsafePointer<Float>, _ room: Room,
    to factors: UnsafeMutablePointer<Float>
  ) {
    let (kernels, lanes) = (product.kernels, product.shapes.lanes)
    let samples = (0..<2).map { part in
      boxes.samples(
        kernels, box, channels: channels.count, x + (part * halfChannels + channels.lowerBound) * sourcePlane,
        sourcePlane: sourcePlane, copy: factors - (2 - part) * room.copy)
    }
    kernels.strassenFactors(
      samples[0], samples[0] + half.distance, samples[1], samples[1] + half.distance,
      stride: boxes.planeStride, rows: channels.count, vectors: half.reach.dividedRoundingUp(by: lanes),
      factors, outStride: factorStride, step: factorStep)
  }

  /// Stores the outputs of a panel of both halves of the channels, finished: a vector of channels after the other, so that their
  /// products stay in the first-level cache.
  func store(
    _ products: UnsafePointer<Float>, step: Int, _ weights: WeightPanels, _ panel: Int, _ half: Half,
    _ runs: [DirectConvolution.Run], bias: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>, _ finish: Finish
  ) {
    let (lanes, wide) = (product.shapes.lanes, weights.widths[panel])
    let (bounds, rest) = (finish.sumBounds, finish.afterSumBounds)
    for channel in stride(from: 0, to: wide, by: lanes) {
      let row = weights.firstRows[panel] + channel
      let columns = min(lanes, halfRows - row)
      if columns <= 0 { break }
      for (block, sums) in Self.sums.enumerated() {
        let (lower, right) = block.quotientAndRemainder(dividingBy: 2)
        // The output in the middle is the first half's.
        let outputs = right == 0 ? 0..<half.count : half.count..<half.shift + half.count
        for run in runs {
          let within = outputs.clamped(to: run.first..<run.first + run.count)
          if within.isEmpty { continue }
          let products = products + ((within.lowerBound - right * half.shift) * wide + channel)
          let out = y + ((lower * halfRows + row) * targetPlane + run.place + within.lowerBound - run.first)
          var o = ConvolveStrassenOutput(
            first: products + sums.0 * step, second: products + sums.1 * step,
            third: sums.2.map { products + $0 * step }, fourth: sums.3.map { products + $0 * step },
            stride: wide, rows: within.count, columns: columns, bias: bias + (lower * filled + row), out: out,
            outStride: targetPlane, residual: finish.residual(of: out), scratch: scratch, least: bounds.least,
            most: bounds.most)
          product.kernels.strassenOutputs(&o)
          rest(out, rows: columns, columns: within.count, stride: targetPlane)
        }
      }
    }
  }

  /// Of C11, C12, C21 and C22 the products that are added, and the one that is taken away.
  private static let sums: [(Int, Int, Int?, Int?)] = [
    (0, 4, 2, 5), (1, 5, nil, nil), (6, 4, nil, nil), (0, 1, 3, 6),
  ]
}
