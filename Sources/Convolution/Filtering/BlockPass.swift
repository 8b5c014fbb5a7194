import CIntrinsics
import Fourier
import Microkernels
import Tensors

/// The passes of a plan over one block whose buffers share a stride.
struct BlockPass {
  let stride: Int
  /// Samples between neighbouring taps: the channel count.
  let tapStep: Int
  let rows: Int
  let columns: Int
  let microkernels: Microkernels

  /// Correlates with weights packed for a kernel of the given size.
  func correlate(
    _ input: UnsafePointer<Float>, _ weights: [Float], size: (rows: Int, columns: Int), columns: Int,
    accumulating: Bool = false, into output: UnsafeMutablePointer<Float>
  ) {
    weights.withUnsafeBufferPointer { weights in
      var block = block(input, weights.baseAddress!, size, columns, output)
      block.accumulate = accumulating ? 1 : 0
      microkernels.correlate(&block)
    }
  }

  /// Sums a box of the given size; `between` gets the sums of its columns.
  func box(
    _ input: UnsafePointer<Float>, size: (rows: Int, columns: Int),
    between: UnsafeMutablePointer<Float>, into output: UnsafeMutablePointer<Float>
  ) {
    var sums = block(input, input, size, columns + (size.columns - 1) * tapStep, between)
    microkernels.boxColumns(&sums)
    var result = block(between, between, size, columns, output)
    result.tapsTogether = LinearPlan.boxTapsTogether(size.columns)
    microkernels.boxRows(&result)
  }

  private func block(
    _ input: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ size: (rows: Int, columns: Int),
    _ columns: Int, _ output: UnsafeMutablePointer<Float>
  ) -> ConvolveBlock {
    ConvolveBlock(
      input: input, inputStride: stride, weights: weights, kernelHeight: size.rows,
      kernelWidth: size.columns, tapStep: tapStep, output: output, outputStride: stride, rows: rows,
      columns: columns, accumulate: 0, tapsTogether: 1)
  }
}

extension LinearPlan {
  /// What results are multiplied with when they are stored: a box's coefficient.
  var outputScale: Double { method == .box ? kernel.coefficients[0] : 1 }

  /// Filters one block; `between` has room for the rows between two passes.
  func run(
    _ block: BlockPass, from input: UnsafePointer<Float>, between: UnsafeMutablePointer<Float>,
    to output: UnsafeMutablePointer<Float>
  ) {
    let size = (rows: kernel.rows, columns: kernel.columns)
    switch method {
    case .direct:
      block.correlate(input, packed[0], size: size, columns: block.columns, into: output)
    case .separable:
      // Columns first: that pass shares its loads between output rows, so it may well do the halo too.
      let halo = (kernel.columns - 1) * block.tapStep
      for term in terms.indices {
        block.correlate(
          input, packed[2 * term], size: (kernel.rows, 1), columns: block.columns + halo, into: between)
        block.correlate(
          between, packed[2 * term + 1], size: (1, kernel.columns), columns: block.columns,
          accumulating: term > 0, into: output)
      }
    case .box:
      block.box(input, size: size, between: between, into: output)
    case .fourier:
      Scratch.withFloats(fourier!.workCount) { work in
        fourier!.run(
          input, stride: block.stride, into: output, outStride: block.stride, rows: block.rows,
          columns: block.columns, work: work)
      }
    }
  }
}
