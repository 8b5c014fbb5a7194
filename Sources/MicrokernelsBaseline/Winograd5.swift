import CIntrinsics

// Winograd's minimal filtering F(2x2, 5x5): 36 products a tile of 2x2 outputs instead of 100. Tiles of 6x6 inputs and
// their points are those of F(4x4, 3x3); the degrees of outputs and weights are exchanged.

/// A^T m: six products, `step` apart, to two outputs.
@inline(always)
func transformOutput5(_ m: UnsafePointer<Float>, _ step: Int) -> (Vector, Vector) {
  let (m0, m1, m2) = (load(m), load(m + step), load(m + 2 &* step))
  let (m3, m4, m5) = (load(m + 3 &* step), load(m + 4 &* step), load(m + 5 &* step))
  let odd = multiplyAdd(m5, m1 - m2, Vector(repeating: smallPoint))
  return (m0 + (m1 + m2) + (m3 + m4), multiplyAdd(odd, m3 - m4, Vector(repeating: largePoint)))
}

/// F(2x2, 5x5)'s outputs; see `transformOutputPairs`.
@inline(never)
func winograd5Output(_ outputs: UnsafePointer<ConvolveWinogradOutput>) {
  transformOutputPairs(outputs.pointee, 6)
}

/// G w: five weights to six, of which the first and the last are weights themselves.
@inline(always)
func transformWeights5(
  _ w0: Vector, _ w1: Vector, _ w2: Vector, _ w3: Vector, _ w4: Vector
) -> (Vector, Vector, Vector, Vector) {
  let small = 1 / (2 * smallSquare * (smallSquare - largeSquare))
  let large = 1 / (2 * largeSquare * (largeSquare - smallSquare))
  let (p, q) = (Vector(repeating: smallSquare), Vector(repeating: largeSquare))
  let even1 = multiplyAdd(w0, multiplyAdd(w2, w4, p), p) * Vector(repeating: small)
  let even2 = multiplyAdd(w0, multiplyAdd(w2, w4, q), q) * Vector(repeating: large)
  let odd1 = multiplyAdd(w1, w3, p) * Vector(repeating: small * smallPoint)
  let odd2 = multiplyAdd(w1, w3, q) * Vector(repeating: large * largePoint)
  return (even1 + odd1, even1 - odd1, even2 + odd2, even2 - odd2)
}

/// G w G^T of one vector of 5x5 kernels; see ``winograd4Weights(_:places:_:step:count:scratch:)``.
/// - Parameter scratch: room for 30 vectors.
@inline(never)
func winograd5Weights(
  _ w: UnsafePointer<Float>, places: UnsafePointer<Int32>, _ out: UnsafeMutablePointer<Float>, step: Int,
  count: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  var c = 0
  while c < 5 {
    let w0 = load(w + Int(places[c]) &* lanes)
    let w1 = load(w + Int(places[5 &+ c]) &* lanes)
    let w2 = load(w + Int(places[10 &+ c]) &* lanes)
    let w3 = load(w + Int(places[15 &+ c]) &* lanes)
    let w4 = load(w + Int(places[20 &+ c]) &* lanes)
    let (a, b, d, e) = transformWeights5(w0, w1, w2, w3, w4)
    let column = scratch + c &* lanes
    let row = 5 &* lanes
    store(w0, column)
    store(a, column + row)
    store(b, column + 2 &* row)
    store(d, column + 3 &* row)
    store(e, column + 4 &* row)
    store(w4, column + 5 &* row)
    c = c &+ 1
  }
  var r = 0
  while r < 6 {
    let row = scratch + 5 &* lanes &* r
    let (w0, w1, w2, w3, w4) = (
      load(row), load(row + lanes), load(row + 2 &* lanes), load(row + 3 &* lanes), load(row + 4 &* lanes)
    )
    let (a, b, d, e) = transformWeights5(w0, w1, w2, w3, w4)
    let target = out + 6 &* step &* r
    storeFirst(count, w0, target)
    storeFirst(count, a, target + step)
    storeFirst(count, b, target + 2 &* step)
    storeFirst(count, d, target + 3 &* step)
    storeFirst(count, e, target + 4 &* step)
    storeFirst(count, w4, target + 5 &* step)
    r = r &+ 1
  }
}
