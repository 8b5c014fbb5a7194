import CIntrinsics

// y_q = sum over k of x_k e^(-2 pi i k q / radix), of one vector of lanes. `dftN` take and give real and imaginary parts;
// `butterflyN` multiply outputs by twiddles or, without, by a scale.

typealias Complex2 = (r0: Vector, i0: Vector, r1: Vector, i1: Vector)
typealias Complex3 = (r0: Vector, i0: Vector, r1: Vector, i1: Vector, r2: Vector, i2: Vector)
typealias Complex4 = (
  r0: Vector, i0: Vector, r1: Vector, i1: Vector, r2: Vector, i2: Vector, r3: Vector, i3: Vector
)
typealias Complex5 = (
  r0: Vector, i0: Vector, r1: Vector, i1: Vector, r2: Vector, i2: Vector, r3: Vector, i3: Vector, r4: Vector,
  i4: Vector
)

@inline(always)
func dft2(_ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ next: Int) -> Complex2 {
  let (r0, i0, r1, i1) = (load(xr), load(xi), load(xr + next), load(xi + next))
  return (r0 + r1, i0 + i1, r0 - r1, i0 - i1)
}

@inline(always)
func dft3(_ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ next: Int) -> Complex3 {
  let (r0, i0) = (load(xr), load(xi))
  let (r1, i1) = (load(xr + next), load(xi + next))
  let (r2, i2) = (load(xr + 2 &* next), load(xi + 2 &* next))
  let (sr, si) = (r1 + r2, i1 + i2)
  let sine: Float = 0.866025403784438646763723170752936183
  let (dr, di) = ((r1 - r2) * sine, (i1 - i2) * sine)
  let half = Vector(repeating: 0.5)
  let (mr, mi) = (multiplySubtract(r0, sr, half), multiplySubtract(i0, si, half))
  return (r0 + sr, i0 + si, mr + di, mi - dr, mr - di, mi + dr)
}

@inline(always)
func dft4(
  _ r0: Vector, _ i0: Vector, _ r1: Vector, _ i1: Vector, _ r2: Vector, _ i2: Vector, _ r3: Vector,
  _ i3: Vector
) -> Complex4 {
  let (ar, ai, br, bi) = (r0 + r2, i0 + i2, r0 - r2, i0 - i2)
  let (cr, ci, dr, di) = (r1 + r3, i1 + i3, r1 - r3, i1 - i3)
  return (ar + cr, ai + ci, br + di, bi - dr, ar - cr, ai - ci, br - di, bi + dr)
}

@inline(always)
func dft4(_ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ next: Int) -> Complex4 {
  dft4(
    load(xr), load(xi), load(xr + next), load(xi + next), load(xr + 2 &* next), load(xi + 2 &* next),
    load(xr + 3 &* next), load(xi + 3 &* next))
}

@inline(always)
func dft5(_ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ next: Int) -> Complex5 {
  let (r0, i0) = (load(xr), load(xi))
  let (r1, i1) = (load(xr + next), load(xi + next))
  let (r2, i2) = (load(xr + 2 &* next), load(xi + 2 &* next))
  let (r3, i3) = (load(xr + 3 &* next), load(xi + 3 &* next))
  let (r4, i4) = (load(xr + 4 &* next), load(xi + 4 &* next))
  let c1 = Vector(repeating: 0.309016994374947424102293417182819059)
  let c2 = Vector(repeating: -0.809016994374947424102293417182819059)
  let s1 = Vector(repeating: 0.951056516295153572116439333379382143)
  let s2 = Vector(repeating: 0.587785252292473129168705954639072769)
  let (ar, ai, br, bi) = (r1 + r4, i1 + i4, r2 + r3, i2 + i3)
  let (dr, di, er, ei) = (r1 - r4, i1 - i4, r2 - r3, i2 - i3)
  let (pr, pi) = (
    multiplyAdd(multiplyAdd(r0, ar, c1), br, c2), multiplyAdd(multiplyAdd(i0, ai, c1), bi, c2)
  )
  let (qr, qi) = (
    multiplyAdd(multiplyAdd(r0, ar, c2), br, c1), multiplyAdd(multiplyAdd(i0, ai, c2), bi, c1)
  )
  let (ur, ui) = (multiplyAdd(di * s1, ei, s2), multiplyAdd(dr * s1, er, s2))
  let (vr, vi) = (multiplySubtract(di * s2, ei, s1), multiplySubtract(dr * s2, er, s1))
  return (
    r0 + ar + br, i0 + ai + bi, pr + ur, pi - ui, qr + vr, qi - vi, qr - vr, qi + vi, pr - ur, pi + ui
  )
}

/// Outputs 0, 2, 4, 6 and 1, 3, 5, 7.
@inline(always)
func dft8(
  _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ next: Int
) -> (even: Complex4, odd: Complex4) {
  let (x0r, x0i, x4r, x4i) = (load(xr), load(xi), load(xr + 4 &* next), load(xi + 4 &* next))
  let (x1r, x1i) = (load(xr + next), load(xi + next))
  let (x5r, x5i) = (load(xr + 5 &* next), load(xi + 5 &* next))
  let (x2r, x2i) = (load(xr + 2 &* next), load(xi + 2 &* next))
  let (x6r, x6i) = (load(xr + 6 &* next), load(xi + 6 &* next))
  let (x3r, x3i) = (load(xr + 3 &* next), load(xi + 3 &* next))
  let (x7r, x7i) = (load(xr + 7 &* next), load(xi + 7 &* next))
  let even = dft4(
    x0r + x4r, x0i + x4i, x1r + x5r, x1i + x5i, x2r + x6r, x2i + x6i, x3r + x7r, x3i + x7i)
  let root: Float = 0.707106781186547524400844362104849039
  let (b1r, b1i, b3r, b3i) = (x1r - x5r, x1i - x5i, x3r - x7r, x3i - x7i)
  let odd = dft4(
    x0r - x4r, x0i - x4i, (b1r + b1i) * root, (b1i - b1r) * root, x2i - x6i, x6r - x2r, (b3i - b3r) * root,
    (b3r + b3i) * -root)
  return (even, odd)
}

