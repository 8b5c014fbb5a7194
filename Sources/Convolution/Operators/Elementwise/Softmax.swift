import Microkernels
import RealModule
import Tensors

/// The exponentials of elements, divided by their sum along one axis.
///
/// y[i] = e^(x[i] - max) / sum over j of e^(x[j] - max), summed in float64, or in a
/// vector of float32 along the last axis
/// - Parameters:
///   - input: of any shape.
///   - axis: along which the results sum to 1.
/// - Throws: ``GeometryError`` for an axis that the input does not have.
/// - Source: PyTorch `softmax`; ONNX `Softmax`.
public func softmax<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, axis: Int
) throws(GeometryError) -> Tensor<Scalar> {
  if axis == input.shape.rank - 1, input.shape.count > 0, let x = input as? Tensor<Float>,
    let y = softmaxRows(x) as? Tensor<Scalar>
  {
    return y
  }
  return try mapRows(input, input, axis: axis) { x, _ in
    let greatest = x.max() ?? 0
    let exponentials = x.map { Double.exp($0 - greatest) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum }
  }
}

/// ``softmax(_:axis:)`` along the last axis.
private func softmaxRows(_ x: Tensor<Float>) -> Tensor<Float> {
  let kernels = Microkernels()
  let count = x.shape[x.shape.rank - 1]
  let rows = x.shape.count / count
  let some = max(1, (1 << 14) / count)
  return x.withUnsafeBufferPointer { x in
    Tensor(unsafeUninitializedShape: [rows, count]) { y in
      let (x, y) = (x.baseAddress!, y.baseAddress!)
      ThreadPool.shared.parallelFor(rows.dividedRoundingUp(by: some)) { piece in
        for row in piece * some..<min(rows, (piece + 1) * some) {
          kernels.softmaxRow(x + row * count, y + row * count, count: count)
        }
      }
    }
  }.reshaped(x.shape)
}

/// The gradient of ``softmax(_:axis:)`` with respect to its input: y * (u - sum of u * y).
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - output: as it came out forward.
///   - axis: as it was given forward.
/// - Throws: ``GeometryError``.
public func softmaxGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, output: Tensor<Scalar>, axis: Int
) throws(GeometryError) -> Tensor<Scalar> {
  try mapRows(upstream, output, axis: axis) { u, y in
    let dot = zip(u, y).reduce(0) { $0 + $1.0 * $1.1 }
    return zip(u, y).map { $1 * ($0 - dot) }
  }
}

/// The logarithm of ``softmax(_:axis:)``: x[i] - max - log of the sum.
/// - Parameters:
///   - input: of any shape.
///   - axis: along which the results' exponentials sum to 1.
/// - Throws: ``GeometryError`` for an axis that the input does not have.
/// - Source: PyTorch `log_softmax`; ONNX `LogSoftmax`.
public func logSoftmax<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, axis: Int
) throws(GeometryError) -> Tensor<Scalar> {
  try mapRows(input, input, axis: axis) { x, _ in
    let greatest = x.max() ?? 0
    let logarithm = Double.log(x.reduce(0) { $0 + Double.exp($1 - greatest) })
    return x.map { $0 - greatest - logarithm }
  }
}

/// The gradient of ``logSoftmax(_:axis:)`` with respect to its input: u - e^y * sum of u.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - output: as it came out forward.
///   - axis: as it was given forward.
/// - Throws: ``GeometryError``.
public func logSoftmaxGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, output: Tensor<Scalar>, axis: Int
) throws(GeometryError) -> Tensor<Scalar> {
  try mapRows(upstream, output, axis: axis) { u, y in
    let sum = u.reduce(0, +)
    return zip(u, y).map { $0 - Double.exp($1) * sum }
  }
}

