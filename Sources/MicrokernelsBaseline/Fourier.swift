import CIntrinsics

// Fourier transforms of sixteen lanes side by side. Decimation in frequency: every pass but the last works in place or from
// its source, the last one puts elements in order. Lanes never meet, so that no vector is shuffled.

/// One pass. See `ConvolveFourierPass`.
@inline(never)
public func fourierPass(_ pass: UnsafePointer<ConvolveFourierPass>) {
  let p = pass.pointee
  var b = 0
  while b < p.blocks {
    let isLast = p.twiddles == nil
    let yBase = isLast ? Int(p.targets[b]) : b &* p.radix &* p.length
    let yNext = (isLast ? p.targetStep : p.length) &* p.yStep
    let xNext = p.length &* p.xStep
    var j = 0
    while j < p.length {
      let x = (b &* p.radix &* p.length &+ j) &* p.xStep
      let y = (yBase &+ j) &* p.yStep
      var lane = 0
      while lane < 16 {
        let (xr, xi) = (p.xr + (x &+ lane), p.xi + (x &+ lane))
        let (yr, yi) = (p.yr + (y &+ lane), p.yi + (y &+ lane))
        // One call for each way, so that what is stored is settled outside the butterfly.
        if let twiddles = p.twiddles {
          let w = twiddles + j &* (p.radix &- 1) &* 2
          butterfly(p, xr, xi, xNext, yr, yi, yNext, w, 1)
        } else {
          butterfly(p, xr, xi, xNext, yr, yi, yNext, nil, p.scale)
        }
        lane = lane &+ lanes
      }
      j = j &+ 1
    }
    b = b &+ 1
  }
}

@inline(always)
func butterfly(
  _ p: ConvolveFourierPass, _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, _ xNext: Int,
  _ yr: UnsafeMutablePointer<Float>, _ yi: UnsafeMutablePointer<Float>, _ n: Int,
  _ w: UnsafePointer<Float>?, _ s: Float
) {
  switch p.radix {
  case 8: butterfly8(xr, xi, xNext, yr, yi, n, w, s)
  case 4: butterfly4(xr, xi, xNext, yr, yi, n, w, s)
  case 5: butterfly5(xr, xi, xNext, yr, yi, n, w, s)
  case 3: butterfly3(xr, xi, xNext, yr, yi, n, w, s)
  case 2: butterfly2(xr, xi, xNext, yr, yi, n, w, s)
  default: butterflyOdd(xr, xi, xNext, yr, yi, n, w, s, p.radix, p.roots, p.work)
  }
}

/// y[e] = x[e] * t[e] * scale in every lane, t being complex numbers one after another, for e in 0 ..< count.
@inline(never)
public func multiplyLanes(
  _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, xStep: Int, _ t: UnsafePointer<Float>, scale: Float,
  _ yr: UnsafeMutablePointer<Float>, _ yi: UnsafeMutablePointer<Float>, yStep: Int, count: Int
) {
  var e = 0
  while e < count {
    let (wr, wi) = (Vector(repeating: t[2 &* e] * scale), Vector(repeating: t[2 &* e &+ 1] * scale))
    var lane = 0
    while lane < 16 {
      let (r, i) = (load(xr + (e &* xStep &+ lane)), load(xi + (e &* xStep &+ lane)))
      store(multiplySubtract(r * wr, i, wi), yr + (e &* yStep &+ lane))
      store(multiplyAdd(r * wi, i, wr), yi + (e &* yStep &+ lane))
      lane = lane &+ lanes
    }
    e = e &+ 1
  }
}

/// x = x * t, sixteen lanes of complex numbers an element: real parts, then imaginary ones, of x and t alike.
@inline(never)
public func multiplyLaneSpectra(_ x: UnsafeMutablePointer<Float>, _ t: UnsafePointer<Float>, count: Int) {
  var e = 0
  while e < count {
    var lane = 0
    while lane < 16 {
      let (p, q) = (x + (32 &* e &+ lane), t + (32 &* e &+ lane))
      let (r, i, wr, wi) = (load(p), load(p + 16), load(q), load(q + 16))
      store(multiplySubtract(r * wr, i, wi), p)
      store(multiplyAdd(r * wi, i, wr), p + 16)
      lane = lane &+ lanes
    }
    e = e &+ 1
  }
}

