import CIntrinsics

// Winograd's minimal filtering F(2x2, 3x3): 16 products a tile of 2x2 outputs instead of 36, in the points 0, 1, -1 and
// infinity. It is for planes so small that tiles of 4x4 outputs would be few and partly empty: more products than F(4x4),
// but less than half the weights.
//
// A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks" (2016).

/// B^T d: four inputs to four, stored `step` apart.
@inline(__always)
func transformInput2(
  _ d0: Vector, _ d1: Vector, _ d2: Vector, _ d3: Vector, _ out: UnsafeMutablePointer<Float>, _ step: Int
) {
  store(d0 - d2, out)
  store(d1 + d2, out + step)
  store(d2 - d1, out + 2 &* step)
  store(d1 - d3, out + 3 &* step)
}

/// The 16 transformed inputs of one vector of tiles side by side.
/// - Parameters:
///   - rows: the first of four rows; tile t reads columns 2t to 2t + 3.
///   - out: entry (i, j) is stored at `out + (4 * i + j) * step`.
///   - scratch: room for 16 vectors.
@inline(never)
func winograd2Input(
  _ rows: UnsafePointer<Float>, rowStride: Int, _ out: UnsafeMutablePointer<Float>, step: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  var r = 0
  while r < 4 {
    let row = rows + r &* rowStride
    let (v0, v1, v2) = (load(row), load(row + lanes), load(row + 2 &* lanes))
    let (p0, p1) = (even(v0, v1), odd(v0, v1))
    transformInput2(p0, p1, next(p0, v2), next(p1, next(v2, v2)), scratch + 4 &* lanes &* r, lanes)
    r = r &+ 1
  }
  var c = 0
  while c < 4 {
    let column = scratch + c &* lanes
    let four = 4 &* lanes
    transformInput2(
      load(column), load(column + four), load(column + 2 &* four), load(column + 3 &* four), out + c &* step,
      4 &* step)
    c = c &+ 1
  }
}

/// The 2x2 outputs of one vector of tiles side by side.
/// - Parameters:
///   - m: entry (i, j) of the products is at `m + (4 * i + j) * step`.
///   - out: two rows of two vectors; tile t writes columns 2t and 2t + 1.
///   - scratch: room for 8 vectors.
@inline(never)
func winograd2Output(
  _ m: UnsafePointer<Float>, step: Int, bias: Float, _ out: UnsafeMutablePointer<Float>, outStride: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  var c = 0
  while c < 4 {
    let column = m + c &* step
    let four = 4 &* step
    let (m0, m1, m2, m3) = (
      load(column), load(column + four), load(column + 2 &* four), load(column + 3 &* four)
    )
    store(m0 + m1 + m2, scratch + c &* lanes)
    store(m1 - m2 - m3, scratch + (4 &+ c) &* lanes)
    c = c &+ 1
  }
  let start = Vector(repeating: bias)
  var r = 0
  while r < 2 {
    let row = scratch + 4 &* lanes &* r
    let (m0, m1, m2, m3) = (load(row), load(row + lanes), load(row + 2 &* lanes), load(row + 3 &* lanes))
    let (y0, y1) = (m0 + m1 + m2 + start, m1 - m2 - m3 + start)
    let target = out + r &* outStride
    store(interleaveLow(y0, y1), target)
    store(interleaveHigh(y0, y1), target + lanes)
    r = r &+ 1
  }
}

/// G w G^T of one vector of 3x3 kernels; see ``winograd4Weights(_:places:_:step:count:scratch:)``.
/// - Parameter scratch: room for 12 vectors.
@inline(never)
func winograd2Weights(
  _ w: UnsafePointer<Float>, places: UnsafePointer<Int32>, _ out: UnsafeMutablePointer<Float>, step: Int,
  count: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  let half = Vector(repeating: 0.5)
  var c = 0
  while c < 3 {
    let w0 = load(w + Int(places[c]) &* lanes)
    let w1 = load(w + Int(places[3 &+ c]) &* lanes)
    let w2 = load(w + Int(places[6 &+ c]) &* lanes)
    let ends = (w0 + w2) * half
    let column = scratch + c &* lanes
    let row = 3 &* lanes
    store(w0, column)
    store(multiplyAdd(ends, w1, half), column + row)
    store(multiplyAdd(ends, w1, -half), column + 2 &* row)
    store(w2, column + 3 &* row)
    c = c &+ 1
  }
  var r = 0
  while r < 4 {
    let row = scratch + 3 &* lanes &* r
    let (w0, w1, w2) = (load(row), load(row + lanes), load(row + 2 &* lanes))
    let ends = (w0 + w2) * half
    let target = out + 4 &* step &* r
    storeFirst(count, w0, target)
    storeFirst(count, multiplyAdd(ends, w1, half), target + step)
    storeFirst(count, multiplyAdd(ends, w1, -half), target + 2 &* step)
    storeFirst(count, w2, target + 3 &* step)
    r = r &+ 1
  }
}
