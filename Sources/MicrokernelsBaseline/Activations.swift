import CIntrinsics

// What is done to a convolution's outputs while they are in the first-level cache: a residual is added, an activation
// applied, the maximum of 2x2 outputs taken. NaN stays NaN.

/// Rows of outputs; see `ConvolveActivation`, and `CONVOLVE_IDENTITY` and so on for the functions.
@inline(never)
public func activate(_ t: UnsafePointer<ConvolveActivation>, function: Int32) {
  switch function {
  case CONVOLVE_RELU: activateRelu(t)
  case CONVOLVE_LEAKY_RELU: activateLeakyRelu(t)
  case CONVOLVE_RELU6: activateRelu6(t)
  case CONVOLVE_SIGMOID: activateSigmoid(t)
  case CONVOLVE_SILU: activateSilu(t)
  case CONVOLVE_TANH: activateTanh(t)
  case CONVOLVE_ELU: activateElu(t)
  case CONVOLVE_GELU: activateGelu(t)
  case CONVOLVE_HARDSWISH: activateHardswish(t)
  case CONVOLVE_SOFTPLUS: activateSoftplus(t)
  default: activateIdentity(t)
  }
}

// One function for each activation, so that its constants stay in registers.

@inline(never)
func activateIdentity(_ t: UnsafePointer<ConvolveActivation>) { eachVector(t.pointee, CONVOLVE_IDENTITY) }
@inline(never)
func activateRelu(_ t: UnsafePointer<ConvolveActivation>) { eachVector(t.pointee, CONVOLVE_RELU) }
@inline(never)
func activateLeakyRelu(_ t: UnsafePointer<ConvolveActivation>) { eachVector(t.pointee, CONVOLVE_LEAKY_RELU) }
@inline(never)
func activateRelu6(_ t: UnsafePointer<ConvolveActivation>) { eachVector(t.pointee, CONVOLVE_RELU6) }
@inline(never)
func activateSigmoid(_ t: UnsafePointer<ConvolveActivation>) { eachVector(t.pointee, CONVOLVE_SIGMOID) }
@inline(never)
func activateSilu(_ t: UnsafePointer<ConvolveActivation>) { eachVector(t.pointee, CONVOLVE_SILU) }
@inline(never)
func activateTanh(_ t: UnsafePointer<ConvolveActivation>) { eachVector(t.pointee, CONVOLVE_TANH) }
@inline(never)
func activateElu(_ t: UnsafePointer<ConvolveActivation>) { eachVector(t.pointee, CONVOLVE_ELU) }
@inline(never)
func activateGelu(_ t: UnsafePointer<ConvolveActivation>) { eachVector(t.pointee, CONVOLVE_GELU) }
@inline(never)
func activateHardswish(_ t: UnsafePointer<ConvolveActivation>) { eachVector(t.pointee, CONVOLVE_HARDSWISH) }
@inline(never)
func activateSoftplus(_ t: UnsafePointer<ConvolveActivation>) { eachVector(t.pointee, CONVOLVE_SOFTPLUS) }

/// Exactly the outputs are written; whole vectors are read. The function is named, and not a closure, which would not be
/// inlined.
@inline(always)
func eachVector(_ t: ConvolveActivation, _ function: Int32) {
  var (x, y) = (t.x, t.y)
  var residual = t.residual
  var r = 0
  while r < t.rows {
    var i = 0
    while i < t.columns {
      var sum = load(x + i)
      if let residual { sum += load(residual + i) }
      let result = activation(function, sum, t.parameter)
      storeFirst(t.columns &- i, result, y + i)
      i = i &+ lanes
    }
    x += t.stride
    y += t.stride
    if let next = residual { residual = next + t.stride }
    r = r &+ 1
  }
}

