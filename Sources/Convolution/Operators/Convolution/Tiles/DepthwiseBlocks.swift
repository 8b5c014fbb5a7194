import CIntrinsics
import Microkernels
import Tensors

/// One 3- or 5-row kernel for each output channel, over one input channel: a band of the padded plane is copied, and
/// correlated in blocks of seven rows. The workspace is one band a thread.
struct DepthwiseBlocks: PlannedConvolution {
  let geometry: ConvolutionGeometry
  let kernels = Microkernels()
  private let operation: Operation
  let bands: [Band]
  /// Padded columns, and padded rows of the tallest band.
  let columns: Int
  private let bandRows: Int
  /// The padded columns beyond the plane, with the sample that stands there.
  private let margins: [(column: Int, sample: Int)]

  let runs: [Run]
  /// Whether the maximum of every 2x2 outputs is stored, instead of the outputs.
  private let pools: Bool

  /// What is done with each window.
  private enum Operation: Sendable {
    case correlation(weights: [Float], bias: [Float])
    case maximum
    case average(divisor: Float)
  }

  /// Some output rows, and the ``runs`` of the samples that they read.
  struct Band: Sendable {
    let rows: Range<Int>
    var runs: Range<Int>
  }

  /// Padded rows whose samples lie below one another; none where the padding's constant stands.
  struct Run: Sendable {
    let first: Int
    let source: Int?
    var count: Int
  }

  /// Whether the algorithm has an answer, to one that ``DepthwiseConvolution`` accepts.
  static func accepts(_ g: ConvolutionGeometry) -> Bool {
    g.stride[1] == g.stride[2] && g.dilation[1] == 1 && g.dilation[2] == 1 && g.padding[2].begin >= 0
      && Microkernels().depthwiseRowsTakes(height: g.kernel[1], stride: g.stride[1])
  }

  /// Floats of a band: half a first-level cache.
  private static let largestBand = 6000

  /// - Parameter maxPools: whether the maximum of 2x2 outputs is stored, instead of the outputs.
  /// - Precondition: ``accepts(_:)`` the geometry.
  init(_ g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?, maxPools: Bool = false) {
    self.init(
      g, .correlation(weights: w.scalars, bias: bias ?? [Float](repeating: 0, count: g.outChannels)),
      pools: maxPools)
  }

  /// The greatest sample of each window.
  /// - Precondition: the strides are both 1 or both 2, and nothing is dilated.
  init(maximum g: ConvolutionGeometry) { self.init(g, .maximum) }

  /// The sum of each window, divided by a number.
  /// - Precondition: the strides are both 1 or both 2, and nothing is dilated.
  init(average g: ConvolutionGeometry, divisor: Float) { self.init(g, .average(divisor: divisor)) }

  private init(_ g: ConvolutionGeometry, _ operation: Operation, pools: Bool = false) {
    geometry = g
    (self.operation, self.pools) = (operation, pools)
    let stride = g.stride[1]
    let columns = (g.output[2] - 1) * stride + g.kernel[2]
    self.columns = columns
    // Whole blocks of seven rows, or pairs of them, whose rows are pooled.
    let unit = pools ? 14 : 7
    let room = max(1, (Self.largestBand / columns - g.kernel[1]) / stride / unit) * unit
    let tall = min(g.output[1], room)
    bandRows = (max(7, tall) - 1) * stride + g.kernel[1]
    var (bands, runs): ([Band], [Run]) = ([], [])
    for top in Swift.stride(from: 0, to: g.output[1], by: max(1, tall)) {
      let rows = top..<min(g.output[1], top + tall)
      let first = runs.count
      for r in 0..<(rows.count - 1) * stride + g.kernel[1] {
        let source = g.sample(atPadded: top * stride + r, axis: 1)
        if runs.count > first, let last = runs.last, source == last.source.map({ $0 + last.count }) {
          runs[runs.count - 1].count += 1
        } else {
          runs.append(Run(first: r, source: source, count: 1))
        }
      }
      bands.append(Band(rows: rows, runs: first..<runs.count))
    }
    (self.bands, self.runs) = (bands, runs)
    let inside = g.padding[2].begin..<g.padding[2].begin + g.input[2]
    margins = (0..<columns).compactMap { column in
      if inside.contains(column) { return nil }
      return g.sample(atPadded: column, axis: 2).map { (column, $0) }
    }
  }

