import Tensors

/// Over which elements a normalisation takes its means and variances.
public enum Normalization: Sendable, Hashable {
  /// Of each channel, over the batch and all places; weight and bias are `[C]`. PyTorch `batch_norm` in
  /// training, ONNX `BatchNormalization` with `training_mode`.
  case batch
  /// Of each sample's groups of C / groups channels; weight and bias are `[C]`. PyTorch `group_norm`.
  case group(Int)
  /// Of each sample's channels; weight and bias are `[C]`. PyTorch `instance_norm`, ONNX
  /// `InstanceNormalization`.
  case instance
  /// Of the trailing axes from this one on; weight and bias have their shape. PyTorch `layer_norm`, ONNX
  /// `LayerNormalization`.
  case layer(axis: Int)

  /// - Throws: where the shape has no such channels, groups or axes, or a set would hold too few elements.
  func standardization(
    _ input: Shape, _ weight: Shape?, _ bias: Shape?, epsilon: Double
  ) throws(GeometryError) -> Standardization {
    guard epsilon >= 0, epsilon.isFinite else {
      throw .invalid("an epsilon of \(epsilon): it must be finite and not negative")
    }
    let result: Standardization
    let parameterShape: Shape
    if case .layer(let axis) = self {
      guard (0..<input.rank).contains(axis) else {
        throw .outOfRange("axis", axis, "from 0 to below the input's rank \(input.rank)")
      }
      parameterShape = Shape(Array(input.dimensions[axis...]))
      result = Standardization(
        repeats: 1, sets: input.dimensions[..<axis].reduce(1, *), run: parameterShape.count,
        parameters: max(1, parameterShape.count), parameterRun: 1, epsilon: epsilon)
    } else {
      guard input.rank >= 2, input[1] >= 1 else {
        throw .invalid("an input of shape \(input): it must be [N, C, ...]")
      }
      let (batch, channels) = (input[0], input[1])
      let plane = input.dimensions[2...].reduce(1, *)
      parameterShape = [channels]
      var (repeats, sets, run) = (batch, channels, plane)
      if case .group(let groups) = self {
        guard groups >= 1, channels % groups == 0 else {
          throw .indivisible("\(channels) channels cannot be split into \(groups) groups")
        }
        (repeats, sets, run) = (1, batch * groups, channels / groups * plane)
      } else if case .instance = self {
        (repeats, sets, run) = (1, batch * channels, plane)
      }
      result = Standardization(
        repeats: repeats, sets: sets, run: run, parameters: channels, parameterRun: max(1, plane),
        epsilon: epsilon)
    }
    for (name, shape) in [("weight", weight), ("bias", bias)] {
      if let shape, shape != parameterShape {
        throw .invalid("a \(name) of shape \(shape) for an input of \(input): it must be \(parameterShape)")
      }
    }
    return result
  }

  var parameterAxis: Int? {
    if case .layer(let axis) = self { return axis }
    return nil
  }
}

/// Standardises sets of elements to mean 0 and variance 1, then scales and shifts them.
///
/// y = (x - mean) / sqrt(variance + eps) * weight + bias, the variance divided by the count.
/// - Parameters:
///   - input: `[N, C, ...]`; for layer normalisation of any shape.
///   - kind: over which elements.
///   - weight: ones where nil.
///   - bias: zeros where nil.
///   - epsilon: keeps a set of equal elements finite.
/// - Returns: of the input's shape.
/// - Throws: ``GeometryError``.
/// - Source: S. Ioffe, C. Szegedy (2015); Y. Wu, K. He, "Group normalization" (2018); J. L. Ba et al., "Layer
///   normalization" (2016).
public func normalize<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, _ kind: Normalization, weight: Tensor<Scalar>? = nil, bias: Tensor<Scalar>? = nil,
  epsilon: Double = 1e-5
) throws(GeometryError) -> Tensor<Scalar> {
  let core = try kind.standardization(input.shape, weight?.shape, bias?.shape, epsilon: epsilon)
  return core.forward(input, core.statistics(of: input), weight: weight, bias: bias).reshaped(input.shape)
}

/// The gradients of ``normalize(_:_:weight:bias:epsilon:)`` with respect to input, weight and bias.
/// - Parameters:
///   - upstream: dL/dy, of the input's shape.
///   - input: as it was given forward.
///   - kind: as it was given forward.
///   - weight: as it was given forward.
///   - epsilon: as it was given forward.
/// - Throws: ``GeometryError``.
public func normalizeGradients<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, _ kind: Normalization, weight: Tensor<Scalar>? = nil,
  epsilon: Double = 1e-5
) throws(GeometryError) -> NormalizationGradients<Scalar> {
  try check(upstream: upstream.shape, output: input.shape)
  let core = try kind.standardization(input.shape, weight?.shape, nil, epsilon: epsilon)
  let (dx, dw, db) = core.gradients(
    upstream: upstream, input, core.statistics(of: input), weight: weight, statisticsAreGiven: false)
  let shape = kind.parameterAxis.map { Shape(Array(input.shape.dimensions[$0...])) } ?? [dw.count]
  return NormalizationGradients(
    input: dx, weight: Tensor(dw.prefix(shape.count).map { Scalar($0) }, shape: shape),
    bias: Tensor(db.prefix(shape.count).map { Scalar($0) }, shape: shape))
}

/// The gradients of ``normalizeGradients(upstream:input:_:weight:epsilon:)`` with respect to upstream, input
/// and weight.
/// - Parameters:
///   - inputGradient: dL/d(dx), of the input's shape.
///   - weightGradient: dL/d(dweight), zeros where nil.
///   - biasGradient: dL/d(dbias), zeros where nil.
///   - upstream: as it was given to the gradients.
///   - input: as it was given forward.
///   - kind: as it was given forward.
///   - weight: as it was given forward.
///   - epsilon: as it was given forward.
/// - Throws: ``GeometryError``.
public func normalizeSecondGradients<Scalar: FloatingScalar>(
  inputGradient: Tensor<Scalar>, weightGradient: Tensor<Scalar>? = nil, biasGradient: Tensor<Scalar>? = nil,
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, _ kind: Normalization, weight: Tensor<Scalar>? = nil,
  epsilon: Double = 1e-5
) throws(GeometryError) -> NormalizationSecondGradients<Scalar> {
  try check(upstream: upstream.shape, output: input.shape)
  try check(upstream: inputGradient.shape, output: input.shape)
  let core = try kind.standardization(
    input.shape, weight?.shape ?? weightGradient?.shape, biasGradient?.shape, epsilon: epsilon)
  let (du, dx, dw) = core.secondGradients(
    inputGradient, weight: weightGradient, bias: biasGradient, upstream: upstream, input,
    core.statistics(of: input), weight, statisticsAreGiven: false)
  return NormalizationSecondGradients(
    upstream: du, input: dx, weight: weight.map { Tensor(dw.map { Scalar($0) }, shape: $0.shape) })
}
