import RealModule
import Tensors

/// How samples are raised to a power that is summed over a window.
public enum PowerSum: Sendable, Hashable {
  /// sum of |x|^p: the norm, as ONNX `LpPool` defines it.
  case absolute
  /// mean of x^p times the kernel's length, as PyTorch's `lp_pool` computes it: with odd powers signs survive,
  /// and a window cut off by `ceilMode` counts as if it were whole. NaN where the root of a negative sum is
  /// asked for.
  case signed
}

/// The p-norm of each window.
///
/// y[n, c, o] = (sum over t of |x[n, c, o * stride + t * dilation - padBegin]|^p)^(1 / p)
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - p: the power, above 0.
///   - options: the window and how it moves.
///   - powers: absolute, or as PyTorch takes them.
/// - Returns: `[N, C, spatial...]`, sizes by ``OutputSize/convolutionFormula`` or ``OutputSize/ceilFormula``.
/// - Throws: ``GeometryError``, also for a p that is not positive.
/// - Source: ONNX `LpPool`; PyTorch `lp_pool1d` to `3d`.
public func lpPool<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, p: Double = 2, _ options: PoolingGeometry.Options, powers: PowerSum = .absolute
) throws(GeometryError) -> Tensor<Scalar> {
  let loops = PoolingLoops<Scalar>(try PoolingGeometry(input: input.shape, options))
  return try LpNorm(p, powers, loops).forward(input)
}

/// The p-norm of each plane.
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - p: the power, above 0.
/// - Returns: `[N, C, 1...]`
/// - Throws: ``GeometryError``.
/// - Source: ONNX `GlobalLpPool`.
public func globalLpPool<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, p: Double = 2
) throws(GeometryError) -> Tensor<Scalar> {
  let loops = PoolingLoops<Scalar>(try PoolingGeometry(input: input.shape, adaptiveOutput: [1]))
  return try LpNorm(p, .absolute, loops).forward(input)
}

/// The gradient of ``lpPool(_:p:_:powers:)`` with respect to its input; 0 where a window's sum is.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - input: as it was given forward.
///   - p: as it was given forward.
///   - options: as they were given forward.
///   - powers: as they were given forward.
/// - Throws: ``GeometryError``.
public func lpPoolGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, p: Double = 2, _ options: PoolingGeometry.Options,
  powers: PowerSum = .absolute
) throws(GeometryError) -> Tensor<Scalar> {
  let loops = PoolingLoops<Scalar>(try PoolingGeometry(input: input.shape, options))
  try check(upstream: upstream.shape, output: loops.geometry.outputShape)
  return try LpNorm(p, powers, loops).gradient(upstream, input)
}

/// The gradient of ``globalLpPool(_:p:)`` with respect to its input.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - input: as it was given forward.
///   - p: as it was given forward.
/// - Throws: ``GeometryError``.
public func globalLpPoolGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, p: Double = 2
) throws(GeometryError) -> Tensor<Scalar> {
  let loops = PoolingLoops<Scalar>(try PoolingGeometry(input: input.shape, adaptiveOutput: [1]))
  try check(upstream: upstream.shape, output: loops.geometry.outputShape)
  return try LpNorm(p, .absolute, loops).gradient(upstream, input)
}

/// The gradients of ``lpPoolGradient(upstream:input:p:_:powers:)`` with respect to upstream and input.
/// - Parameters:
///   - inputGradient: dL/d(dx), of the input's shape.
///   - upstream: as it was given to the gradient.
///   - input: as it was given forward.
///   - p: as it was given forward.
///   - options: as they were given forward.
///   - powers: as they were given forward.
/// - Throws: ``GeometryError``.
public func lpPoolSecondGradients<Scalar: FloatingScalar>(
  inputGradient: Tensor<Scalar>, upstream: Tensor<Scalar>, input: Tensor<Scalar>, p: Double = 2,
  _ options: PoolingGeometry.Options, powers: PowerSum = .absolute
) throws(GeometryError) -> (upstream: Tensor<Scalar>, input: Tensor<Scalar>) {
  let loops = PoolingLoops<Scalar>(try PoolingGeometry(input: input.shape, options))
  try check(upstream: upstream.shape, output: loops.geometry.outputShape)
  try check(upstream: inputGradient.shape, output: input.shape)
  return try LpNorm(p, powers, loops).secondGradients(inputGradient, upstream, input)
}

private struct LpNorm<Scalar: FloatingScalar> {
  let p: Scalar
  let powers: PowerSum
  let loops: PoolingLoops<Scalar>

  init(_ p: Double, _ powers: PowerSum, _ loops: PoolingLoops<Scalar>) throws(GeometryError) {
    guard p > 0, p.isFinite else {
      throw .invalid("a p of \(p): it must be positive and finite")
    }
    self.p = Scalar(p)
    self.powers = powers
    self.loops = loops
  }