/// The gradients of ``softmaxGradient(upstream:output:axis:)`` with respect to upstream and to softmax's input.
///
/// With y = softmax(x), a = dL/d(dx) and s = sum of u * y:
/// du = y * (a - sum of a * y); dx = softmax's gradient by g, g = a * (u - s) - u * sum of a * y.
/// - Parameters:
///   - inputGradient: dL/d(dx).
///   - upstream: as it was given to the gradient.
///   - output: softmax's, as it came out forward.
///   - axis: as it was given forward.
/// - Throws: ``GeometryError``.
public func softmaxSecondGradients<Scalar: FloatingScalar>(
  inputGradient: Tensor<Scalar>, upstream: Tensor<Scalar>, output: Tensor<Scalar>, axis: Int
) throws(GeometryError) -> (upstream: Tensor<Scalar>, input: Tensor<Scalar>) {
  try check(upstream: inputGradient.shape, output: output.shape)
  let du = try softmaxGradient(upstream: inputGradient, output: output, axis: axis)
  // Both sums belong to a row; each is spread over it by one more pass.
  func rowSum(_ v: Tensor<Scalar>) throws(GeometryError) -> Tensor<Scalar> {
    try mapRows(v, output, axis: axis) { v, y in
      let dot = zip(v, y).reduce(0) { $0 + $1.0 * $1.1 }
      return v.map { _ in dot }
    }
  }
  let (s, along) = (try rowSum(upstream), try rowSum(inputGradient))
  let first = zipMap(inputGradient, zipMap(upstream, s) { $0 - $1 }) { $0 * $1 }
  let g = zipMap(first, zipMap(upstream, along) { $0 * $1 }) { $0 - $1 }
  return (du, try softmaxGradient(upstream: g, output: output, axis: axis))
}

/// The gradients of ``logSoftmaxGradient(upstream:output:axis:)`` with respect to upstream and to logSoftmax's input.
///
/// With p = e^y and a = dL/d(dx): du = a - sum of a * p; dx = -(sum of u) * p * (a - sum of a * p).
/// - Parameters:
///   - inputGradient: dL/d(dx).
///   - upstream: as it was given to the gradient.
///   - output: logSoftmax's, as it came out forward.
///   - axis: as it was given forward.
/// - Throws: ``GeometryError``.
public func logSoftmaxSecondGradients<Scalar: FloatingScalar>(
  inputGradient: Tensor<Scalar>, upstream: Tensor<Scalar>, output: Tensor<Scalar>, axis: Int
) throws(GeometryError) -> (upstream: Tensor<Scalar>, input: Tensor<Scalar>) {
  try check(upstream: upstream.shape, output: output.shape)
  let du = try mapRows(inputGradient, output, axis: axis) { a, y in
    let dot = zip(a, y).reduce(0) { $0 + $1.0 * Double.exp($1.1) }
    return a.map { $0 - dot }
  }
  let sums = try mapRows(upstream, upstream, axis: axis) { u, _ in
    let sum = u.reduce(0, +)
    return u.map { _ in sum }
  }
  let along = try softmaxGradient(upstream: inputGradient, output: map(output) { Scalar.exp($0) }, axis: axis)
  return (du, zipMap(sums, along) { -$0 * $1 })
}

/// Calls `body` with the elements of two tensors along each row of one axis, and writes what it returns.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
private func mapRows<Scalar: FloatingScalar>(
  _ a: Tensor<Scalar>, _ b: Tensor<Scalar>, axis: Int, _ body: ([Double], [Double]) -> [Double]
) throws(GeometryError) -> Tensor<Scalar> {
  try check(upstream: a.shape, output: b.shape)
  guard (0..<a.shape.rank).contains(axis) else {
    throw .outOfRange("axis", axis, "from 0 to below the input's rank \(a.shape.rank)")
  }
  let (count, inner) = (a.shape[axis], a.shape.dimensions[(axis + 1)...].reduce(1, *))
  let rows = count == 0 ? 0 : a.shape.count / count
  return a.withUnsafeBufferPointer { a in
    b.withUnsafeBufferPointer { b in
      Tensor(unsafeUninitializedShape: [a.count]) { y in
        let y = y.baseAddress!
        ThreadPool.shared.parallelFor(rows) { row in
          let start = row / inner * count * inner + row % inner
          let places = (0..<count).map { start + $0 * inner }
          let results = body(places.map { Double(a[$0]) }, places.map { Double(b[$0]) })
          for (place, result) in zip(places, results) { (y + place).initialize(to: Scalar(result)) }
        }
      }
    }
  }.reshaped(a.shape)
}
