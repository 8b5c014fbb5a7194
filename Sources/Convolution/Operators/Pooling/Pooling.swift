import Tensors

/// What an average pooling divides a window's sum by.
public enum AverageDivisor: Sendable, Hashable {
  /// The window's length with its padding, as far as the padded input reaches (PyTorch's and ONNX's
  /// `count_include_pad`).
  case paddedWindow
  /// The samples of the input in it.
  case samples
  /// The same number everywhere (PyTorch's `divisor_override`).
  case fixed(Int)
}

/// The greatest sample of each window.
///
/// y[n, c, o] = max over t of x[n, c, o * stride + t * dilation - padBegin], padding left out.
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - options: the window and how it moves.
/// - Returns: `[N, C, spatial...]`, sizes by ``OutputSize/convolutionFormula`` or ``OutputSize/ceilFormula``; and
///   the place of each greatest sample in its plane, the first of equals. NaN counts as the greatest. A window
///   whose dilated taps all miss the input gives -infinity, at place -1.
/// - Throws: ``GeometryError``.
/// - Source: PyTorch `max_pool1d` to `3d`; ONNX `MaxPool`.
public func maxPool<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, _ options: PoolingGeometry.Options
) throws(GeometryError) -> (values: Tensor<Scalar>, indices: Tensor<Int64>) {
  PoolingLoops(try PoolingGeometry(input: input.shape, options)).extreme(input, .greatest)
}

/// The values of ``maxPool(_:_:)`` without their places, which takes a fraction of the time: for inference.
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - options: the window and how it moves.
/// - Throws: ``GeometryError``.
/// - Source: PyTorch `max_pool1d` to `3d`.
public func maxPoolValues<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, _ options: PoolingGeometry.Options
) throws(GeometryError) -> Tensor<Scalar> {
  let geometry = try PoolingGeometry(input: input.shape, options)
  if let input = input as? Tensor<Float>, let y = geometry.maximum(input) as? Tensor<Scalar> { return y }
  return PoolingLoops(geometry).extreme(input, .greatest).values
}

/// The least sample of each window.
///
/// y[n, c, o] = min over t of x[n, c, o * stride + t * dilation - padBegin], padding left out.
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - options: the window and how it moves.
/// - Returns: `[N, C, spatial...]`, and the place of each least sample in its plane, the first of equals. NaN
///   counts as the least. Its gradient is ``maxPoolGradient(upstream:indices:inputShape:_:)``.
/// - Throws: ``GeometryError``.
/// - Source: -`max_pool`(-x) in PyTorch.
public func minPool<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, _ options: PoolingGeometry.Options
) throws(GeometryError) -> (values: Tensor<Scalar>, indices: Tensor<Int64>) {
  PoolingLoops(try PoolingGeometry(input: input.shape, options)).extreme(input, .least)
}

/// The gradient of ``maxPool(_:_:)`` and ``minPool(_:_:)`` with respect to their input. It is linear in
/// `upstream`, so its own gradient is ``gather(_:indices:)``.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - indices: as they came out forward.
///   - inputShape: of the input.
///   - options: as they were given forward.
/// - Throws: ``GeometryError``, also for an index outside its plane.
public func maxPoolGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, indices: Tensor<Int64>, inputShape: Shape, _ options: PoolingGeometry.Options
) throws(GeometryError) -> Tensor<Scalar> {
  try scatter(upstream, indices, PoolingGeometry(input: inputShape, options))
}

func scatter<Scalar: FloatingScalar>(
  _ upstream: Tensor<Scalar>, _ indices: Tensor<Int64>, _ geometry: PoolingGeometry
) throws(GeometryError) -> Tensor<Scalar> {
  try check(upstream: upstream.shape, output: geometry.outputShape)
  try check(upstream: indices.shape, output: geometry.outputShape)
  try check(indices, plane: geometry.input.reduce(1, *), lowest: -1)
  return PoolingLoops(geometry).maxGradient(upstream, indices)
}

/// The mean of each window.
///
/// y[n, c, o] = 1 / divisor * sum over t of x[n, c, o * stride + t * dilation - padBegin]
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - options: the window and how it moves.
///   - divisor: what sums are divided by.
/// - Returns: `[N, C, spatial...]`, sizes by ``OutputSize/convolutionFormula`` or ``OutputSize/ceilFormula``.
/// - Throws: ``GeometryError``, also for a divisor below 1.
/// - Source: PyTorch `avg_pool1d` to `3d`; ONNX `AveragePool`.
public func averagePool<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, _ options: PoolingGeometry.Options, divisor: AverageDivisor = .paddedWindow
) throws(GeometryError) -> Tensor<Scalar> {
  try check(divisor)
  let geometry = try PoolingGeometry(input: input.shape, options)
  if let input = input as? Tensor<Float>, let y = geometry.average(input, divisor) as? Tensor<Scalar> {
    return y
  }
  return PoolingLoops(geometry).average(input, divisor)
}

/// The gradient of ``averagePool(_:_:divisor:)`` with respect to its input. It is linear in `upstream`, so its own
/// gradient is ``averagePool(_:_:divisor:)``.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - inputShape: of the input.
///   - options: as they were given forward.
///   - divisor: as it was given forward.
/// - Throws: ``GeometryError``.
public func averagePoolGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, inputShape: Shape, _ options: PoolingGeometry.Options,
  divisor: AverageDivisor = .paddedWindow
) throws(GeometryError) -> Tensor<Scalar> {
  try check(divisor)
  let geometry = try PoolingGeometry(input: inputShape, options)
  try check(upstream: upstream.shape, output: geometry.outputShape)
  return PoolingLoops(geometry).averageGradient(upstream, divisor)
}

func check(_ divisor: AverageDivisor) throws(GeometryError) {
  if case .fixed(let value) = divisor, value < 1 { throw .outOfRange("divisor", value, "at least 1") }
}
