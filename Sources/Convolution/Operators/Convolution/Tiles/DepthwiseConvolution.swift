import CIntrinsics
import Microkernels
import Tensors

/// One kernel for each output channel, over one input channel: every plane by the image filters' register tiles. A
/// stride splits the padded rows and columns into phases, each correlated with its part of the kernel, so that no
/// output is computed that is not kept. The workspace is one band of rows a thread.
struct DepthwiseConvolution: Sendable {
  private let geometry: ConvolutionGeometry
  private let kernels = Microkernels()
  private let plane: PaddedPlane
  private let bias: [Float]
  /// Of each phase that has taps, its rows, columns, and the weights of all channels in the tiles' order.
  private let phases: [Phase]

  private struct Phase: Sendable {
    let row: Int
    let column: Int
    let kernelHeight: Int
    let kernelWidth: Int
    /// `2 * kernelHeight * kernelWidth` a channel.
    let weights: [Float]
  }

  /// Whether the algorithm has an answer: one input channel a group, planes, no dilation.
  static func accepts(_ g: ConvolutionGeometry) -> Bool {
    g.inChannels == g.groups && g.dilation == [1, 1, 1] && g.kernel[0] == 1 && g.input[0] == 1
      && g.output[0] == 1 && g.padding[0] == Padding.Amount(0, 0)
  }

  /// - Precondition: ``accepts(_:)`` the geometry.
  init(_ g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?) {
    geometry = g
    self.bias = bias ?? [Float](repeating: 0, count: g.outChannels)
    let (kernelHeight, kernelWidth) = (g.kernel[1], g.kernel[2])
    plane = PaddedPlane(
      g, height: (g.output[1] - 1) * g.stride[1] + kernelHeight,
      width: (g.output[2] - 1) * g.stride[2] + kernelWidth)
    let values = w.scalars
    phases = (0..<min(g.stride[1], kernelHeight)).flatMap { row in
      (0..<min(g.stride[2], kernelWidth)).map { column in
        let rows = Array(stride(from: row, to: kernelHeight, by: g.stride[1]))
        let columns = Array(stride(from: column, to: kernelWidth, by: g.stride[2]))
        // Column by column, each twice over.
        let weights = (0..<g.outChannels).flatMap { k in
          columns.flatMap { s in (rows + rows).map { r in values[(k * kernelHeight + r) * kernelWidth + s] } }
        }
        return Phase(
          row: row, column: column, kernelHeight: rows.count, kernelWidth: columns.count, weights: weights)
      }
    }
  }

  var weightBytes: Int { phases.reduce(0) { $0 + $1.weights.count * MemoryLayout<Float>.stride } }

  /// Output rows that are computed together.
  private static let band = 16

  func run(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>) {
    let g = geometry
    let (height, width) = (g.output[1], g.output[2])
    let inputPlane = g.input[1] * g.input[2]
    let multiplier = g.outChannels / g.inChannels
    let tallest = phases.map(\.kernelHeight).max() ?? 1
    let widest = phases.map(\.kernelWidth).max() ?? 1
    let step = width + widest + Int(CONVOLVE_TILE_COLUMNS)
    let band = min(Self.band, height)
    let tileRows = Int(CONVOLVE_TILE_ROWS)
    let inputCount = (band + tallest + tileRows) * step
    ThreadPool.shared.parallelFor(g.batch * g.outChannels) { piece in
      let (n, k) = (piece / g.outChannels, piece % g.outChannels)
      let source = x + (n * g.inChannels + k / multiplier) * inputPlane
      let target = y + piece * height * width
      Scratch.withFloats(inputCount + (band + tileRows) * step + plane.columnCount) { scratch in
        let output = scratch + inputCount
        let row = output + (band + tileRows) * step
        var top = 0
        while top < height {
          let rows = min(band, height - top)
          for (i, phase) in phases.enumerated() {
            copy(source, phase, top, rows, to: scratch, step, row)
            correlate(phase, k, scratch, step, rows, accumulating: i > 0, into: output)
          }
          for r in 0..<rows {
            let (from, to) = (output + r * step, target + (top + r) * width)
            for i in 0..<width { to[i] = from[i] + bias[k] }
          }
          top += rows
        }
      }
    }
  }

  /// The samples of a phase that some output rows read.
  private func copy(
    _ source: UnsafePointer<Float>, _ phase: Phase, _ top: Int, _ rows: Int,
    to block: UnsafeMutablePointer<Float>, _ step: Int, _ row: UnsafeMutablePointer<Float>
  ) {
    let (strideY, strideX) = (geometry.stride[1], geometry.stride[2])
    let columns = geometry.output[2] + phase.kernelWidth - 1
    for r in 0..<rows + phase.kernelHeight - 1 {
      let padded = (top + r) * strideY + phase.row
      let out = block + r * step
      if strideX == 1 {
        plane.copyRow(source, padded, 0..<columns, to: out)
      } else {
        plane.copyRow(source, padded, phase.column..<phase.column + (columns - 1) * strideX + 1, to: row)
        for i in 0..<columns { out[i] = row[i &* strideX] }
      }
    }
  }

  private func correlate(
    _ phase: Phase, _ k: Int, _ input: UnsafePointer<Float>, _ step: Int, _ rows: Int, accumulating: Bool,
    into output: UnsafeMutablePointer<Float>
  ) {
    phase.weights.withUnsafeBufferPointer { weights in
      var block = ConvolveBlock(
        input: input, inputStride: step,
        weights: weights.baseAddress! + k * 2 * phase.kernelHeight * phase.kernelWidth,
        kernelHeight: phase.kernelHeight, kernelWidth: phase.kernelWidth, tapStep: 1, output: output,
        outputStride: step, rows: rows, columns: geometry.output[2], accumulate: accumulating ? 1 : 0,
        tapsTogether: 1)
      kernels.correlate(&block)
    }
  }
}