  /// x^n, of the magnitude or with its sign.
  @inline(__always)
  private func power(_ x: Scalar, _ n: Scalar) -> Scalar {
    if n == 0 { return 1 }
    if n == 1 { return powers == .absolute ? abs(x) : x }
    if n == 2 { return x * x }
    if powers == .absolute { return Scalar.pow(abs(x), n) }
    // The power of a negative number is real for whole exponents alone.
    return n == n.rounded() ? Scalar.pow(x, Int(n)) : Scalar.pow(x, n)
  }

  /// d power(x, p) / dx / p
  @inline(__always)
  private func slope(_ x: Scalar) -> Scalar {
    if powers == .absolute { return x == 0 ? 0 : power(x, p - 1) * (x < 0 ? -1 : 1) }
    return power(x, p - 1)
  }

  /// What a window's sum is multiplied by.
  @inline(__always)
  private func scale(
    _ z: PoolingLoops<Scalar>.Reach, _ y: PoolingLoops<Scalar>.Reach, _ x: PoolingLoops<Scalar>.Reach
  ) -> Scalar {
    guard powers == .signed, let windows = loops.geometry.windows else { return 1 }
    let whole = windows.reduce(1) { $0 * $1.kernel }
    return Scalar(whole) / Scalar(loops.count(z, y, x, .paddedWindow))
  }

  @inline(__always)
  private func norm(_ sum: Scalar) -> Scalar {
    if p == 1 { return sum }
    return p == 2 ? sum.squareRoot() : Scalar.pow(sum, 1 / p)
  }

  /// y^(1 - p), which is 1 for p = 1 also where y is negative.
  @inline(__always)
  private func steepness(_ y: Scalar) -> Scalar { p == 1 ? 1 : Scalar.pow(y, 1 - p) }

  func forward(_ x: Tensor<Scalar>) -> Tensor<Scalar> {
    loops.pooled(x) { input, _, output in forward(input, into: output) }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func forward(_ input: UnsafePointer<Scalar>, into y: UnsafeMutablePointer<Scalar>) {
    loops.forEachWindow { output, z, row, column in
      var sum: Scalar = 0
      loops.forEachSample(z, row, column) { sum += power(input[$0], p) }
      (y + output).initialize(to: norm(sum * scale(z, row, column)))
    }
  }

  /// dx[i] = sum over the windows o that hold i of u[o] * y[o]^(1 - p) * scale * slope(x[i])
  func gradient(_ upstream: Tensor<Scalar>, _ x: Tensor<Scalar>) -> Tensor<Scalar> {
    x.withUnsafeBufferPointer { x in
      upstream.withUnsafeBufferPointer { upstream in
        loops.scattered { plane, dx in
          let input = x.baseAddress! + plane * loops.inputPlane
          let u = upstream.baseAddress! + plane * loops.outputPlane
          loops.forEachWindow { output, z, row, column in
            let scale = scale(z, row, column)
            var sum: Scalar = 0
            loops.forEachSample(z, row, column) { sum += power(input[$0], p) }
            if sum == 0 { return }
            let factor = u[output] * steepness(norm(sum * scale)) * scale
            loops.forEachSample(z, row, column) { dx[$0] += factor * slope(input[$0]) }
          }
        }
      }
    }
  }

  /// With A[o] = scale * sum of a[i] * slope(x[i]):
  /// du[o] = y^(1 - p) * A, dx[i] = sum of u * scale * ((1 - p) * y^(1 - 2p) * slope(x[i]) * A
  /// + y^(1 - p) * a[i] * (p - 1) * |x[i]|^(p - 2))
  func secondGradients(
    _ a: Tensor<Scalar>, _ upstream: Tensor<Scalar>, _ x: Tensor<Scalar>
  ) -> (upstream: Tensor<Scalar>, input: Tensor<Scalar>) {
    var du = Tensor<Scalar>(zeros: upstream.shape)
    let dx = du.withUnsafeMutableBufferPointer { du in
      nonisolated(unsafe) let du = du
      return x.withUnsafeBufferPointer { x in
        a.withUnsafeBufferPointer { a in
          upstream.withUnsafeBufferPointer { upstream in
            loops.scattered { plane, dx in
              let (start, first) = (plane * loops.inputPlane, plane * loops.outputPlane)
              loops.forEachWindow { output, z, row, column in
                let scale = scale(z, row, column)
                var (sum, along): (Scalar, Scalar) = (0, 0)
                loops.forEachSample(z, row, column) {
                  sum += power(x[start + $0], p)
                  along += a[start + $0] * slope(x[start + $0])
                }
                if sum == 0 { return }
                let y = norm(sum * scale)
                let (root, u) = (steepness(y), upstream[first + output])
                du[first + output] = root * scale * along
                loops.forEachSample(z, row, column) { i in
                  let value = x[start + i]
                  var change = (1 - p) * root * root / y * slope(value) * scale * along
                  if p != 1, value != 0 {
                    change += root * a[start + i] * (p - 1) * slope(value) / value
                  }
                  dx[i] += u * scale * change
                }
              }
            }
          }
        }
      }
    }
    return (du, dx)
  }
}