  var weightBytes: Int {
    guard case .correlation(let weights, _) = operation else { return 0 }
    return weights.count * MemoryLayout<Float>.stride
  }

  /// Floats of a band, with room for vectors that reach beyond it.
  var bandCount: Int { (bandRows + 1) * columns + 4 * kernels.lanes }

  /// Whether windows are read where they lie, as none reaches into padding. (Sums are made of seven rows at least.)
  private var hasWindowsInside: Bool {
    if case .correlation = operation { return false }
    return (1...2).allSatisfy {
      geometry.padding[$0].begin == 0
        && (geometry.output[$0] - 1) * geometry.stride[$0] + geometry.kernel[$0] <= geometry.input[$0]
    }
  }

  /// Small planes are copied some at a time: what has just been written in whole vectors is slow to read at other
  /// places.
  private var together: Int { bands.count > 1 ? 1 : max(1, Self.largestBand / bandCount) }

  /// Sums are made aside where they are pooled, and where rows are shorter than a vector, as the last would be written
  /// beyond the plane: those of a band, with room for vectors that are written and read beyond them.
  private var asideCount: Int {
    guard case .correlation = operation else { return 0 }
    let (lanes, width) = (kernels.lanes, geometry.output[2])
    return pools || width < lanes ? bands.map(\.rows.count).max()! * width + 2 * lanes : 0
  }

