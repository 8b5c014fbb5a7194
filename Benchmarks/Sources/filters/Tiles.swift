import CIntrinsics
import Convolve

/// GFLOP/s of the register tiles alone: a padded block of floats that stays in the second-level cache, as a
/// filter hands it to them.
func tileThroughput(kernelSize: Int, median: (() -> Void) -> Double) -> Double {
  let (rows, columns) = (48, 1152)
  let stride = columns + kernelSize + Int(CONVOLVE_TILE_COLUMNS) + 16
  let paddedRows = rows + Int(CONVOLVE_TILE_ROWS)
  let input = Tensor<Float>(repeating: 1.5, shape: [(paddedRows + kernelSize) * stride])
  let weights = Tensor<Float>(repeating: 0.25, shape: [2 * kernelSize * kernelSize])
  var output = Tensor<Float>(zeros: [paddedRows * stride + stride])
  let kernels = Microkernels()
  let time = input.withUnsafeBufferPointer { input in
    weights.withUnsafeBufferPointer { weights in
      output.withUnsafeMutableBufferPointer { output in
        var block = ConvolveBlock(
          input: input.baseAddress!, inputStride: stride, weights: weights.baseAddress!,
          kernelHeight: kernelSize, kernelWidth: kernelSize, tapStep: 1, output: output.baseAddress!,
          outputStride: stride, rows: rows, columns: columns, accumulate: 0, tapsTogether: 1)
        return median { for _ in 0..<20 { kernels.correlate(&block) } }
      }
    }
  }
  return 40 * Double(kernelSize * kernelSize * rows * columns) / time * 1e-6
}
