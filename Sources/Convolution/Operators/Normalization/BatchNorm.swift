import Tensors

/// The running mean and variance of each channel, `[C]`, that batch normalisation keeps in training and uses
/// afterwards.
public struct RunningStatistics<Scalar: FloatingScalar>: Sendable, Equatable {
  public var mean: Tensor<Scalar>
  /// Divided by the count less one, as PyTorch keeps it.
  public var variance: Tensor<Scalar>

  public init(mean: Tensor<Scalar>, variance: Tensor<Scalar>) {
    self.mean = mean
    self.variance = variance
  }

  /// Mean 0 and variance 1, as before training.
  public init(channels: Int) {
    self.init(mean: Tensor(zeros: [channels]), variance: Tensor(repeating: 1, shape: [channels]))
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func statistics(channels: Int) throws(GeometryError) -> [Standardization.Statistics] {
    guard mean.shape == [channels], variance.shape == [channels] else {
      throw .invalid(
        "running statistics of shapes \(mean.shape) and \(variance.shape) for \(channels) channels")
    }
    return zip(mean.scalars, variance.scalars).map { .init(mean: Double($0), variance: Double($1)) }
  }
}

/// Batch normalisation by running statistics, as after training.
///
/// y = (x - running mean) / sqrt(running variance + eps) * weight + bias
/// - Parameters:
///   - input: `[N, C, ...]`; N may be 0.
///   - running: of every channel.
///   - weight: `[C]`, ones where nil.
///   - bias: `[C]`, zeros where nil.
///   - epsilon: keeps a variance of 0 finite.
/// - Throws: ``GeometryError``.
/// - Source: PyTorch `batch_norm` with `training=False`; ONNX `BatchNormalization`.
public func batchNorm<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, running: RunningStatistics<Scalar>, weight: Tensor<Scalar>? = nil,
  bias: Tensor<Scalar>? = nil, epsilon: Double = 1e-5
) throws(GeometryError) -> Tensor<Scalar> {
  let core = try Normalization.batch.standardization(
    input.shape, weight?.shape, bias?.shape, epsilon: epsilon)
  let statistics = try running.statistics(channels: input.shape[1])
  return core.forward(input, statistics, weight: weight, bias: bias).reshaped(input.shape)
}

/// Batch normalisation in training: by the batch's own statistics, which the running ones move towards.
///
/// running = (1 - momentum) * running + momentum * batch's
/// - Parameters:
///   - input: `[N, C, ...]`, at least two elements a channel.
///   - running: of every channel; updated.
///   - momentum: the weight of this batch: PyTorch's, which is 1 less ONNX's.
///   - unbiased: the running variance is divided by the count less one, as in PyTorch; ONNX divides by the count.
///   - weight: `[C]`, ones where nil.
///   - bias: `[C]`, zeros where nil.
///   - epsilon: keeps a set of equal elements finite.
/// - Throws: ``GeometryError``, also for a single element a channel, whose variance says nothing.
/// - Source: PyTorch `batch_norm` with `training=True`. Its gradients are
///   ``normalizeGradients(upstream:input:_:weight:epsilon:)``'s.
public func batchNorm<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, updating running: inout RunningStatistics<Scalar>, momentum: Double = 0.1,
  unbiased: Bool = true, weight: Tensor<Scalar>? = nil, bias: Tensor<Scalar>? = nil, epsilon: Double = 1e-5
) throws(GeometryError) -> Tensor<Scalar> {
  let core = try Normalization.batch.standardization(
    input.shape, weight?.shape, bias?.shape, epsilon: epsilon)
  let old = try running.statistics(channels: input.shape[1])
  let count = Double(core.repeats * core.run)
  guard count > 1 else {
    throw .outOfRange("elements a channel", Int(count), "at least 2 in training")
  }
  let new = core.statistics(of: input)
  func moved(_ old: Double, _ new: Double) -> Scalar { Scalar((1 - momentum) * old + momentum * new) }
  running.mean = Tensor(zip(old, new).map { moved($0.mean, $1.mean) }, shape: running.mean.shape)
  running.variance = Tensor(
    zip(old, new).map { moved($0.variance, $1.variance * (unbiased ? count / (count - 1) : 1)) },
    shape: running.mean.shape)
  return core.forward(input, new, weight: weight, bias: bias).reshaped(input.shape)
}

/// The gradients of batch normalisation by running statistics with respect to input, weight and bias.
/// - Parameters:
///   - upstream: dL/dy, of the input's shape.
///   - input: as it was given forward.
///   - running: as they were given forward.
///   - weight: as it was given forward.
///   - epsilon: as it was given forward.
/// - Throws: ``GeometryError``.
public func batchNormGradients<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, running: RunningStatistics<Scalar>,
  weight: Tensor<Scalar>? = nil, epsilon: Double = 1e-5
) throws(GeometryError) -> NormalizationGradients<Scalar> {
  try check(upstream: upstream.shape, output: input.shape)
  let core = try Normalization.batch.standardization(input.shape, weight?.shape, nil, epsilon: epsilon)
  let (dx, dw, db) = core.gradients(
    upstream: upstream, input, try running.statistics(channels: input.shape[1]), weight: weight,
    statisticsAreGiven: true)
  return NormalizationGradients(
    input: dx, weight: Tensor(dw.map { Scalar($0) }, shape: [dw.count]),
    bias: Tensor(db.map { Scalar($0) }, shape: [db.count]))
}

/// The gradients of ``batchNormGradients(upstream:input:running:weight:epsilon:)`` with respect to upstream,
/// input and weight.
/// - Parameters:
///   - inputGradient: dL/d(dx), of the input's shape.
///   - weightGradient: dL/d(dweight), zeros where nil.
///   - biasGradient: dL/d(dbias), zeros where nil.
///   - upstream: as it was given to the gradients.
///   - input: as it was given forward.
///   - running: as they were given forward.
///   - weight: as it was given forward.
///   - epsilon: as it was given forward.
/// - Throws: ``GeometryError``.
public func batchNormSecondGradients<Scalar: FloatingScalar>(
  inputGradient: Tensor<Scalar>, weightGradient: Tensor<Scalar>? = nil, biasGradient: Tensor<Scalar>? = nil,
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, running: RunningStatistics<Scalar>,
  weight: Tensor<Scalar>? = nil, epsilon: Double = 1e-5
) throws(GeometryError) -> NormalizationSecondGradients<Scalar> {
  try check(upstream: upstream.shape, output: input.shape)
  try check(upstream: inputGradient.shape, output: input.shape)
  let core = try Normalization.batch.standardization(
    input.shape, weight?.shape ?? weightGradient?.shape, biasGradient?.shape, epsilon: epsilon)
  let (du, dx, dw) = core.secondGradients(
    inputGradient, weight: weightGradient, bias: biasGradient, upstream: upstream, input,
    try running.statistics(channels: input.shape[1]), weight, statisticsAreGiven: true)
  return NormalizationSecondGradients(
    upstream: du, input: dx, weight: weight.map { Tensor(dw.map { Scalar($0) }, shape: $0.shape) })
}
