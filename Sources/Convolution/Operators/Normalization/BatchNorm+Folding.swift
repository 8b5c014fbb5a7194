import Tensors

extension RunningStatistics {
  /// The weight and bias of a convolution with this batch normalisation behind it, as one convolution.
  ///
  /// weight'[k] = weight[k] * r[k], bias'[k] = (bias[k] - mean[k]) * r[k] + shift[k],
  /// r[k] = scale[k] / sqrt(variance[k] + epsilon)
  /// - Parameters:
  ///   - weight: the convolution's, `[K, C / groups, spatial...]`.
  ///   - bias: the convolution's, `[K]`; zeros where nil.
  ///   - scale: the normalisation's weight, `[K]`; ones where nil.
  ///   - shift: the normalisation's bias, `[K]`; zeros where nil.
  ///   - epsilon: the normalisation's.
  /// - Throws: ``GeometryError`` where the shapes do not fit.
  /// - Source: PyTorch `torch.nn.utils.fusion.fuse_conv_bn_weights`.
  public func folded(
    intoWeight weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil, scale: Tensor<Scalar>? = nil,
    shift: Tensor<Scalar>? = nil, epsilon: Double = 1e-5
  ) throws(GeometryError) -> (weight: Tensor<Scalar>, bias: Tensor<Scalar>) {
    guard weight.shape.rank >= 2 else {
      throw .invalid("a weight of shape \(weight.shape): it must be [K, C / groups, spatial...]")
    }
    let channels = weight.shape[0]
    let statistics = try statistics(channels: channels)
    try check(bias: bias?.shape, channels: channels)
    try check(bias: scale?.shape, channels: channels)
    try check(bias: shift?.shape, channels: channels)
    let (bias, scale, shift) = (bias?.scalars, scale?.scalars, shift?.scalars)
    let factors = (0..<channels).map { k in
      Double(scale?[k] ?? 1) / (statistics[k].variance + epsilon).squareRoot()
    }
    var folded = weight
    let run = weight.shape.count / channels
    folded.withUnsafeMutableBufferPointer { w in
      guard let w = w.baseAddress else { return }
      for k in 0..<channels { multiply(w + k * run, count: run, by: factors[k]) }
    }
    let biases = (0..<channels).map { k -> Scalar in
      let distance = Double(bias?[k] ?? 0) - statistics[k].mean
      return Scalar(distance * factors[k] + Double(shift?[k] ?? 0))
    }
    return (folded, Tensor(biases, shape: [channels]))
  }
}

/// - Parameter count: elements from the first on.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
private func multiply<Scalar: FloatingScalar>(
  _ values: UnsafeMutablePointer<Scalar>, count: Int, by factor: Double
) {
  for i in 0..<count { values[i] = Scalar(Double(values[i]) * factor) }
}
