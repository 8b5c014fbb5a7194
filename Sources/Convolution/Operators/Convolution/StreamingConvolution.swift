import Tensors

/// True convolution of a signal that comes piece by piece: y[n] = sum over j of kernel[j] x[n - j].
///
/// Each piece gives as many outputs as it has samples; ``finish()`` gives the kernel's length less one more, after which all
/// outputs together are the full convolution. Pieces of thousands of samples go by Fourier transforms of overlapping segments
/// (overlap-save) where the kernel is long; how the signal is cut changes results by rounding alone.
public struct StreamingConvolution: Sendable {
  private let weight: Tensor<Float>
  /// The last samples, as many as the kernel reaches back.
  private var history: [Float]
  /// For pieces of a length, most of which are alike.
  private var plan: (count: Int, plan: ConvolutionPlan)?

  /// - Throws: ``GeometryError`` for a kernel without numbers.
  public init(kernel: [Float]) throws(GeometryError) {
    guard !kernel.isEmpty else { throw .outOfRange("kernel length", 0, "at least 1") }
    weight = Tensor(kernel.reversed(), shape: [1, 1, kernel.count])
    history = [Float](repeating: 0, count: kernel.count - 1)
  }

  /// The outputs of the next samples.
  public mutating func callAsFunction(_ samples: [Float]) throws(GeometryError) -> [Float] {
    if samples.isEmpty { return [] }
    let all = history + samples
    if plan?.count != samples.count {
      let geometry = try ConvolutionGeometry(input: [1, 1, all.count], weight: weight.shape, .init())
      plan = (samples.count, try ConvolutionPlan(geometry, weight: weight))
    }
    let outputs = try plan!.plan(Tensor(all, shape: [1, 1, all.count])).scalars
    history = Array(all.suffix(history.count))
    return outputs
  }

  /// The outputs after the last sample, which end the convolution; then the next signal may begin.
  public mutating func finish() throws(GeometryError) -> [Float] {
    let tail = try self([Float](repeating: 0, count: history.count))
    history = [Float](repeating: 0, count: history.count)
    return tail
  }
}
