import Tensors

/// The product of two matrices.
///
/// y[i, j] = sum over k of a[i, k] * b[k, j]
/// - Parameters:
///   - a: `[M, K]`, or `[K, M]` where `transposeA`.
///   - b: `[K, N]`, or `[N, K]` where `transposeB`.
///   - transposeA: whether a is read along its columns.
///   - transposeB: whether b is read along its columns.
/// - Returns: `[M, N]`
/// - Throws: ``GeometryError`` where the shapes do not fit.
/// - Complexity: M * N * K multiply-adds, in float32 by register tiles, with a copy of a as workspace; a transposed b
///   is read as it lies.
/// - Source: PyTorch `matmul`; ONNX `Gemm`.
public func matmul<Scalar: FloatingScalar>(
  _ a: Tensor<Scalar>, _ b: Tensor<Scalar>, transposeA: Bool = false, transposeB: Bool = false
) throws(GeometryError) -> Tensor<Scalar> {
  guard a.shape.rank == 2, b.shape.rank == 2 else {
    throw .invalid("matrices of shapes \(a.shape) and \(b.shape): both must have rank 2")
  }
  let left = Matrix(a.shape, isTransposed: transposeA)
  let right = Matrix(b.shape, isTransposed: transposeB)
  guard left.columns == right.rows else {
    throw .invalid(
      "a matrix of \(left.rows)x\(left.columns) times one of \(right.rows)x\(right.columns): the inner sizes must "
        + "be equal")
  }
  try OutputSize.check(elements: [left.rows, right.columns])
  if let a = a as? Tensor<Float>, let b = b as? Tensor<Float>,
    let y = tiledProduct(a, left, b, right) as? Tensor<Scalar>
  {
    return y
  }
  return plainProduct(a, left, b, right)
}

/// The product of two float32 matrices in memory that is given, for programs.
package struct MatrixProduct: Sendable {
  private let left: Matrix
  private let right: Matrix

  /// - Precondition: the shapes fit.
  package init(_ a: Shape, _ b: Shape, transposeA: Bool = false, transposeB: Bool = false) {
    (left, right) = (Matrix(a, isTransposed: transposeA), Matrix(b, isTransposed: transposeB))
    precondition(left.columns == right.rows)
  }

  package func callAsFunction(
    _ a: Tensor<Float>, _ b: Tensor<Float>, into y: UnsafeMutablePointer<Float>
  ) {
    tiledProduct(a, left, b, right, into: y)
  }
}

/// Applies a fully connected layer.
///
/// y[n, o] = bias[o] + sum over i of x[n, i] * weight[o, i]
/// - Parameters:
///   - input: `[..., inFeatures]`
///   - weight: `[outFeatures, inFeatures]`
///   - bias: `[outFeatures]`
/// - Returns: `[..., outFeatures]`
/// - Throws: ``GeometryError`` where the shapes do not fit.
/// - Source: PyTorch `linear`.
public func linear<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil
) throws(GeometryError) -> Tensor<Scalar> {
  let rows = try rows(input, weight.shape)
  try check(bias: bias?.shape, channels: weight.shape[0])
  var y = try matmul(rows, weight, transposeB: true)
  if let bias = bias?.scalars {
    y.withUnsafeMutableBufferPointer { y in
      for i in y.indices { y[i] += bias[i % bias.count] }
    }
  }
  return y.reshaped(Shape(input.shape.dimensions.dropLast() + [weight.shape[0]]))
}

/// The gradients of ``linear(_:weight:bias:)`` with respect to input, weight and bias.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - input: as it was given forward.
///   - weight: as it was given forward.
/// - Throws: ``GeometryError``.
public func linearGradients<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, weight: Tensor<Scalar>
) throws(GeometryError) -> ConvGradients<Scalar> {
  let x = try rows(input, weight.shape)
  try check(
    upstream: upstream.shape, output: Shape(input.shape.dimensions.dropLast() + [weight.shape[0]]))
  let dy = upstream.reshaped([x.shape[0], weight.shape[0]])
  return ConvGradients(
    input: try matmul(dy, weight).reshaped(input.shape), weight: try matmul(dy, x, transposeA: true),
    bias: dy.sumPerChannel())
}

