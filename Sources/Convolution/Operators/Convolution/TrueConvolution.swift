import Tensors

/// Cross-correlates signals, images or volumes with one kernel, which is not flipped.
///
/// full[i] = sum over t of x[i + t - (kernel - 1)] * kernel[t]
/// - Parameters:
///   - input: `[..., spatial...]`: as many spatial axes as the kernel has, each plane of the leading ones alike.
///     So a batch of images `[N, C, H, W]` is correlated with a kernel `[R, S]` channel by channel, and with
///     one `[C, R, S]` over all channels.
///   - kernel: one to three axes.
///   - mode: full, same (the middle of full, of the input's size) or valid.
///   - border: what stands beyond the edges, for full and same.
/// - Returns: `[..., spatial'...]`, sizes by ``ConvolutionMode``.
/// - Throws: ``GeometryError`` where shapes do not fit or a valid output would be empty.
/// - Source: SciPy `scipy.signal.correlate`, with zeros beyond the edges.
public func correlate<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, _ kernel: Tensor<Scalar>, mode: ConvolutionMode = .full,
  border: PaddingMode = .zeros
) throws(GeometryError) -> Tensor<Scalar> {
  let rank = kernel.shape.rank
  guard (1...3).contains(rank), input.shape.rank >= rank else {
    throw .invalid(
      "a kernel of shape \(kernel.shape) for an input of shape \(input.shape): a kernel has one to three axes, "
        + "and the input at least as many")
  }
  let leading = Array(input.shape.dimensions.dropLast(rank))
  let spatial = Array(input.shape.dimensions.suffix(rank))
  let images = input.reshaped(Shape([leading.reduce(1, *), 1] + spatial))
  let weight = kernel.reshaped(Shape([1, 1] + kernel.shape.dimensions))
  let y = try conv(images, weight: weight, .init(padding: mode.padding(kernel.shape.dimensions, border)))
  return y.reshaped(Shape(leading + y.shape.dimensions.dropFirst(2)))
}

/// Convolves signals, images or volumes with one kernel, which is flipped, as in mathematics.
///
/// full[i] = sum over t of x[i - t] * kernel[t]
///
/// Parameters, results and errors are ``correlate(_:_:mode:border:)``'s.
/// - Source: SciPy `scipy.signal.convolve`.
public func convolve<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, _ kernel: Tensor<Scalar>, mode: ConvolutionMode = .full,
  border: PaddingMode = .zeros
) throws(GeometryError) -> Tensor<Scalar> {
  try correlate(input, kernel.reversed(), mode: mode, border: border)
}

/// Convolves each channel of a batch with a kernel of its own; the number of channels is preserved.
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - kernels: `[C, spatial...]`, flipped as in ``convolve(_:_:mode:border:)``.
///   - mode: full, same or valid.
///   - border: what stands beyond the edges, for full and same.
/// - Returns: `[N, C, spatial'...]`, sizes by ``ConvolutionMode``.
/// - Throws: ``GeometryError``.
public func convolveChannels<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, kernels: Tensor<Scalar>, mode: ConvolutionMode = .full,
  border: PaddingMode = .zeros
) throws(GeometryError) -> Tensor<Scalar> {
  guard kernels.shape.rank == input.shape.rank - 1, kernels.shape.rank >= 2,
    kernels.shape[0] == input.shape[1]
  else {
    throw .invalid(
      "kernels of shape \(kernels.shape) for an input of shape \(input.shape): they must be [C, spatial...]")
  }
  let sizes = Array(kernels.shape.dimensions.dropFirst())
  let weight = kernels.reversed(firstAxis: 1).reshaped(Shape([kernels.shape[0], 1] + sizes))
  return try conv(
    input, weight: weight, .init(padding: mode.padding(sizes, border), groups: kernels.shape[0]))
}

extension ConvolutionMode {
  fileprivate func padding(_ kernel: [Int], _ border: PaddingMode) -> Padding {
    switch self {
    case .full: Padding(.full, mode: border)
    case .valid: .valid
    case .same: Padding(.explicit(kernel.map { Padding.Amount($0 / 2, max(0, $0 - 1) / 2) }), mode: border)
    }
  }
}

extension Tensor {
  /// The elements of every axis from `firstAxis` on in reverse order.
  fileprivate func reversed(firstAxis: Int = 0) -> Tensor {
    let size = shape.dimensions[firstAxis...].reduce(1, *)
    let elements = scalars
    return Tensor(
      stride(from: 0, to: elements.count, by: Swift.max(1, size)).flatMap {
        elements[$0..<$0 + size].reversed()
      },
      shape: shape)
  }
}
