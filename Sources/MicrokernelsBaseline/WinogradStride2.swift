import CIntrinsics

// Winograd's minimal filtering F(4x4, 3x3) with a stride of 2: 81 products a tile of 4x4 outputs instead of 144. Along an
// axis, samples of even places meet the first and the last weight, as in F(4, 2), and those of odd places the middle one,
// by the definition: 5 products and 4. Those of the middle weight are of the same weight, so that a kernel has 6 x 6
// transformed weights, not 9 x 9.
//
// F(4, 2) is taken in the points +-1/2, +-5/4 and infinity, whose rounding error is the least of those tried (measured: see
// docs/decisions).

@inline(always) var innerPoint: Float { 1 / 2 }
@inline(always) var outerPoint: Float { 5 / 4 }
@inline(always) var innerSquare: Float { 1 / 4 }
@inline(always) var outerSquare: Float { 25 / 16 }

/// B^T d: nine inputs, vectors `stride` apart, to nine, stored `step` apart: five of the even places, and the odd ones.
@inline(always)
func transformInputStride2(
  _ d: UnsafePointer<Float>, stride: Int, _ out: UnsafeMutablePointer<Float>, _ step: Int
) {
  let (d0, d1, d2) = (load(d), load(d + 2 &* stride), load(d + 4 &* stride))
  let (d3, d4) = (load(d + 6 &* stride), load(d + 8 &* stride))
  let (inner, outer) = (Vector(repeating: -innerSquare), Vector(repeating: -outerSquare))
  let even1 = multiplyAdd(d2, d0, outer)
  let odd1 = multiplyAdd(d3, d1, outer)
  let even2 = multiplyAdd(d2, d0, inner)
  let odd2 = multiplyAdd(d3, d1, inner)
  let (a, b) = (Vector(repeating: innerPoint), Vector(repeating: outerPoint))
  store(multiplyAdd(odd1, even1, a), out)
  store(multiplyAdd(odd1, even1, -a), out + step)
  store(multiplyAdd(odd2, even2, b), out + 2 &* step)
  store(multiplyAdd(odd2, even2, -b), out + 3 &* step)
  store(multiplyAdd(multiplyAdd(d4, d2, outer), even1, inner), out + 4 &* step)
  var i = 0
  while i < 4 {
    store(load(d + (2 &* i &+ 1) &* stride), out + (5 &+ i) &* step)
    i = i &+ 1
  }
}

/// Of nine rows and columns; tiles lie eight columns apart. See `transformInputs`.
@inline(never)
func winogradStride2Input(
  _ rows: UnsafePointer<Float>, rowStride: Int, columnStride: Int, _ out: UnsafeMutablePointer<Float>,
  step: Int, tiles: Int, tileStep: Int, scratch: UnsafeMutablePointer<Float>
) {
  transformInputs(rows, rowStride, columnStride, 8, out, step, tiles, tileStep, scratch, 9)
}

/// A^T m: nine products, `step` apart, to four outputs.
@inline(always)
func transformOutputStride2(_ m: UnsafePointer<Float>, _ step: Int) -> (Vector, Vector, Vector, Vector) {
  let (m0, m1, m2, m3) = (load(m), load(m + step), load(m + 2 &* step), load(m + 3 &* step))
  let (sum1, difference1, sum2, difference2) = (m0 + m1, m0 - m1, m2 + m3, m2 - m3)
  let odd = m + 5 &* step
  let (a, b) = (Vector(repeating: innerPoint), Vector(repeating: outerPoint))
  let (inner, outer) = (Vector(repeating: innerSquare), Vector(repeating: outerSquare))
  let last = load(m + 4 &* step) + load(odd + 3 &* step)
  return (
    load(odd) + sum1 + sum2,
    multiplyAdd(multiplyAdd(load(odd + step), difference1, a), difference2, b),
    multiplyAdd(multiplyAdd(load(odd + 2 &* step), sum1, inner), sum2, outer),
    multiplyAdd(multiplyAdd(last, difference1, a * inner), difference2, b * outer)
  )
}

/// The 4x4 outputs of tiles side by side; see `transformOutputFours`.
@inline(never)
func winogradStride2Output(_ outputs: UnsafePointer<ConvolveWinogradOutput>) {
  transformOutputFours(outputs.pointee, 9)
}

/// G w: the first and the last weight to five, of which the last is a weight itself; the middle one is the sixth.
@inline(always)
func transformWeightsStride2(_ w0: Vector, _ w2: Vector) -> (Vector, Vector, Vector, Vector) {
  // Values of the line at +-p, over 2 p (p^2 - q^2), q being the other point.
  let inner = 1 / (2 * innerPoint * (innerSquare - outerSquare))
  let outer = 1 / (2 * outerPoint * (outerSquare - innerSquare))
  let (first1, first2) = (w0 * Vector(repeating: inner), w0 * Vector(repeating: outer))
  let last1 = w2 * Vector(repeating: inner * innerPoint)
  let last2 = w2 * Vector(repeating: outer * outerPoint)
  return (last1 + first1, last1 - first1, last2 + first2, last2 - first2)
}

/// G w G^T of one vector of 3x3 kernels; see `winograd4Weights`.
/// - Parameter scratch: room for 18 vectors.
@inline(never)
func winogradStride2Weights(
  _ w: UnsafePointer<Float>, places: UnsafePointer<Int32>, _ out: UnsafeMutablePointer<Float>, step: Int,
  count: Int, scratch: UnsafeMutablePointer<Float>
) {
  var c = 0
  while c < 3 {
    let w0 = load(w + Int(places[c]) &* lanes)
    let w1 = load(w + Int(places[3 &+ c]) &* lanes)
    let w2 = load(w + Int(places[6 &+ c]) &* lanes)
    let (a, b, d, e) = transformWeightsStride2(w0, w2)
    let column = scratch + c &* lanes
    let row = 3 &* lanes
    store(a, column)
    store(b, column + row)
    store(d, column + 2 &* row)
    store(e, column + 3 &* row)
    store(w2, column + 4 &* row)
    store(w1, column + 5 &* row)
    c = c &+ 1
  }
  var r = 0
  while r < 6 {
    let row = scratch + 3 &* lanes &* r
    let (w0, w1, w2) = (load(row), load(row + lanes), load(row + 2 &* lanes))
    let (a, b, d, e) = transformWeightsStride2(w0, w2)
    let target = out + 6 &* step &* r
    storeFirst(count, a, target)
    storeFirst(count, b, target + step)
    storeFirst(count, d, target + 2 &* step)
    storeFirst(count, e, target + 3 &* step)
    storeFirst(count, w2, target + 4 &* step)
    storeFirst(count, w1, target + 5 &* step)
    r = r &+ 1
  }
}