/// The gradients of ``linearGradients(upstream:input:weight:)`` with respect to upstream, input and weight.
///
/// With a = dL/d(dx), aw = dL/d(dweight) and ab = dL/d(dbias):
/// d upstream = a weight^T + input aw^T + ab, d input = upstream aw, d weight = upstream^T a.
/// - Parameters:
///   - inputGradient: dL/d(dx), of the input's shape.
///   - weightGradient: dL/d(dweight), of the weight's shape.
///   - biasGradient: dL/d(dbias), `[outFeatures]`; zeros where nil.
///   - upstream: as it was given to the gradients.
///   - input: as it was given forward.
///   - weight: as it was given forward.
/// - Throws: ``GeometryError``.
public func linearSecondGradients<Scalar: FloatingScalar>(
  inputGradient: Tensor<Scalar>, weightGradient: Tensor<Scalar>, biasGradient: Tensor<Scalar>? = nil,
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, weight: Tensor<Scalar>
) throws(GeometryError) -> ConvSecondGradients<Scalar> {
  try check(upstream: inputGradient.shape, output: input.shape)
  try check(upstream: weightGradient.shape, output: weight.shape)
  let du = zipMap(
    try linear(inputGradient, weight: weight, bias: biasGradient), try linear(input, weight: weightGradient)
  ) { $0 + $1 }
  let byWeight = try linearGradients(upstream: upstream, input: input, weight: weightGradient)
  let byInput = try linearGradients(upstream: upstream, input: inputGradient, weight: weight)
  return ConvSecondGradients(upstream: du, input: byWeight.input, weight: byInput.weight)
}

/// The input as a matrix of rows of features.
private func rows<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, _ weight: Shape
) throws(GeometryError) -> Tensor<Scalar> {
  guard weight.rank == 2, let features = input.shape.dimensions.last, features == weight[1] else {
    throw .invalid(
      "an input of shape \(input.shape) and a weight of \(weight): they must be [..., inFeatures] and "
        + "[outFeatures, inFeatures]")
  }
  return input.reshaped([input.shape.dimensions.dropLast().reduce(1, *), features])
}

/// How a matrix is read.
struct Matrix {
  let rows: Int
  let columns: Int
  let rowStep: Int
  let columnStep: Int

  init(_ shape: Shape, isTransposed: Bool) {
    (rows, columns) = isTransposed ? (shape[1], shape[0]) : (shape[0], shape[1])
    (rowStep, columnStep) = isTransposed ? (1, shape[1]) : (shape[1], 1)
  }
}

private func plainProduct<Scalar: FloatingScalar>(
  _ a: Tensor<Scalar>, _ left: Matrix, _ b: Tensor<Scalar>, _ right: Matrix
) -> Tensor<Scalar> {
  a.withUnsafeBufferPointer { a in
    b.withUnsafeBufferPointer { b in
      Tensor(unsafeUninitializedShape: [left.rows, right.columns]) { y in
        let y = y.baseAddress!
        ThreadPool.shared.parallelFor(left.rows) { i in
          let row = y + i * right.columns
          row.initialize(repeating: 0, count: right.columns)
          for k in 0..<left.columns {
            add(
              a[i * left.rowStep + k * left.columnStep], b.baseAddress! + k * right.rowStep, right.columnStep,
              to: row,
              count: right.columns)
          }
        }
      }
    }
  }
}

@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
private func add<Scalar: FloatingScalar>(
  _ weight: Scalar, _ x: UnsafePointer<Scalar>, _ step: Int, to y: UnsafeMutablePointer<Scalar>, count: Int
) {
  for j in 0..<count { y[j] += weight * x[j &* step] }
}
