import Tensors

// One long real sequence. Of an even count, its even and odd elements are the parts of one complex sequence half as long.

/// The first count / 2 + 1 elements of a sequence's transform.
func realLine<Scalar: FourierScalar>(_ x: Tensor<Scalar>, _ shape: Shape) -> ComplexTensor<Scalar> {
  let (count, half) = (x.shape.count, x.shape.count / 2)
  if count % 2 == 1 {
    var z = ComplexTensor(x)
    (Plans.line(count) as LinePlan<Scalar>).run(&z, inverse: false, scale: 1)
    func first(_ t: Tensor<Scalar>) -> Tensor<Scalar> {
      t.withUnsafeBufferPointer { Tensor($0[...half], shape: shape) }
    }
    return ComplexTensor(real: first(z.real), imaginary: first(z.imaginary))
  }
  var z = x.withUnsafeBufferPointer { x in
    ComplexTensor<Scalar>(
      real: Tensor(unsafeUninitializedShape: [half]) { out in
        for k in 0..<half { out.initializeElement(at: k, to: x[2 * k]) }
      },
      imaginary: Tensor(unsafeUninitializedShape: [half]) { out in
        for k in 0..<half { out.initializeElement(at: k, to: x[2 * k + 1]) }
      })
  }
  (Plans.line(half) as LinePlan<Scalar>).run(&z, inverse: false, scale: 1)
  var y = ComplexTensor<Scalar>(
    real: Tensor(unsafeUninitializedShape: shape) { _ in },
    imaginary: Tensor(unsafeUninitializedShape: shape) { _ in })
  let roots = Plans.roots(count) as Tensor<Scalar>
  y.withPointers { re, im in
    z.withPointers { zr, zi in
      roots.withUnsafeBufferPointer { roots in
        for k in 0...half {
          let (a, b) = (k % half, (half - k) % half)
          // E and O are the transforms of the even and odd elements.
          let (er, ei) = ((zr[a] + zr[b]) / 2, (zi[a] - zi[b]) / 2)
          let (or, oi) = ((zi[a] + zi[b]) / 2, (zr[b] - zr[a]) / 2)
          let (c, s) = (roots[2 * k], -roots[2 * k + 1])
          (re[k], im[k]) = (er + or * c - oi * s, ei + or * s + oi * c)
        }
      }
    }
  }
  return y
}

/// The sequence of `count` elements, of the first count / 2 + 1 elements of its transform.
func inverseRealLine<Scalar: FourierScalar>(
  _ x: ComplexTensor<Scalar>, _ count: Int, _ shape: Shape
) -> Tensor<Scalar> {
  let half = count / 2
  let (re, im) = (x.real.scalars, x.imaginary.scalars)
  if count % 2 == 1 {
    var z = ComplexTensor<Scalar>(
      real: Tensor((0..<count).map { re[min($0, count - $0)] }, shape: [count]),
      imaginary: Tensor(
        (0..<count).map { $0 == 0 ? 0 : $0 <= half ? im[$0] : -im[count - $0] }, shape: [count]))
    (Plans.line(count) as LinePlan<Scalar>).run(&z, inverse: true, scale: 1 / Scalar(count))
    return z.real.reshaped(shape)
  }
  let roots = Plans.roots(count) as Tensor<Scalar>
  var z = ComplexTensor<Scalar>(
    real: Tensor(unsafeUninitializedShape: [half]) { _ in },
    imaginary: Tensor(unsafeUninitializedShape: [half]) { _ in })
  z.withPointers { zr, zi in
    roots.withUnsafeBufferPointer { roots in
      for k in 0..<half {
        // Elements 0 and N / 2 of a real sequence's transform are real.
        let (ai, bi) = (k == 0 ? 0 : im[k], k == 0 ? 0 : -im[half - k])
        let (er, ei) = ((re[k] + re[half - k]) / 2, (ai + bi) / 2)
        let (dr, di) = ((re[k] - re[half - k]) / 2, (ai - bi) / 2)
        let (c, s) = (roots[2 * k], roots[2 * k + 1])
        let (or, oi) = (dr * c - di * s, dr * s + di * c)
        (zr[k], zi[k]) = (er - oi, ei + or)
      }
    }
  }
  (Plans.line(half) as LinePlan<Scalar>).run(&z, inverse: true, scale: 1 / Scalar(half))
  return z.withUnsafeParts { zr, zi in
    Tensor(unsafeUninitializedShape: shape) { out in
      for k in 0..<half {
        out.initializeElement(at: 2 * k, to: zr[k])
        out.initializeElement(at: 2 * k + 1, to: zi[k])
      }
    }
  }
}

extension ComplexTensor {
  fileprivate func withUnsafeParts<Result>(
    _ body: (UnsafeBufferPointer<Scalar>, UnsafeBufferPointer<Scalar>) -> Result
  ) -> Result {
    real.withUnsafeBufferPointer { re in imaginary.withUnsafeBufferPointer { im in body(re, im) } }
  }
}
