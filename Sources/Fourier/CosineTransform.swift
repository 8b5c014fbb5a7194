import RealModule
import Tensors

/// The cosine transform of type 2 along an axis: X_k = 2 sum over n of x_n cos(pi k (2n + 1) / 2N), as SciPy's `dct`.
/// - Parameters:
///   - x: numbers of any shape.
///   - axis: the axis; negative ones count from the last.
///   - isOrthonormal: divided by sqrt(2N), and the first by another sqrt(2), so that squares keep their sum.
/// - Source: Makhoul (1980), "A fast cosine transform in one and two dimensions".
/// - Throws: ``FourierError`` for an axis that is not there or has no elements.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func dct<Scalar: FourierScalar>(
  _ x: Tensor<Scalar>, axis: Int = -1, isOrthonormal: Bool = false
) throws(FourierError) -> Tensor<Scalar> {
  let axis = try checked([axis], x.shape)[0]
  let count = x.shape[axis]
  // Even elements forwards, then odd ones backwards.
  let order = stride(from: 0, to: count, by: 2) + stride(from: count - 1 - count % 2, to: 0, by: -2)
  let spectrum = try rfft(x.reordered(order, axis: axis), axes: [axis])
  let scale = isOrthonormal ? 1 / (2 * Scalar(count)).squareRoot() : 1
  return Tensor(unsafeUninitializedShape: x.shape) { out in
    spectrum.real.withUnsafeBufferPointer { re in
      spectrum.imaginary.withUnsafeBufferPointer { im in
        forEachLine(x.shape, axis) { line, step in
          let half = line.shortened(to: count / 2 + 1)
          for k in 0...count / 2 {
            let (c, s) = unitRoot(k, 4 * count)
            let (r, i) = (re[half + k * step], im[half + k * step])
            let factor = k == 0 && isOrthonormal ? scale * Scalar(0.5).squareRoot() : scale
            // (r + i m)(c - i s), doubled: its real part, and minus its imaginary part for N - k.
            out[line.first + k * step] = 2 * factor * (r * Scalar(c) + i * Scalar(s))
            if k > 0, 2 * k != count {
              out[line.first + (count - k) * step] = 2 * scale * (r * Scalar(s) - i * Scalar(c))
            }
          }
        }
      }
    }
  }
}

/// The cosine transform of type 3, the inverse of type 2: without `isOrthonormal` times 2N, as SciPy's.
/// - Throws: ``FourierError`` as ``dct(_:axis:isOrthonormal:)``.
@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
public func inverseDCT<Scalar: FourierScalar>(
  _ x: Tensor<Scalar>, axis: Int = -1, isOrthonormal: Bool = false
) throws(FourierError) -> Tensor<Scalar> {
  let axis = try checked([axis], x.shape)[0]
  let count = x.shape[axis]
  var sizes = x.shape.dimensions
  sizes[axis] = count / 2 + 1
  let shape = Shape(sizes)
  var spectrum = ComplexTensor<Scalar>(Tensor(zeros: shape))
  let scale = isOrthonormal ? (2 * Scalar(count)).squareRoot() / 2 : Scalar(count)
  x.withUnsafeBufferPointer { x in
    spectrum.withPointers { re, im in
      forEachLine(shape, axis) { line, step in
        let full = line.shortened(to: count)
        for k in 0...count / 2 {
          let (c, s) = unitRoot(k, 4 * count)
          let factor = k == 0 && isOrthonormal ? scale * Scalar(2).squareRoot() : scale
          let a = factor * x[full + k * step]
          let b = k == 0 ? 0 : scale * x[full + (count - k) * step]
          // (a - i b)(c + i s)
          re[line.first + k * step] = a * Scalar(c) + b * Scalar(s)
          im[line.first + k * step] = a * Scalar(s) - b * Scalar(c)
        }
      }
    }
  }
  let y = try irfft(spectrum, count: count, axes: [axis])
  let order = (0..<count).map { $0 % 2 == 0 ? $0 / 2 : count - 1 - $0 / 2 }
  return y.reordered(order, axis: axis)
}

/// A line of an axis: where it begins, and what is needed to find it in a tensor of another size along the axis.
private struct Line {
  let outer: Int
  let inner: Int
  let innerCount: Int
  let first: Int

  /// Where it begins in a tensor with another count along the axis.
  func shortened(to count: Int) -> Int { outer * innerCount * count + inner }
}

private func forEachLine(_ shape: Shape, _ axis: Int, _ body: (Line, Int) -> Void) {
  guard shape.count > 0 else { return }
  let innerCount = shape.dimensions[(axis + 1)...].reduce(1, *)
  let outerCount = shape.count / (innerCount * shape[axis])
  for outer in 0..<outerCount {
    for inner in 0..<innerCount {
      let first = outer * innerCount * shape[axis] + inner
      body(Line(outer: outer, inner: inner, innerCount: innerCount, first: first), innerCount)
    }
  }
}

extension Tensor where Scalar: FourierScalar {
  /// Element i along the axis is element order[i] of this.
  fileprivate func reordered(_ order: some Sequence<Int>, axis: Int) -> Tensor {
    let order = Array(order)
    return Tensor(unsafeUninitializedShape: shape) { out in
      withUnsafeBufferPointer { x in
        forEachLine(shape, axis) { line, step in
          for (i, j) in order.enumerated() { out[line.first + i * step] = x[line.first + j * step] }
        }
      }
    }
  }
}

private func + (a: StrideTo<Int>, b: StrideTo<Int>) -> [Int] { Array(a) + Array(b) }