@inline(always)
func butterfly2(
  _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ xNext: Int, _ yr: UnsafeMutablePointer<Float>,
  _ yi: UnsafeMutablePointer<Float>, _ n: Int, _ w: UnsafePointer<Float>?, _ s: Float
) {
  let y = dft2(xr, xi, xNext)
  put(y.r0, y.i0, 0, w, s, yr, yi, n)
  put(y.r1, y.i1, 1, w, s, yr, yi, n)
}

@inline(always)
func butterfly3(
  _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ xNext: Int, _ yr: UnsafeMutablePointer<Float>,
  _ yi: UnsafeMutablePointer<Float>, _ n: Int, _ w: UnsafePointer<Float>?, _ s: Float
) {
  let y = dft3(xr, xi, xNext)
  put(y.r0, y.i0, 0, w, s, yr, yi, n)
  put(y.r1, y.i1, 1, w, s, yr, yi, n)
  put(y.r2, y.i2, 2, w, s, yr, yi, n)
}

@inline(always)
func butterfly4(
  _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ xNext: Int, _ yr: UnsafeMutablePointer<Float>,
  _ yi: UnsafeMutablePointer<Float>, _ n: Int, _ w: UnsafePointer<Float>?, _ s: Float
) {
  let y = dft4(xr, xi, xNext)
  put(y.r0, y.i0, 0, w, s, yr, yi, n)
  put(y.r1, y.i1, 1, w, s, yr, yi, n)
  put(y.r2, y.i2, 2, w, s, yr, yi, n)
  put(y.r3, y.i3, 3, w, s, yr, yi, n)
}

@inline(always)
func butterfly5(
  _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ xNext: Int, _ yr: UnsafeMutablePointer<Float>,
  _ yi: UnsafeMutablePointer<Float>, _ n: Int, _ w: UnsafePointer<Float>?, _ s: Float
) {
  let y = dft5(xr, xi, xNext)
  put(y.r0, y.i0, 0, w, s, yr, yi, n)
  put(y.r1, y.i1, 1, w, s, yr, yi, n)
  put(y.r2, y.i2, 2, w, s, yr, yi, n)
  put(y.r3, y.i3, 3, w, s, yr, yi, n)
  put(y.r4, y.i4, 4, w, s, yr, yi, n)
}

@inline(always)
func butterfly8(
  _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ xNext: Int, _ yr: UnsafeMutablePointer<Float>,
  _ yi: UnsafeMutablePointer<Float>, _ n: Int, _ w: UnsafePointer<Float>?, _ s: Float
) {
  let (e, o) = dft8(xr, xi, xNext)
  put(e.r0, e.i0, 0, w, s, yr, yi, n)
  put(o.r0, o.i0, 1, w, s, yr, yi, n)
  put(e.r1, e.i1, 2, w, s, yr, yi, n)
  put(o.r1, o.i1, 3, w, s, yr, yi, n)
  put(e.r2, e.i2, 4, w, s, yr, yi, n)
  put(o.r2, o.i2, 5, w, s, yr, yi, n)
  put(e.r3, e.i3, 6, w, s, yr, yi, n)
  put(o.r3, o.i3, 7, w, s, yr, yi, n)
}

/// Any odd radix, by sums and differences of inputs k and radix - k, kept in `work`: of twiddles or, without, of a scale.
@inline(always)
func butterflyOdd(
  _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ xNext: Int, _ yr: UnsafeMutablePointer<Float>,
  _ yi: UnsafeMutablePointer<Float>, _ n: Int, _ w: UnsafePointer<Float>?, _ s: Float, _ radix: Int,
  _ roots: UnsafePointer<Float>, _ work: UnsafeMutablePointer<Float>
) {
  let half = (radix &- 1) / 2
  let (r0, i0) = (load(xr), load(xi))
  var (sumR, sumI) = (r0, i0)
  var k = 1
  while k <= half {
    let (ar, ai) = (load(xr + k &* xNext), load(xi + k &* xNext))
    let (br, bi) = (load(xr + (radix &- k) &* xNext), load(xi + (radix &- k) &* xNext))
    let place = work + k &* 64
    store(ar + br, place)
    store(ai + bi, place + 16)
    store(ar - br, place + 32)
    store(ai - bi, place + 48)
    sumR += ar + br
    sumI += ai + bi
    k = k &+ 1
  }
  put(sumR, sumI, 0, w, s, yr, yi, n)
  var q = 1
  while q <= half {
    var (ar, ai) = (r0, i0)
    var (br, bi) = (Vector(repeating: 0), Vector(repeating: 0))
    var m = 0
    k = 1
    while k <= half {
      m = m &+ q
      if m >= radix { m = m &- radix }
      let (cosine, sine) = (Vector(repeating: roots[2 &* m]), Vector(repeating: roots[2 &* m &+ 1]))
      let place = work + k &* 64
      ar = multiplyAdd(ar, load(place), cosine)
      ai = multiplyAdd(ai, load(place + 16), cosine)
      br = multiplyAdd(br, load(place + 48), sine)
      bi = multiplyAdd(bi, load(place + 32), sine)
      k = k &+ 1
    }
    let other = radix &- q
    put(ar + br, ai - bi, q, w, s, yr, yi, n)
    put(ar - br, ai + bi, other, w, s, yr, yi, n)
    q = q &+ 1
  }
}
