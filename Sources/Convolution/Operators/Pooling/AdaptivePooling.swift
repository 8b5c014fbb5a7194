import Tensors

/// The greatest sample of each of as many windows as are asked for.
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - outputSize: one size an axis, or one for all.
/// - Returns: `[N, C, outputSize...]`, and the place of each greatest sample in its plane.
/// - Throws: ``GeometryError``.
/// - Source: PyTorch `adaptive_max_pool1d` to `3d`; with an output size of 1, ONNX `GlobalMaxPool`.
public func adaptiveMaxPool<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, outputSize: [Int]
) throws(GeometryError) -> (values: Tensor<Scalar>, indices: Tensor<Int64>) {
  PoolingLoops(try PoolingGeometry(input: input.shape, adaptiveOutput: outputSize)).extreme(input, .greatest)
}

/// The gradient of ``adaptiveMaxPool(_:outputSize:)`` with respect to its input. It is linear in `upstream`, so
/// its own gradient is ``gather(_:indices:)``.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - indices: as they came out forward.
///   - inputShape: of the input.
/// - Throws: ``GeometryError``, also for an index outside its plane.
public func adaptiveMaxPoolGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, indices: Tensor<Int64>, inputShape: Shape
) throws(GeometryError) -> Tensor<Scalar> {
  let size = Array(upstream.shape.dimensions.dropFirst(2))
  return try scatter(upstream, indices, PoolingGeometry(input: inputShape, adaptiveOutput: size))
}

/// The mean of each of as many windows as are asked for.
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - outputSize: one size an axis, or one for all.
/// - Returns: `[N, C, outputSize...]`
/// - Throws: ``GeometryError``.
/// - Source: PyTorch `adaptive_avg_pool1d` to `3d`; with an output size of 1, ONNX `GlobalAveragePool`.
public func adaptiveAveragePool<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, outputSize: [Int]
) throws(GeometryError) -> Tensor<Scalar> {
  PoolingLoops(try PoolingGeometry(input: input.shape, adaptiveOutput: outputSize)).average(input, .samples)
}

/// The gradient of ``adaptiveAveragePool(_:outputSize:)`` with respect to its input. It is linear in `upstream`,
/// so its own gradient is ``adaptiveAveragePool(_:outputSize:)``.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - inputShape: of the input.
/// - Throws: ``GeometryError``.
public func adaptiveAveragePoolGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, inputShape: Shape
) throws(GeometryError) -> Tensor<Scalar> {
  let size = Array(upstream.shape.dimensions.dropFirst(2))
  let geometry = try PoolingGeometry(input: inputShape, adaptiveOutput: size)
  try check(upstream: upstream.shape, output: geometry.outputShape)
  return PoolingLoops(geometry).averageGradient(upstream, .samples)
}

/// The greatest sample of each plane.
/// - Parameter input: `[N, C, spatial...]`; N may be 0.
/// - Returns: `[N, C, 1...]`, and the place of each greatest sample in its plane.
/// - Throws: ``GeometryError``.
/// - Source: ONNX `GlobalMaxPool`.
public func globalMaxPool<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>
) throws(GeometryError) -> (values: Tensor<Scalar>, indices: Tensor<Int64>) {
  try adaptiveMaxPool(input, outputSize: [1])
}

/// The mean of each plane.
/// - Parameter input: `[N, C, spatial...]`; N may be 0.
/// - Returns: `[N, C, 1...]`
/// - Throws: ``GeometryError``.
/// - Source: ONNX `GlobalAveragePool`.
public func globalAveragePool<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>
) throws(GeometryError) -> Tensor<Scalar> {
  try adaptiveAveragePool(input, outputSize: [1])
}