@inline(always)
func activation(_ function: Int32, _ x: Vector, _ parameter: Float) -> Vector {
  let (zero, one) = (Vector(repeating: 0), Vector(repeating: 1))
  switch function {
  case CONVOLVE_RELU: return maximum(zero, x)
  case CONVOLVE_LEAKY_RELU: return x.replacing(with: x * Vector(repeating: parameter), where: x .<= zero)
  case CONVOLVE_RELU6: return minimum(Vector(repeating: 6), maximum(zero, x))
  case CONVOLVE_SIGMOID: return one / (one + exponential(-x))
  case CONVOLVE_SILU: return x / (one + exponential(-x))
  case CONVOLVE_TANH: return hyperbolicTangent(x)
  case CONVOLVE_ELU:
    return x.replacing(with: exponentialLessOne(x) * Vector(repeating: parameter), where: x .<= zero)
  case CONVOLVE_GELU: return x * normalDistribution(x)
  case CONVOLVE_HARDSWISH:
    let three = Vector(repeating: 3)
    let inside = x * (x + three) / Vector(repeating: 6)
    return inside.replacing(with: zero, where: x .<= -three).replacing(with: x, where: x .>= three)
  case CONVOLVE_SOFTPLUS: return maximum(zero, x) + logarithmOfOneAnd(exponential(-magnitude(x)))
  default: return x
  }
}

/// e^x, to about two units in the last place; results below 2^-126 are 2^-126.
///
/// x = n log 2 + r, and e^r is a polynomial: Cephes' `expf` (S. Moshier).
@inline(always)
func exponential(_ x: Vector) -> Vector {
  let clamped = maximum(Vector(repeating: -87.33), minimum(Vector(repeating: 89), x))
  // Added to a small float, 1.5 * 2^23 leaves its nearest integer in the low bits.
  let rounder = Vector(repeating: 12_582_912)
  let shifted = multiplyAdd(rounder, clamped, Vector(repeating: 1.442_695_04))
  let n = shifted - rounder
  let r = multiplyAdd(
    multiplyAdd(clamped, n, Vector(repeating: -0.693_359_375)), n, Vector(repeating: 2.121_944_4e-4))
  let p = multiplyAdd(r + Vector(repeating: 1), exponentialTail(r), r * r)
  // 2^(n - 1), then twice: n may be 128.
  let exponent = unsafeBitCast(shifted, to: IntVector.self) &- IntVector(repeating: 0x4B40_0000 - 126)
  return p * unsafeBitCast(exponent &<< IntVector(repeating: 23), to: Vector.self) * Vector(repeating: 2)
}

/// p of e^r = 1 + r + p r^2, for |r| up to log 2 / 2.
@inline(always)
func exponentialTail(_ r: Vector) -> Vector {
  var p = Vector(repeating: 1.987_569_15e-4)
  p = multiplyAdd(Vector(repeating: 1.398_199_95e-3), p, r)
  p = multiplyAdd(Vector(repeating: 8.333_451_9e-3), p, r)
  p = multiplyAdd(Vector(repeating: 4.166_579_6e-2), p, r)
  p = multiplyAdd(Vector(repeating: 1.666_666_55e-1), p, r)
  return multiplyAdd(Vector(repeating: 5.000_000_12e-1), p, r)
}

/// e^x - 1, for x <= 0, to about two units in the last place.
@inline(always)
func exponentialLessOne(_ x: Vector) -> Vector {
  let near = multiplyAdd(x, exponentialTail(x), x * x)
  return (exponential(x) - Vector(repeating: 1)).replacing(with: near, where: x .> Vector(repeating: -0.34))
}

/// log(1 + u), for u from 0 to 1: twice the area tangent of u / (2 + u), whose series has 1/19 (1/9)^9 left.
@inline(always)
func logarithmOfOneAnd(_ u: Vector) -> Vector {
  let s = u / (u + Vector(repeating: 2))
  let square = s * s
  var p = Vector(repeating: 2.0 / 17)
  p = multiplyAdd(Vector(repeating: 2.0 / 15), p, square)
  p = multiplyAdd(Vector(repeating: 2.0 / 13), p, square)
  p = multiplyAdd(Vector(repeating: 2.0 / 11), p, square)
  p = multiplyAdd(Vector(repeating: 2.0 / 9), p, square)
  p = multiplyAdd(Vector(repeating: 2.0 / 7), p, square)
  p = multiplyAdd(Vector(repeating: 2.0 / 5), p, square)
  p = multiplyAdd(Vector(repeating: 2.0 / 3), p, square)
  return multiplyAdd(s + s, s * square, p)
}