/// x = x * t, complex numbers of separate parts, element by element: exactly `count` of them.
@inline(never)
public func multiplySpectra(
  _ xr: UnsafeMutablePointer<Float>, _ xi: UnsafeMutablePointer<Float>, _ tr: UnsafePointer<Float>,
  _ ti: UnsafePointer<Float>, count: Int
) {
  var e = 0
  while e &+ lanes <= count {
    let (r, i, wr, wi) = (load(xr + e), load(xi + e), load(tr + e), load(ti + e))
    store(multiplySubtract(r * wr, i, wi), xr + e)
    store(multiplyAdd(r * wi, i, wr), xi + e)
    e = e &+ lanes
  }
  while e < count {
    let (r, i) = (xr[e], xi[e])
    xr[e] = r * tr[e] - i * ti[e]
    xi[e] = r * ti[e] + i * tr[e]
    e = e &+ 1
  }
}

/// Two real transforms out of one complex transform z of theirs (the first real, the second imaginary), of `n` elements of 32
/// floats: transform 1's element k is put at place k, transform 2's at place n + 1 - k, for k in 0 ... n / 2.
@inline(never)
public func separateLanes(_ z: UnsafeMutablePointer<Float>, n: Int) {
  let half = Vector(repeating: 0.5)
  let zero = Vector(repeating: 0)
  var lane = 0
  while lane < 16 {
    let base = z + lane
    store(load(base + 16), base + (n &+ 1) &* 32)
    store(zero, base + ((n &+ 1) &* 32 &+ 16))
    store(zero, base + 16)
    var k = 1
    while 2 &* k <= n {
      let (a, b, c) = (base + k &* 32, base + (n &- k) &* 32, base + (n &+ 1 &- k) &* 32)
      let (ar, ai, br, bi) = (load(a) * half, load(a + 16) * half, load(b) * half, load(b + 16) * half)
      store(ar + br, a)
      store(ai - bi, a + 16)
      store(ai + bi, c)
      store(br - ar, c + 16)
      k = k &+ 1
    }
    lane = lane &+ lanes
  }
}

/// The reverse of `separateLanes`: places k and n + 1 - k, for k in 0 ... n / 2, become elements 0 ..< n of one transform.
/// The imaginary parts that a real sequence does not have, of elements 0 and n / 2, are taken as zeros.
@inline(never)
public func joinLanes(_ z: UnsafeMutablePointer<Float>, n: Int) {
  var lane = 0
  while lane < 16 {
    let base = z + lane
    var k = n / 2
    while k > 0 {
      let (a, b, c) = (base + k &* 32, base + (n &- k) &* 32, base + (n &+ 1 &- k) &* 32)
      let (ar, cr) = (load(a), load(c))
      var (ai, ci) = (load(a + 16), load(c + 16))
      if 2 &* k == n { (ai, ci) = (Vector(repeating: 0), Vector(repeating: 0)) }
      store(ar + ci, b)
      store(cr - ai, b + 16)
      store(ar - ci, a)
      store(cr + ai, a + 16)
      k = k &- 1
    }
    store(load(base + (n &+ 1) &* 32), base + 16)
    lane = lane &+ lanes
  }
}

/// `a - b * c`, fused where the instruction set can.
@inline(always)
func multiplySubtract(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
  #if AVX512 || AVX2 || arch(arm64)
    return a.addingProduct(-b, c)
  #else
    return a - b * c
  #endif
}

/// Output q of a butterfly, stored q * n further: times its twiddle, which is 1 for q = 0, or without twiddles times a scale.
@inline(always)
func put(
  _ r: Vector, _ m: Vector, _ q: Int, _ w: UnsafePointer<Float>?, _ s: Float,
  _ yr: UnsafeMutablePointer<Float>, _ yi: UnsafeMutablePointer<Float>, _ n: Int
) {
  let (toR, toI) = (yr + q &* n, yi + q &* n)
  guard let w, q > 0 else {
    store(r * s, toR)
    store(m * s, toI)
    return
  }
  let (wr, wi) = (Vector(repeating: w[2 &* q &- 2]), Vector(repeating: w[2 &* q &- 1]))
  store(multiplySubtract(r * wr, m, wi), toR)
  store(multiplyAdd(r * wi, m, wr), toI)
}
