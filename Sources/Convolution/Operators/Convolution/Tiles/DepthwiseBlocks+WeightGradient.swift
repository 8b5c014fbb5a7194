import CIntrinsics
import Tensors

extension DepthwiseBlocks {
  /// Whether ``weightGradient(_:_:)`` has an answer, to one that ``accepts(_:)``.
  static func acceptsGradient(_ g: ConvolutionGeometry) -> Bool {
    DepthwiseConvolution.accepts(g) && accepts(g) && (g.kernel[2] == 3 || g.kernel[2] == 5)
  }

  /// dw from dy and x: every weight is summed over samples, bands and a band's outputs in one order.
  func weightGradient(_ dy: Tensor<Float>, _ x: Tensor<Float>) -> Tensor<Float> {
    let g = geometry
    let (kernelHeight, kernelWidth, stride) = (g.kernel[1], g.kernel[2], g.stride[1])
    let inputPlane = g.input[1] * g.input[2]
    let (height, width) = (g.output[1], g.output[2])
    return dy.withUnsafeBufferPointer { dy in
      x.withUnsafeBufferPointer { x in
        Tensor(unsafeUninitializedShape: g.weightShape) { dw in
          let (dy, x, dw) = (dy.baseAddress!, x.baseAddress!, dw.baseAddress!)
          ThreadPool.shared.parallelFor(g.outChannels) { k in
            let sums = dw + k * kernelHeight * kernelWidth
            sums.initialize(repeating: 0, count: kernelHeight * kernelWidth)
            Scratch.withFloats(bandCount) { scratch in
              for n in 0..<g.batch {
                let source = x + (n * g.inChannels + k * g.inChannels / g.outChannels) * inputPlane
                for band in bands {
                  runs.withUnsafeBufferPointer { copy($0[band.runs], source, to: scratch) }
                  for r in 0..<kernelHeight {
                    var block = ConvolveDepthwise(
                      input: UnsafePointer(scratch) + r * columns, inputStride: columns,
                      weights: UnsafePointer(sums), kernelWidth: kernelWidth, bias: 0, least: -.infinity,
                      most: .infinity,
                      output: UnsafeMutablePointer(
                        mutating: dy + ((n * g.outChannels + k) * height + band.rows.lowerBound) * width),
                      outputStride: width, rows: band.rows.count, columns: width, zeros: nil)
                    kernels.depthwiseWeights(&block, stride: stride, sums + r * kernelWidth)
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}
