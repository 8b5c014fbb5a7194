import Tensors

/// The matrix of a convolution's columns, whose parts are copied together when they are needed, and which is
/// never there as a whole: entry (d, p) is what output p reads through tap `d % taps` of channel `d / taps`.
struct ColumnSource: Sendable {
  private let depthAxis: AxisTaps
  private let heightAxis: AxisTaps
  private let widthAxis: AxisTaps
  /// Height and width of a source plane.
  private let sourceHeight: Int
  private let sourceWidth: Int
  private let sourcePlane: Int
  private let fill: Float
  /// The taps' places in the kernel's plane, in the order of the matrix's rows.
  let kernelIndices: [Int]

  init(
    _ axes: [AxisTaps], source: [Int], kernel: [Int], fill: Float
  ) {
    (depthAxis, heightAxis, widthAxis) = (axes[0], axes[1], axes[2])
    (sourceHeight, sourceWidth) = (source[1], source[2])
    sourcePlane = source.reduce(1, *)
    self.fill = fill
    kernelIndices = axes[0].taps.flatMap { z in
      axes[1].taps.flatMap { y in
        axes[2].taps.map { x in (z.index * kernel[1] + y.index) * kernel[2] + x.index }
      }
    }
  }

  var taps: Int { kernelIndices.count }
  /// Depth, height and width of the outputs.
  var grid: [Int] { [depthAxis.outputs, heightAxis.outputs, widthAxis.outputs] }
  var outputs: Int { depthAxis.outputs * heightAxis.outputs * widthAxis.outputs }

  /// Whether column p is what lies at place p of the source's planes.
  var isIdentity: Bool {
    taps == 1 && grid == [depthAxis.sources, heightAxis.sources, widthAxis.sources]
      && [depthAxis, heightAxis, widthAxis].allSatisfy { $0.stride == 1 && $0.taps[0].offset == 0 }
  }

  /// A run of outputs in one row of the grid.
  private struct Run {
    let z: Int
    let y: Int
    let columns: Range<Int>
    /// Its first output's place among those that are copied.
    let start: Int
  }

  private func runs(_ outputs: Range<Int>) -> [Run] {
    var runs: [Run] = []
    var position = outputs.lowerBound
    while position < outputs.upperBound {
      let (row, x) = position.quotientAndRemainder(dividingBy: widthAxis.outputs)
      let count = min(widthAxis.outputs - x, outputs.upperBound - position)
      let (z, y) = row.quotientAndRemainder(dividingBy: heightAxis.outputs)
      runs.append(Run(z: z, y: y, columns: x..<x + count, start: position - outputs.lowerBound))
      position += count
    }
    return runs
  }

  /// Copies the entries of `rows` by `outputs` to `panel[(d - first row) * dStep + (p - first output) * pStep]`.
  /// - Parameter source: channel 0 of the planes that are read.
  func pack(
    rows: Range<Int>, outputs: Range<Int>, from source: UnsafePointer<Float>,
    to panel: UnsafeMutablePointer<Float>, dStep: Int, pStep: Int
  ) {
    let runs = runs(outputs)
    let (heights, widths) = (heightAxis.taps.count, widthAxis.taps.count)
    for run in runs {
      for d in rows {
        let (channel, tap) = d.quotientAndRemainder(dividingBy: taps)
        let (rowTap, tapX) = tap.quotientAndRemainder(dividingBy: widths)
        let (tapZ, tapY) = rowTap.quotientAndRemainder(dividingBy: heights)
        let out = panel + (d - rows.lowerBound) * dStep + run.start * pStep
        guard let z = depthAxis.source(run.z, tap: tapZ), let y = heightAxis.source(run.y, tap: tapY) else {
          for i in 0..<run.columns.count { out[i &* pStep] = fill }
          continue
        }
        let row = source + channel * sourcePlane + (z * sourceHeight + y) * sourceWidth
        copy(row, widthAxis.taps[tapX], run.columns, to: out, pStep)
      }
    }
  }

  @inline(__always)
  private func copy(
    _ row: UnsafePointer<Float>, _ tap: AxisTaps.Tap, _ columns: Range<Int>,
    to out: UnsafeMutablePointer<Float>, _ step: Int
  ) {
    let inside = columns.clamped(to: tap.inside)
    let (first, stride) = (columns.lowerBound, widthAxis.stride)
    if inside.count < columns.count {
      for x in columns where !tap.inside.contains(x) {
        let place = x < tap.inside.lowerBound ? x : x - tap.inside.count
        out[(x - first) &* step] = tap.outside[place].source.map { row[$0] } ?? fill
      }
    }
    if inside.isEmpty { return }
    let from = row + inside.lowerBound &* stride + tap.offset
    let to = out + (inside.lowerBound - first) &* step
    if step == 1, stride == 1 {
      to.update(from: from, count: inside.count)
    } else if step == 1 {
      for i in 0..<inside.count { to[i] = from[i &* stride] }
    } else {
      for i in 0..<inside.count { to[i &* step] = from[i &* stride] }
    }
  }
}