/// The normal distribution's Phi(x) = erfc(-x / sqrt 2) / 2, to 1.2e-7 and the rounding of x^2 / 2.
///
/// erfc by Chebyshev's polynomial in t = 1 / (1 + z / 2): W. Press and others, Numerical Recipes, 6.2.
@inline(always)
func normalDistribution(_ x: Vector) -> Vector {
  let one = Vector(repeating: 1)
  let z = magnitude(x) * Vector(repeating: 0.707_106_78)
  let t = one / multiplyAdd(one, z, Vector(repeating: 0.5))
  var p = Vector(repeating: 0.170_872_77)
  p = multiplyAdd(Vector(repeating: -0.822_152_23), p, t)
  p = multiplyAdd(Vector(repeating: 1.488_515_87), p, t)
  p = multiplyAdd(Vector(repeating: -1.135_203_98), p, t)
  p = multiplyAdd(Vector(repeating: 0.278_868_07), p, t)
  p = multiplyAdd(Vector(repeating: -0.186_288_06), p, t)
  p = multiplyAdd(Vector(repeating: 0.096_784_18), p, t)
  p = multiplyAdd(Vector(repeating: 0.374_091_96), p, t)
  p = multiplyAdd(Vector(repeating: 1.000_023_68), p, t)
  p = multiplyAdd(Vector(repeating: -1.265_512_23), p, t)
  let tail = t * exponential(multiplyAdd(p, z, -z)) * Vector(repeating: 0.5)
  return tail.replacing(with: one - tail, where: x .> Vector(repeating: 0))
}

@inline(always)
func magnitude(_ x: Vector) -> Vector { x.replacing(with: -x, where: x .< Vector(repeating: 0)) }

/// Near 0 by Cephes' polynomial, whose last places 1 - 2 / (e^2x + 1) would lose.
@inline(always)
func hyperbolicTangent(_ x: Vector) -> Vector {
  let magnitude = magnitude(x)
  let one = Vector(repeating: 1)
  let far = one - Vector(repeating: 2) / (exponential(magnitude + magnitude) + one)
  let square = x * x
  var p = Vector(repeating: -5.704_988_73e-3)
  p = multiplyAdd(Vector(repeating: 2.063_908_87e-2), p, square)
  p = multiplyAdd(Vector(repeating: -5.373_971_53e-2), p, square)
  p = multiplyAdd(Vector(repeating: 1.333_144_18e-1), p, square)
  p = multiplyAdd(Vector(repeating: -3.333_328_19e-1), p, square)
  let near = multiplyAdd(x, x * square, p)
  let signed = far.replacing(with: -far, where: x .< Vector(repeating: 0))
  return signed.replacing(with: near, where: magnitude .< Vector(repeating: 0.625))
}

/// out[r, i] = the greatest of the 2x2 samples from x[2r, 2i] on, NaN where one is. Exactly the outputs are written; whole
/// vectors are read.
@inline(never)
public func maximumOfSquares(
  _ x: UnsafePointer<Float>, stride: Int, _ out: UnsafeMutablePointer<Float>, outStride: Int, rows: Int,
  columns: Int
) {
  var r = 0
  while r < rows {
    let a = x + 2 &* r &* stride
    let target = out + r &* outStride
    // Where rows lie side by side, what a vector writes too much is written over by the next row.
    let room = outStride == columns ? (rows &- r) &* columns : columns
    var i = 0
    while i < columns {
      let result = maximumOfPairs(a + 2 &* i, a + (stride &+ 2 &* i))
      storeFirst(room &- i, result, target + i)
      i = i &+ lanes
    }
    r = r &+ 1
  }
}

