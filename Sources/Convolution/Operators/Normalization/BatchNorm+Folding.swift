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
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
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
    let factors = factors(statistics, scale, epsilon)
    let folded = Tensor<Scalar>(unsafeUninitializedShape: weight.shape) { out in
      weight.withUnsafeBufferPointer { w in
        if let w = w.baseAddress {
          multiply(w, by: factors, count: weight.shape.count, into: out.baseAddress!)
        }
      }
    }
    let biases = (0..<channels).map { k -> Scalar in
      let distance = Double(bias?[k] ?? 0) - statistics[k].mean
      return Scalar(distance * factors[k] + Double(shift?[k] ?? 0))
    }
    return (folded, Tensor(biases, shape: [channels]))
  }

  /// The folded weight where it is to be.
  /// - Parameters:
  ///   - weight: as many elements for each channel as for the others.
  ///   - out: its size.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  package func fold(
    intoWeight weight: UnsafePointer<Scalar>, count: Int, scale: Tensor<Scalar>,
    epsilon: Double, to out: UnsafeMutablePointer<Scalar>
  ) throws(GeometryError) {
    let factors = factors(try statistics(channels: variance.shape[0]), scale.scalars, epsilon)
    multiply(weight, by: factors, count: count, into: out)
  }

  /// What each channel is multiplied by.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func factors(
    _ statistics: [Standardization.Statistics], _ scale: [Scalar]?, _ epsilon: Double
  ) -> [Double] {
    statistics.indices.map { Double(scale?[$0] ?? 1) / (statistics[$0].variance + epsilon).squareRoot() }
  }
}

/// `count` elements, as many of each channel, times the channel's factor.
private func multiply<Scalar: FloatingScalar>(
  _ weight: UnsafePointer<Scalar>, by factors: [Double], count: Int, into out: UnsafeMutablePointer<Scalar>
) {
  let run = count / max(1, factors.count)
  ThreadPool.shared.parallelFor(factors.count) { k in
    multiply(weight + k * run, by: factors[k], count: run, into: out + k * run)
  }
}

/// - Parameter count: elements from the first on.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
private func multiply<Scalar: FloatingScalar>(
  _ values: UnsafePointer<Scalar>, by factor: Double, count: Int, into out: UnsafeMutablePointer<Scalar>
) {
  for i in 0..<count { (out + i).initialize(to: Scalar(Double(values[i]) * factor)) }
}
