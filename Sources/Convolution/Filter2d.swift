import Tensors

/// How much of the result is kept, as in SciPy's `convolve`.
public enum ConvolutionMode: String, Sendable, CaseIterable {
  /// Every position where kernel and input touch: `in + kernel - 1`.
  case full
  /// As large as the input, centred.
  case same
  /// Only positions where the kernel lies inside the input: `in - kernel + 1`.
  case valid
}

/// Cross-correlates every plane of a tensor with one kernel (the kernel is not flipped).
///
/// y[.., i, j] = sum over r, s of x[.., i + r - anchor.row, j + s - anchor.column] * kernel[r, s]
/// - Parameters:
///   - input: `[..., H, W]`: any leading dimensions, each plane filtered alike, so that the number of
///     channels is preserved.
///   - kernel: `[R, S]`, with its anchor.
///   - mode: full, same or valid.
///   - border: what stands beyond the edges, for full and same.
/// - Returns: `[..., H', W']`, sizes by ``ConvolutionMode``. Planes may be empty in number, not in size.
/// - Accuracy: within ``FilterPlan/errorBound`` times the greatest magnitude of the input.
/// - Throws: ``GeometryError`` where a valid output would be empty.
/// - Complexity: at most R*S multiply-adds for an output, fewer for separable kernels; the workspace is the
///   blocks in flight, under 2 MiB a thread.
public func correlate2d(
  _ input: Tensor<Float>, kernel: Kernel, mode: ConvolutionMode = .same, border: PaddingMode = .zeros
) throws(GeometryError) -> Tensor<Float> {
  let dimensions = input.shape.dimensions
  guard dimensions.count >= 2 else {
    throw .invalid("an input of shape \(input.shape) has no plane: it needs at least [H, W]")
  }
  let (height, width) = (dimensions[dimensions.count - 2], dimensions[dimensions.count - 1])
  guard height >= 1, width >= 1 else { throw .outOfRange("plane size", min(height, width), "at least 1") }
  if mode == .full {
    let reach = [kernel.rows - 1, kernel.columns - 1]
    let padded = try pad(input, reach.map { Padding.Amount($0, $0) }, mode: border)
    return try correlate2d(padded, kernel: kernel, mode: .valid)
  }
  let plan = try FilterPlan(
    [KernelBank(kernel)],
    input: SampleLayout(height: height, width: width, channels: 1, type: .float32),
    outputType: .float32, border: border, isValid: mode == .valid)
  let planes = dimensions.dropLast(2).reduce(1, *)
  let outputPlane = plan.output.height * plan.output.width
  return input.withUnsafeBufferPointer { source in
    Tensor(
      unsafeUninitializedShape: Shape(dimensions.dropLast(2) + [plan.output.height, plan.output.width])
    ) { destination in
      for plane in 0..<planes {
        plan.run(
          source.baseAddress! + plane * height * width, into: destination.baseAddress! + plane * outputPlane)
      }
    }
  }
}

/// Convolves every plane of a tensor with one kernel: the kernel is flipped, as in mathematics and signal
/// processing.
///
/// y[.., i, j] = sum over r, s of x[.., i + anchor.row - r, j + anchor.column - s] * kernel[r, s]
///
/// Parameters, results and errors are ``correlate2d(_:kernel:mode:border:)``'s. For `same` and an even
/// kernel, the output is centred as SciPy's `ndimage.convolve` does.
public func convolve2d(
  _ input: Tensor<Float>, kernel: Kernel, mode: ConvolutionMode = .same, border: PaddingMode = .zeros
) throws(GeometryError) -> Tensor<Float> {
  try correlate2d(input, kernel: kernel.flipped(), mode: mode, border: border)
}
