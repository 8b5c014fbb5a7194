import Tensors

/// Cross-correlates a batch with learned kernels, as deep learning's "convolution" does, along one, two or
/// three spatial axes.
///
/// y[n, k, o] = bias[k] + sum over c, t of x[n, c, o * stride + t * dilation - padBegin] * weight[k, c, t]
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - weight: `[K, C / groups, spatial...]`
///   - bias: `[K]`
///   - options: stride, padding, dilation, groups. Every padding mode and extent works for every rank.
///   - errorBudget: how far results in float32 may be from the definition's.
/// - Returns: `[N, K, spatial...]`, sizes by ``OutputSize/convolutionFormula``.
/// - Accuracy: each output is a sum of C / groups * taps products in one order: within that many units in the
///   last place of the sum of their magnitudes.
/// - Throws: ``GeometryError`` where shapes do not fit together or nothing would come out, before anything is
///   allocated.
/// - Complexity: N * K * C / groups * taps * outputs multiply-adds. The workspace in float32 is a copy of the weight
///   and some 100 KiB a thread; in float64 there is none. ``ConvolutionPlan`` prepares the weight once for many inputs,
///   and knows faster algorithms.
/// - Source: PyTorch `conv1d`, `conv2d`, `conv3d`; ONNX `Conv`.
public func conv<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil,
  _ options: ConvolutionGeometry.Options = .init(),
  errorBudget: ConvolutionPlan.ErrorBudget = .default
) throws(GeometryError) -> Tensor<Scalar> {
  let geometry = try ConvolutionGeometry(input: input.shape, weight: weight.shape, options)
  try check(bias: bias?.shape, channels: geometry.outChannels)
  return try convolutionForward(geometry, input, weight, bias, errorBudget)
}

/// The gradients of ``conv(_:weight:bias:_:errorBudget:)``.
public struct ConvGradients<Scalar: TensorScalar>: Sendable {
  public let input: Tensor<Scalar>
  public let weight: Tensor<Scalar>
  public let bias: Tensor<Scalar>
}

/// The gradients of ``conv(_:weight:bias:_:errorBudget:)`` with respect to input, weight and bias, through every padding
/// mode.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - input: as it was given forward.
///   - weight: as it was given forward.
///   - options: as they were given forward.
///   - errorBudget: how far results in float32 may be from the definition's.
/// - Throws: ``GeometryError``, as forward, and for an upstream of another shape.
/// - Complexity: twice the multiply-adds of the forward convolution. The workspace in float32 is a copy of the
///   upstream gradient and of the weight, a padded input's gradient where the padding has samples, and some hundreds of
///   KiB a thread.
public func convGradients<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, weight: Tensor<Scalar>,
  _ options: ConvolutionGeometry.Options = .init(),
  errorBudget: ConvolutionPlan.ErrorBudget = .default
) throws(GeometryError) -> ConvGradients<Scalar> {
  let geometry = try ConvolutionGeometry(input: input.shape, weight: weight.shape, options)
  try check(upstream: upstream.shape, output: geometry.outputShape)
  return ConvGradients(
    input: try convolutionInputGradient(geometry, upstream, weight, nil, errorBudget),
    weight: convolutionWeightGradient(geometry, upstream, input), bias: upstream.sumPerChannel())
}

/// The gradient of ``conv(_:weight:bias:_:errorBudget:)`` with respect to its input alone.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - weight: as it was given forward.
///   - inputShape: of the input.
///   - options: as they were given forward.
///   - errorBudget: how far results in float32 may be from the definition's.
/// - Throws: ``GeometryError``, as forward, and for an upstream of another shape.
/// - Source: PyTorch `torch.nn.grad.conv2d_input`.
public func convInputGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, weight: Tensor<Scalar>, inputShape: Shape,
  _ options: ConvolutionGeometry.Options = .init(),
  errorBudget: ConvolutionPlan.ErrorBudget = .default
) throws(GeometryError) -> Tensor<Scalar> {
  let geometry = try ConvolutionGeometry(input: inputShape, weight: weight.shape, options)
  try check(upstream: upstream.shape, output: geometry.outputShape)
  return try convolutionInputGradient(geometry, upstream, weight, nil, errorBudget)
}

