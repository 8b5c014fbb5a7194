import Tensors

/// The discrete Fourier transform along axes, all of them without `axes`: X_k = sum over n of x_n e^(-2 pi i k n / N).
///
/// Any length is fast: of small factors by radices 2, 3, 4, 5, 7, 8, 11 and 13, others by Bluestein's convolution. The error of
/// float32 is within 2^-24 times a few square roots of log2 N, as a part of the transform's root mean square.
/// - Throws: ``FourierError`` for an axis that is not there, stands twice, or has no elements.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func fft<Scalar: FourierScalar>(
  _ x: ComplexTensor<Scalar>, axes: [Int]? = nil
) throws(FourierError) -> ComplexTensor<Scalar> {
  var y = x
  try y.formFFT(axes: axes)
  return y
}

/// The inverse of ``fft(_:axes:)``: divided by the number of elements.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func ifft<Scalar: FourierScalar>(
  _ x: ComplexTensor<Scalar>, axes: [Int]? = nil
) throws(FourierError) -> ComplexTensor<Scalar> {
  var y = x
  try y.formInverseFFT(axes: axes)
  return y
}

/// The transform of real numbers: the last of the axes has its first N / 2 + 1 elements, the others follow from Hermitian
/// symmetry, X_(N-k) = conjugate of X_k.
/// - Throws: ``FourierError`` as ``fft(_:axes:)``.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func rfft<Scalar: FourierScalar>(
  _ x: Tensor<Scalar>, axes: [Int]? = nil
) throws(FourierError) -> ComplexTensor<Scalar> {
  let axes = try checked(axes, x.shape)
  guard let last = axes.last else { return ComplexTensor(x) }
  var sizes = x.shape.dimensions
  let count = sizes[last]
  sizes[last] = count / 2 + 1
  let shape = Shape(sizes)
  let inner = sizes[(last + 1)...].reduce(1, *)
  let lines = x.shape.count / count
  var y = ComplexTensor<Scalar>(
    real: Tensor(unsafeUninitializedShape: shape) { _ in },
    imaginary: Tensor(unsafeUninitializedShape: shape) { _ in })
  if lines == 1, count >= 2 * LinePlan<Scalar>.shortest {
    y = realLine(x, shape)
  } else if shape.count > 0 {
    x.withUnsafeBufferPointer { x in
      y.withPointers { re, im in
        AxisTransforms(count: count, lines: lines).real(
          LineAccess(x.baseAddress!, inner: inner, count: count),
          into: (
            LineAccess(re, inner: inner, count: count / 2 + 1),
            LineAccess(im, inner: inner, count: count / 2 + 1)
          ), scale: 1)
      }
    }
  }
  for axis in axes.dropLast() { transform(&y, axis: axis, inverse: false, scale: 1) }
  return y
}

/// The inverse of ``rfft(_:axes:)``.
/// - Parameters:
///   - x: the half of a spectrum.
///   - count: elements of the last of the axes, which the half of a spectrum leaves open: even, 2 (K - 1), without it.
///   - axes: as they were transformed.
/// - Throws: ``FourierError`` as ``fft(_:axes:)``, and for a count that the spectrum is not the half of.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func irfft<Scalar: FourierScalar>(
  _ x: ComplexTensor<Scalar>, count: Int? = nil, axes: [Int]? = nil
) throws(FourierError) -> Tensor<Scalar> {
  let axes = try checked(axes, x.shape)
  guard let last = axes.last else { return x.real }
  let half = x.shape[last]
  let count = count ?? max(1, 2 * (half - 1))
  guard count / 2 + 1 == half else {
    throw FourierError(
      "a spectrum of \(half) elements is the half of \(2 * half - 2) or \(2 * half - 1), not of \(count)")
  }
  var z = x
  for axis in axes.dropLast() {
    transform(&z, axis: axis, inverse: true, scale: 1 / Scalar(x.shape[axis]))
  }
  var sizes = x.shape.dimensions
  sizes[last] = count
  if x.shape.count == half, count >= 2 * LinePlan<Scalar>.shortest {
    return inverseRealLine(z, count, Shape(sizes))
  }
  let inner = sizes[(last + 1)...].reduce(1, *)
  let lines = x.shape.count / half
  var y = Tensor<Scalar>(unsafeUninitializedShape: Shape(sizes)) { _ in }
  y.withUnsafeMutableBufferPointer { out in
    guard let base = out.baseAddress, out.count > 0 else { return }
    z.withPointers { re, im in
      AxisTransforms(count: count, lines: lines).inverseReal(
        (LineAccess(re, inner: inner, count: half), LineAccess(im, inner: inner, count: half)),
        into: LineAccess(base, inner: inner, count: count), scale: 1 / Scalar(count))
    }
  }
  return y
}

/// Axes that are there, each once; negative ones count from the last.
func checked(_ axes: [Int]?, _ shape: Shape) throws(FourierError) -> [Int] {
  let axes = axes.map { $0.map { $0 < 0 ? $0 + shape.rank : $0 } } ?? Array(0..<shape.rank)
  for axis in axes {
    guard (0..<shape.rank).contains(axis) else {
      throw FourierError("axis \(axis) of a tensor of shape \(shape): axes are 0 to \(shape.rank - 1)")
    }
    guard shape[axis] > 0 else {
      throw FourierError("a transform along axis \(axis), which has no elements: at least one is needed")
    }
  }
  guard Set(axes).count == axes.count else { throw FourierError("the axes \(axes) name one twice") }
  return axes
}

/// One axis, in place.
func transform<Scalar: FourierScalar>(
  _ z: inout ComplexTensor<Scalar>, axis: Int, inverse: Bool, scale: Scalar
) {
  let (shape, count) = (z.shape, z.shape[axis])
  guard shape.count > 0 else { return }
  let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
  let lines = shape.count / count
  if lines == 1, count >= LinePlan<Scalar>.shortest {
    return (Plans.line(count) as LinePlan<Scalar>).run(&z, inverse: inverse, scale: scale)
  }
  z.withPointers { re, im in
    var access = (
      LineAccess(re, inner: inner, count: count), LineAccess(im, inner: inner, count: count)
    )
    if inverse { access = (access.1, access.0) }
    AxisTransforms(count: count, lines: lines).complex(access, into: access, scale: scale)
  }
}

extension ComplexTensor {
  /// Replaces this by its transform along axes: ``fft(_:axes:)`` in place.
  /// - Throws: ``FourierError`` as that.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public mutating func formFFT(axes: [Int]? = nil) throws(FourierError) {
    for axis in try checked(axes, shape) { transform(&self, axis: axis, inverse: false, scale: 1) }
  }

  /// Replaces this by its inverse transform along axes: ``ifft(_:axes:)`` in place.
  /// - Throws: ``FourierError`` as that.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public mutating func formInverseFFT(axes: [Int]? = nil) throws(FourierError) {
    for axis in try checked(axes, shape) {
      transform(&self, axis: axis, inverse: true, scale: 1 / Scalar(shape[axis]))
    }
  }

  mutating func withPointers(
    _ body: (UnsafeMutablePointer<Scalar>, UnsafeMutablePointer<Scalar>) -> Void
  ) {
    real.withUnsafeMutableBufferPointer { re in
      imaginary.withUnsafeMutableBufferPointer { im in
        guard let re = re.baseAddress, let im = im.baseAddress else { return }
        body(re, im)
      }
    }
  }
}
