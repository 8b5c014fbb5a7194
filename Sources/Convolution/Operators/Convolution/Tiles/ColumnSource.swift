import CIntrinsics
import Microkernels
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
    kernelIndices = Convolution.kernelIndices(axes, kernel: kernel)
  }

  var taps: Int { kernelIndices.count }
  /// Depth, height and width of the outputs.
  var grid: [Int] { [depthAxis.outputs, heightAxis.outputs, widthAxis.outputs] }
  var outputs: Int { depthAxis.outputs * heightAxis.outputs * widthAxis.outputs }

  /// Whether column p is what lies at place p of the source's planes.
  var isIdentity: Bool { [depthAxis, heightAxis, widthAxis].allSatisfy(\.isItself) }

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

  /// The runs of every tap for one block of outputs: those of tap t are `runs[starts[t] ..< starts[t + 1]]`.
  struct BlockRuns: Sendable {
    var runs: [ConvolveRun] = []
    var starts: [Int32] = [0]
  }

  /// How the columns of some outputs are copied together: the same for every channel.
  func blockRuns(_ outputs: Range<Int>) -> BlockRuns {
    let rows = runs(outputs)
    var result = BlockRuns()
    for tapZ in depthAxis.taps.indices {
      for tapY in heightAxis.taps.indices {
        for tap in widthAxis.taps {
          for run in rows {
            guard let z = depthAxis.source(run.z, tap: tapZ), let y = heightAxis.source(run.y, tap: tapY)
            else {
              result.add(run.start, nil, run.columns.count)
              continue
            }
            let row = (z * sourceHeight + y) * sourceWidth
            let inside = run.columns.clamped(to: tap.inside)
            func addOutside(_ columns: Range<Int>) {
              for x in columns {
                let place = x < tap.inside.lowerBound ? x : x - tap.inside.count
                let sample = tap.outside[place].source
                result.add(run.start + x - run.columns.lowerBound, sample.map { row + $0 }, 1)
              }
            }
            addOutside(run.columns.lowerBound..<(inside.isEmpty ? run.columns.upperBound : inside.lowerBound))
            if inside.isEmpty { continue }
            result.add(
              run.start + inside.lowerBound - run.columns.lowerBound,
              row + inside.lowerBound * widthAxis.stride + tap.offset, inside.count)
            addOutside(inside.upperBound..<run.columns.upperBound)
          }
          result.starts.append(Int32(result.runs.count))
        }
      }
    }
    return result
  }

  /// One sample of each cache line that a block reads in a plane, or more than one.
  func lines(_ block: BlockRuns) -> [Int32] {
    block.runs.filter { $0.source >= 0 && $0.count > 0 }.flatMap { run in
      let last = run.source + (run.count - 1) * Int32(widthAxis.stride)
      return Array(stride(from: run.source, to: last, by: 16)) + [last]
    }
  }

  /// Copies the entries of `rows` by a block's outputs to `panel[(d - first row) * rowStride + p]`, in whole vectors.
  /// - Parameter source: channel 0 of the planes that are read.
  func pack(
    _ kernels: Microkernels, _ block: BlockRuns, rows: Range<Int>, from source: UnsafePointer<Float>,
    to panel: UnsafeMutablePointer<Float>, rowStride: Int
  ) {
    if rows.isEmpty { return }
    kernels.packColumns(
      block.runs, block.starts, taps: taps, firstTap: rows.lowerBound % taps, depth: rows.count,
      source + rows.lowerBound / taps * sourcePlane, planeStride: sourcePlane, step: widthAxis.stride,
      fill: fill,
      panel, rowStride: rowStride)
  }
}

extension ColumnSource.BlockRuns {
  /// Adds a run, to the one before where both are constants.
  mutating func add(_ target: Int, _ source: Int?, _ count: Int) {
    if source == nil, runs.count > Int(starts[starts.count - 1]), let last = runs.last, last.source < 0,
      Int(last.target + last.count) == target
    {
      runs[runs.count - 1].count += Int32(count)
      return
    }
    runs.append(ConvolveRun(target: Int32(target), source: source.map(Int32.init) ?? -1, count: Int32(count)))
  }
}
