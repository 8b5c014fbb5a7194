import Tensors

// The operators under PyTorch's names, one for each rank, with its arguments. As there, an input without a batch axis
// gives an output without one.

/// Cross-correlates `[N, C, L]` or `[C, L]` with `[K, C / groups, kernel]`: ``conv(_:weight:bias:_:errorBudget:)`` along one axis.
/// - Source: PyTorch `conv1d`.
public func conv1d<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil, stride: PerAxis = 1,
  padding: Padding = .valid, dilation: PerAxis = 1, groups: Int = 1
) throws(GeometryError) -> Tensor<Scalar> {
  try batched(input, spatialAxes: 1) { (x) throws(GeometryError) in
    try conv(x, weight: weight, bias: bias, .init(stride, padding, dilation, groups))
  }
}

/// Cross-correlates `[N, C, H, W]` or `[C, H, W]` with `[K, C / groups, kernel height, kernel width]`:
/// ``conv(_:weight:bias:_:errorBudget:)`` along two axes.
/// - Source: PyTorch `conv2d`.
public func conv2d<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil, stride: PerAxis = 1,
  padding: Padding = .valid, dilation: PerAxis = 1, groups: Int = 1
) throws(GeometryError) -> Tensor<Scalar> {
  try batched(input, spatialAxes: 2) { (x) throws(GeometryError) in
    try conv(x, weight: weight, bias: bias, .init(stride, padding, dilation, groups))
  }
}

/// Cross-correlates `[N, C, D, H, W]` or `[C, D, H, W]` with `[K, C / groups, kernel depth, height, width]`:
/// ``conv(_:weight:bias:_:errorBudget:)`` along three axes.
/// - Source: PyTorch `conv3d`.
public func conv3d<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil, stride: PerAxis = 1,
  padding: Padding = .valid, dilation: PerAxis = 1, groups: Int = 1
) throws(GeometryError) -> Tensor<Scalar> {
  try batched(input, spatialAxes: 3) { (x) throws(GeometryError) in
    try conv(x, weight: weight, bias: bias, .init(stride, padding, dilation, groups))
  }
}

/// ``convTranspose(_:weight:bias:_:outputPadding:errorBudget:)`` of `[N, C, L]` or `[C, L]` along one axis.
/// - Source: PyTorch `conv_transpose1d`.
public func convTranspose1d<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil, stride: PerAxis = 1,
  padding: Padding = .valid, outputPadding: PerAxis = 0, dilation: PerAxis = 1, groups: Int = 1
) throws(GeometryError) -> Tensor<Scalar> {
  try batched(input, spatialAxes: 1) { (x) throws(GeometryError) in
    try convTranspose(
      x, weight: weight, bias: bias, .init(stride, padding, dilation, groups),
      outputPadding: outputPadding.values)
  }
}

/// ``convTranspose(_:weight:bias:_:outputPadding:errorBudget:)`` of `[N, C, H, W]` or `[C, H, W]` along two axes.
/// - Source: PyTorch `conv_transpose2d`.
public func convTranspose2d<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil, stride: PerAxis = 1,
  padding: Padding = .valid, outputPadding: PerAxis = 0, dilation: PerAxis = 1, groups: Int = 1
) throws(GeometryError) -> Tensor<Scalar> {
  try batched(input, spatialAxes: 2) { (x) throws(GeometryError) in
    try convTranspose(
      x, weight: weight, bias: bias, .init(stride, padding, dilation, groups),
      outputPadding: outputPadding.values)
  }
}

/// ``convTranspose(_:weight:bias:_:outputPadding:errorBudget:)`` of `[N, C, D, H, W]` or `[C, D, H, W]` along three axes.
/// - Source: PyTorch `conv_transpose3d`.
public func convTranspose3d<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil, stride: PerAxis = 1,
  padding: Padding = .valid, outputPadding: PerAxis = 0, dilation: PerAxis = 1, groups: Int = 1
) throws(GeometryError) -> Tensor<Scalar> {
  try batched(input, spatialAxes: 3) { (x) throws(GeometryError) in
    try convTranspose(
      x, weight: weight, bias: bias, .init(stride, padding, dilation, groups),
      outputPadding: outputPadding.values)
  }
}

extension ConvolutionGeometry.Options {
  fileprivate init(_ stride: PerAxis, _ padding: Padding, _ dilation: PerAxis, _ groups: Int) {
    self.init(stride: stride.values, padding: padding, dilation: dilation.values, groups: groups)
  }
}

/// Calls `body` with a batch: of the input, or of it alone.
private func batched<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, spatialAxes: Int, _ body: (Tensor<Scalar>) throws(GeometryError) -> Tensor<Scalar>
) throws(GeometryError) -> Tensor<Scalar> {
  switch input.shape.rank {
  case spatialAxes + 2: return try body(input)
  case spatialAxes + 1:
    let y = try body(input.reshaped(Shape([1] + input.shape.dimensions)))
    return y.reshaped(Shape(Array(y.shape.dimensions.dropFirst())))
  default:
    throw .invalid(
      "an input of shape \(input.shape) has rank \(input.shape.rank): it must be [N, C] or [C], and "
        + "\(spatialAxes) spatial sizes")
  }
}
