import CIntrinsics
import Microkernels
import Tensors

/// One kernel for each output channel, over one input channel. A band of a plane's padded rows is laid end to end, and
/// correlated as one long signal whose taps are whole rows apart: vectors are full whatever the width. A stride splits
/// rows and columns into phases, laid one after another, so that no output is computed that is not kept. The workspace
/// is one band a thread.
struct DepthwiseConvolution: PlannedConvolution {
  private let geometry: ConvolutionGeometry
  private let kernels = Microkernels()
  private let weights: [Float]
  private let bias: [Float]
  /// Where each tap reads, from the place of its output.
  private let offsets: [Int32]
  private let bands: [Band]
  /// Padded columns of a phase, and rows of a phase for the tallest band.
  private let columns: Int
  private let phaseRows: Int
  private let phaseCount: Int

  /// Some output rows, and how the samples that they read are copied together.
  private struct Band: Sendable {
    let rows: Range<Int>
    let runs: ColumnSource.BlockRuns
  }

  /// Whether the algorithm has an answer: one input channel a group, planes.
  static func accepts(_ g: ConvolutionGeometry) -> Bool {
    g.inChannels == g.groups && g.kernel[0] == 1 && g.input[0] == 1 && g.output[0] == 1
      && g.padding[0] == Padding.Amount(0, 0)
  }

  /// Floats of a band's padded rows: half a first-level cache.
  private static let bandCount = 5000

  /// - Precondition: ``accepts(_:)`` the geometry.
  init(_ g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?) {
    geometry = g
    weights = w.scalars
    self.bias = bias ?? [Float](repeating: 0, count: g.outChannels)
    let reach = (1...2).map { g.dilation[$0] * (g.kernel[$0] - 1) }
    let (strideY, strideX) = (g.stride[1], g.stride[2])
    let columns = g.output[2] + reach[1] / strideX
    let (phasesY, phasesX) = (min(strideY, reach[0] + 1), min(strideX, reach[1] + 1))
    let tall = max(1, min(g.output[1], Self.bandCount / (columns * phasesY * phasesX) - reach[0] / strideY))
    let phaseRows = tall + reach[0] / strideY
    (self.columns, self.phaseRows, phaseCount) = (columns, phaseRows, phasesY * phasesX)
    offsets = (0..<g.kernel[1]).flatMap { r in
      (0..<g.kernel[2]).map { s in
        let (y, x) = (r * g.dilation[1], s * g.dilation[2])
        let phase = y % strideY * phasesX + x % strideX
        return Int32((phase * phaseRows + y / strideY) * columns + x / strideX)
      }
    }
    bands = stride(from: 0, to: g.output[1], by: tall).map { top in
      var runs = ColumnSource.BlockRuns()
      for phaseY in 0..<phasesY {
        for phaseX in 0..<phasesX {
          for r in 0..<min(phaseRows, g.output[1] - top + reach[0] / strideY) {
            let target = ((phaseY * phasesX + phaseX) * phaseRows + r) * columns
            let row = g.sample(atPadded: (top + r) * strideY + phaseY, axis: 1)
            var start = 0
            while start < columns {
              // As many samples as lie side by side.
              let first = row.flatMap { _ in g.sample(atPadded: start * strideX + phaseX, axis: 2) }
              var end = start + 1
              while end < columns {
                let next = row.flatMap { _ in g.sample(atPadded: end * strideX + phaseX, axis: 2) }
                guard next == first.map({ $0 + (end - start) * strideX }) else { break }
                end += 1
              }
              runs.add(target + start, first.map { row! * g.input[2] + $0 }, end - start)
              start = end
            }
          }
        }
      }
      runs.starts.append(Int32(runs.runs.count))
      return Band(rows: top..<min(g.output[1], top + tall), runs: runs)
    }
  }

  var weightBytes: Int { weights.count * MemoryLayout<Float>.stride }

  /// Eight vectors may be read and written beyond a band.
  private var slack: Int { 9 * kernels.lanes }

  private var inputCount: Int { phaseCount * phaseRows * columns + slack }

  var workspaceBytes: Int { (inputCount + phaseRows * columns + slack) * MemoryLayout<Float>.stride }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    let g = geometry
    let (height, width) = (g.output[1], g.output[2])
    let multiplier = g.outChannels / g.inChannels
    let taps = offsets.count
    let inputCount = inputCount
    let fill = Float(g.mode.fillValue)
    let planes = g.batch * g.outChannels
    // Planes may be small, so that a piece takes many.
    let pieces = min(planes, 4 * pool.threadCount)
    pool.parallelFor(pieces) { piece in
      Scratch.withFloats(inputCount + phaseRows * columns + slack) { scratch in
        let output = scratch + inputCount
        weights.withUnsafeBufferPointer { weights in
          for plane in planes * piece / pieces..<planes * (piece + 1) / pieces {
            let (n, k) = (plane / g.outChannels, plane % g.outChannels)
            let source = x + (n * g.inChannels + k / multiplier) * g.input[1] * g.input[2]
            for band in bands {
              kernels.packColumns(
                band.runs.runs, band.runs.starts, taps: 1, firstTap: 0, depth: 1, source, planeStride: 0,
                step: g.stride[2], fill: fill, scratch, rowStride: 0)
              kernels.correlateFlat(
                scratch, offsets, weights.baseAddress! + k * taps, taps: taps, bias: bias[k], output,
                count: band.rows.count * columns)
              let out = y + (plane * height + band.rows.lowerBound) * width
              kernels.copyRows(output, sourceStride: columns, out, width: width, rows: band.rows.count)
              finish(out, count: band.rows.count * width)
            }
          }
        }
      }
    }
  }
}
