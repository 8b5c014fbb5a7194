import Tensors

/// True convolution of a signal that comes piece by piece: y[n] = sum over j of kernel[j] x[n - j].
///
/// Each piece gives as many outputs as it has samples; ``finish()`` gives the kernel's length less one more, after which all
/// outputs together are the full convolution. Pieces of thousands of samples go by Fourier transforms of overlapping segments
/// where the kernel is long; how the signal is cut changes results by rounding alone.
public struct StreamingConvolution: Sendable {
  /// How pieces are joined.
  public enum Method: String, Sendable, CaseIterable {
    /// The last samples are kept, and read again before the next piece's.
    case overlapSave
    /// What a piece's convolution has beyond its end is kept, and added to the next one's.
    case overlapAdd
  }

  public let method: Method
  private let weight: Tensor<Float>
  /// The last samples, or the sums beyond the last piece: as many as the kernel reaches back.
  private var kept: [Float]
  /// For pieces of a length, most of which are alike.
  private var plan: (count: Int, plan: ConvolutionPlan)?

  /// - Throws: ``GeometryError`` for a kernel without numbers.
  public init(kernel: [Float], method: Method = .overlapSave) throws(GeometryError) {
    guard !kernel.isEmpty else { throw .outOfRange("kernel length", 0, "at least 1") }
    self.method = method
    weight = Tensor(kernel.reversed(), shape: [1, 1, kernel.count])
    kept = [Float](repeating: 0, count: kernel.count - 1)
  }

  /// The outputs of the next samples.
  public mutating func callAsFunction(_ samples: [Float]) throws(GeometryError) -> [Float] {
    if samples.isEmpty { return [] }
    let input = method == .overlapSave ? kept + samples : samples
    if plan?.count != samples.count {
      let padding: Padding = method == .overlapSave ? .valid : Padding(.full)
      let geometry = try ConvolutionGeometry(
        input: [1, 1, input.count], weight: weight.shape, .init(padding: padding))
      plan = (samples.count, try ConvolutionPlan(geometry, weight: weight))
    }
    var outputs = try plan!.plan(Tensor(input, shape: [1, 1, input.count])).scalars
    switch method {
    case .overlapSave: kept = Array(input.suffix(kept.count))
    case .overlapAdd:
      for i in kept.indices { outputs[i] += kept[i] }
      kept = Array(outputs[samples.count...])
      outputs.removeLast(kept.count)
    }
    return outputs
  }

  /// The outputs after the last sample, which end the convolution; then the next signal may begin.
  public mutating func finish() throws(GeometryError) -> [Float] {
    let zeros = [Float](repeating: 0, count: kept.count)
    let tail = method == .overlapSave ? try self(zeros) : kept
    kept = zeros
    return tail
  }
}