  var workspaceBytes: Int {
    (isInPlace ? kernels.lanes + 2 : together * bandCount + asideCount)
      * MemoryLayout<Float>.stride
  }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    if isInPlace { return runInPlace(x, into: y, finish, pool) }
    let g = geometry
    let (height, width) = (g.output[1], g.output[2])
    let inputPlane = g.input[1] * g.input[2]
    let isInside = hasWindowsInside
    let (bandCount, together, asideCount) = (isInside ? 0 : bandCount, together, asideCount)
    let plane = pools ? height / 2 * (width / 2) : height * width
    let planes = g.batch * g.outChannels
    let pieces = pool.pieces(planes)
    let rest = finish.afterBounds
    /// The input plane of an output plane.
    func source(_ i: Int) -> Int { i * g.inChannels / g.outChannels }
    pool.parallelFor(pieces) { piece in
      Scratch.withFloats(together * bandCount + asideCount) { scratch in
        let aside = scratch + together * bandCount
        runs.withUnsafeBufferPointer { runs in
          let last = planes * (piece + 1) / pieces
          var first = planes * piece / pieces
          while first < last {
            let some = first..<min(last, first + together)
            for band in bands {
              for plane in source(first)...source(some.upperBound - 1) where !isInside {
                copy(
                  runs[band.runs], x + plane * inputPlane,
                  to: scratch + (plane - source(first)) * bandCount)
              }
              for i in some {
                let start = pools ? band.rows.lowerBound / 2 * (width / 2) : band.rows.lowerBound * width
                let out = y + (i * plane + start)
                let target = asideCount > 0 ? aside : out
                let samples =
                  isInside
                  ? x + (source(i) * inputPlane + band.rows.lowerBound * g.stride[1] * g.input[2])
                  : UnsafePointer(scratch + (source(i) - source(first)) * bandCount)
                var block = ConvolveDepthwise(
                  input: samples, inputStride: isInside ? g.input[2] : columns,
                  weights: UnsafePointer(scratch), kernelWidth: g.kernel[2], bias: 0,
                  least: finish.bounds.least, most: finish.bounds.most, output: target, outputStride: width,
                  rows: band.rows.count, columns: width, zeros: nil)
                compute(&block, i % g.outChannels)
                store(target, rows: band.rows.count, to: out, rest)
              }
            }
            first = some.upperBound
          }
        }
      }
    }
  }

  /// Finishes the rows of a band, which may have been computed aside.
  private func store(
    _ rows: UnsafeMutablePointer<Float>, rows height: Int, to out: UnsafeMutablePointer<Float>,
    _ finish: Finish
  ) {
    let width = geometry.output[2]
    guard pools else {
      if rows != out { out.update(from: rows, count: height * width) }
      return finish(out, count: height * width)
    }
    kernels.storeSquares(rows, rows: height, columns: width, to: out, finish)
  }

  /// Whether planes are read where they lie.
  private var isInPlace: Bool {
    guard case .correlation = operation, !pools, geometry.mode == .zeros, geometry.kernel == [1, 3, 3],
      geometry.stride[1] == 1, geometry.padding[1...].allSatisfy({ $0 == Padding.Amount(1, 1) })
    else { return false }
    return kernels.depthwiseInPlaceTakes(rows: geometry.output[1], columns: geometry.output[2])
  }

  private func runInPlace(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, _ pool: ThreadPool
  ) {
    guard case .correlation(let weights, let bias) = operation else { return }
    let g = geometry
    let (height, width) = (g.output[1], g.output[2])
    let rest = finish.afterBounds
    let zeroCount = kernels.lanes + 2
    let planes = g.batch * g.outChannels
    let pieces = pool.pieces(planes)
    pool.parallelFor(pieces) { piece in
      Scratch.withFloats(zeroCount) { zeros in
        zeros.update(repeating: 0, count: zeroCount)
        weights.withUnsafeBufferPointer { weights in
          for plane in planes * piece / pieces..<planes * (piece + 1) / pieces {
            let k = plane % g.outChannels
            let out = y + plane * height * width
            var block = ConvolveDepthwise(
              input: x + plane * g.inChannels / g.outChannels * height * width,
              inputStride: width, weights: weights.baseAddress! + k * 9, kernelWidth: 3, bias: bias[k],
              least: finish.bounds.least, most: finish.bounds.most, output: out, outputStride: width,
              rows: height, columns: width, zeros: UnsafePointer(zeros))
            kernels.depthwiseInPlace(&block)
            rest(out, count: height * width)
          }
        }
      }
    }
  }

  /// A band of one plane.
  private func compute(_ block: inout ConvolveDepthwise, _ channel: Int) {
    let (height, stride) = (geometry.kernel[1], geometry.stride[1])
    switch operation {
    case .correlation(let weights, let bias):
      block.bias = bias[channel]
      weights.withUnsafeBufferPointer {
        block.weights = $0.baseAddress! + channel * height * geometry.kernel[2]
        kernels.depthwiseRows(&block, height: height, stride: stride)
      }
    case .maximum: kernels.maximumRows(&block, kernelHeight: height, stride: stride)
    case .average(let divisor):
      block.bias = divisor
      kernels.averageRows(&block, kernelHeight: height, stride: stride)
    }
  }

  func copy(
    _ runs: Slice<UnsafeBufferPointer<Run>>, _ plane: UnsafePointer<Float>,
    to scratch: UnsafeMutablePointer<Float>
  ) {
    let g = geometry
    let left = min(g.padding[2].begin, columns)
    let width = min(g.input[2], columns - left)
    for run in runs {
      let out = scratch + run.first * columns
      guard let source = run.source else {
        out.update(repeating: Float(g.mode.fillValue), count: run.count * columns)
        continue
      }
      let rows = plane + source * g.input[2]
      kernels.padRows(
        rows, sourceStride: g.input[2], width: width, out, outStride: columns, left: left, rows: run.count,
        fill: Float(g.mode.fillValue))
    }
    if margins.isEmpty { return }
    // After all rows: a vector beyond the last one of a run is written too.
    for run in runs {
      guard let source = run.source else { continue }
      for r in 0..<run.count {
        let (out, row) = (scratch + (run.first + r) * columns, plane + (source + r) * g.input[2])
        for margin in margins { out[margin.column] = row[margin.sample] }
      }
    }
  }
}