/// The gradient of ``conv(_:weight:bias:_:errorBudget:)`` with respect to its weight alone.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - input: as it was given forward.
///   - weightShape: of the weight.
///   - options: as they were given forward.
/// - Throws: ``GeometryError``, as forward, and for an upstream of another shape.
/// - Source: PyTorch `torch.nn.grad.conv2d_weight`.
public func convWeightGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, weightShape: Shape,
  _ options: ConvolutionGeometry.Options = .init()
) throws(GeometryError) -> Tensor<Scalar> {
  let geometry = try ConvolutionGeometry(input: input.shape, weight: weightShape, options)
  try check(upstream: upstream.shape, output: geometry.outputShape)
  return convolutionWeightGradient(geometry, upstream, input)
}

/// The transposed convolution: the input gradient of a convolution, used forwards to enlarge.
///
/// y[n, k, i] = bias[k] + sum over c, (o, t) with o * stride + t * dilation - padBegin = i of
/// x[n, c, o] * weight[c, k, t]
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - weight: `[C, K / groups, spatial...]`
///   - bias: `[K]`
///   - options: of the convolution that this one is the transpose of; padding with zeros, which takes samples
///     away.
///   - outputPadding: samples added at the end of each axis; below the greater of stride and dilation.
///   - errorBudget: how far results in float32 may be from the definition's.
/// - Returns: `[N, K, spatial...]`, sizes by ``OutputSize/transposedFormula``.
/// - Throws: ``GeometryError``.
/// - Source: PyTorch `conv_transpose1d` to `3d`; ONNX `ConvTranspose`.
public func convTranspose<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil,
  _ options: ConvolutionGeometry.Options = .init(), outputPadding: [Int] = [0],
  errorBudget: ConvolutionPlan.ErrorBudget = .default
) throws(GeometryError) -> Tensor<Scalar> {
  let geometry = try ConvolutionGeometry(
    transposedInput: input.shape, weight: weight.shape, options, outputPadding: outputPadding)
  try check(bias: bias?.shape, channels: geometry.inChannels)
  return try convolutionInputGradient(geometry, input, weight, bias, errorBudget)
}

/// The gradients of ``convTranspose(_:weight:bias:_:outputPadding:errorBudget:)`` with respect to input, weight and bias.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - input: as it was given forward.
///   - weight: as it was given forward.
///   - options: as they were given forward.
///   - outputPadding: as it was given forward.
///   - errorBudget: how far results in float32 may be from the definition's.
/// - Throws: ``GeometryError``, as forward, and for an upstream of another shape.
public func convTransposeGradients<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, weight: Tensor<Scalar>,
  _ options: ConvolutionGeometry.Options = .init(), outputPadding: [Int] = [0],
  errorBudget: ConvolutionPlan.ErrorBudget = .default
) throws(GeometryError) -> ConvGradients<Scalar> {
  let geometry = try ConvolutionGeometry(
    transposedInput: input.shape, weight: weight.shape, options, outputPadding: outputPadding)
  try check(upstream: upstream.shape, output: geometry.inputShape)
  // Transposed again: upstream takes the place of the convolution's input.
  return ConvGradients(
    input: try convolutionForward(geometry, upstream, weight, nil, errorBudget),
    weight: convolutionWeightGradient(geometry, input, upstream), bias: upstream.sumPerChannel())
}

func check(bias: Shape?, channels: Int) throws(GeometryError) {
  if let bias, bias != [channels] {
    throw .invalid("a bias of shape \(bias) for \(channels) output channels: it must be [\(channels)]")
  }
}

func check(upstream: Shape, output: Shape) throws(GeometryError) {
  guard upstream == output else {
    throw .invalid("an upstream gradient of shape \(upstream): it must have the output's, \(output)")
  }
}