@inline(always)
func maximumOfPairs(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>) -> Vector {
  let (a0, a1, b0, b1) = (load(a), load(a + lanes), load(b), load(b + lanes))
  return greater(greater(even(a0, a1), odd(a0, a1)), greater(even(b0, b1), odd(b0, b1)))
}

/// The greater of each pair of lanes; NaN where either is.
@inline(always)
func greater(_ a: Vector, _ b: Vector) -> Vector {
  maximum(a, b).replacing(with: a, where: a .!= a)
}

/// y[i] = e^(x[i] - max) / sum over j of e^(x[j] - max). Exactly `count` elements are written; whole vectors are read.
@inline(never)
public func softmaxRow(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, count: Int) {
  let (zero, lowest) = (Vector(repeating: 0), Vector(repeating: -.infinity))
  var greatest = lowest
  var i = 0
  while i < count {
    let isInside = laneNumbers .< Float(count &- i)
    greatest = greater(greatest, lowest.replacing(with: load(x + i), where: isInside))
    i = i &+ lanes
  }
  var most = greatest[0]
  var lane = 1
  while lane < lanes {
    if greatest[lane] > most || greatest[lane] != greatest[lane] { most = greatest[lane] }
    lane = lane &+ 1
  }
  var sums = zero
  i = 0
  while i < count {
    let distance = load(x + i) - Vector(repeating: most)
    // What is far below is nothing, as for x = -infinity.
    var power = exponential(distance).replacing(with: zero, where: distance .< Vector(repeating: -87.33))
    power = zero.replacing(with: power, where: laneNumbers .< Float(count &- i))
    storeFirst(count &- i, power, y + i)
    sums += power
    i = i &+ lanes
  }
  let scale = Vector(repeating: 1 / sumOfLanes(sums))
  i = 0
  while i < count {
    storeFirst(count &- i, load(y + i) * scale, y + i)
    i = i &+ lanes
  }
}

/// Each u at the place of the greatest of a[2i], a[2i + 1], b[2i], b[2i + 1], the first in this order where some are
/// equal, and zeros at the others. Exactly 2 * `count` elements of each row are written; whole vectors are read.
@inline(never)
public func squareGradients(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ u: UnsafePointer<Float>,
  _ outA: UnsafeMutablePointer<Float>, _ outB: UnsafeMutablePointer<Float>, count: Int
) {
  let zero = Vector.zero
  var i = 0
  while i < count {
    let (pa, pb) = (a + 2 &* i, b + 2 &* i)
    let (a0, a1, b0, b1) = (load(pa), load(pa + lanes), load(pb), load(pb + lanes))
    let (x0, x1, x2, x3) = (even(a0, a1), odd(a0, a1), even(b0, b1), odd(b0, b1))
    let v = load(u + i)
    // Not less or equal, so that NaN is the greatest.
    let top = x0.replacing(with: x1, where: .!(x1 .<= x0))
    let low = x2.replacing(with: x3, where: .!(x3 .<= x2))
    let high = v.replacing(with: zero, where: .!(low .<= top))
    let deep = v.replacing(with: zero, where: low .<= top)
    let (y0, y1) = (
      high.replacing(with: zero, where: .!(x1 .<= x0)), high.replacing(with: zero, where: x1 .<= x0)
    )
    let (y2, y3) = (
      deep.replacing(with: zero, where: .!(x3 .<= x2)), deep.replacing(with: zero, where: x3 .<= x2)
    )
    if i &+ lanes <= count {
      store(interleaveLow(y0, y1), outA + 2 &* i)
      store(interleaveHigh(y0, y1), outA + (2 &* i &+ lanes))
      store(interleaveLow(y2, y3), outB + 2 &* i)
      store(interleaveHigh(y2, y3), outB + (2 &* i &+ lanes))
    } else {
      var j = 0
      while i &+ j < count {
        outA[2 &* (i &+ j)] = y0[j]
        outA[2 &* (i &+ j) &+ 1] = y1[j]
        outB[2 &* (i &+ j)] = y2[j]
        outB[2 &* (i &+ j) &+ 1] = y3[j]
        j = j &+ 1
      }
    }
    i = i &+ lanes
  }
}
