import CIntrinsics

// Winograd's minimal filtering F(4x4, 3x3): 36 products a tile of 4x4 outputs instead of 144, in the points
// 0, +-2/3, +-3/2 and infinity, whose rounding error is half that of the usual 0, +-1, +-2 (measured: see
// docs/decisions). The lanes of a
// vector are tiles side by side in a row of an NCHW plane, so that nothing but the tiles' phases is rearranged.
//
// A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks" (2016); points by measurement.

@inline(__always) var smallPoint: Float { 2 / 3 }
@inline(__always) var largePoint: Float { 3 / 2 }
/// Their squares, whose product is 1.
@inline(__always) var smallSquare: Float { 4 / 9 }
@inline(__always) var largeSquare: Float { 9 / 4 }

/// B^T d: six inputs to six, stored `step` apart.
@inline(__always)
func transformInput(
  _ d0: Vector, _ d1: Vector, _ d2: Vector, _ d3: Vector, _ d4: Vector, _ d5: Vector,
  _ out: UnsafeMutablePointer<Float>, _ step: Int
) {
  let (small, large) = (Vector(repeating: -smallSquare), Vector(repeating: -largeSquare))
  let both = Vector(repeating: -97 / 36)
  let even1 = multiplyAdd(d4, d2, large)
  let odd1 = multiplyAdd(d3, d1, large)
  let even2 = multiplyAdd(d4, d2, small)
  let odd2 = multiplyAdd(d3, d1, small)
  let (a, b) = (Vector(repeating: smallPoint), Vector(repeating: largePoint))
  store(multiplyAdd(d0 + d4, d2, both), out)
  store(multiplyAdd(even1, odd1, a), out + step)
  store(multiplyAdd(even1, odd1, -a), out + 2 &* step)
  store(multiplyAdd(even2, odd2, b), out + 3 &* step)
  store(multiplyAdd(even2, odd2, -b), out + 4 &* step)
  store(multiplyAdd(d1 + d5, d3, both), out + 5 &* step)
}

/// One row of a vector of tiles side by side: tile t reads columns 4t to 4t + 5.
@inline(__always)
func transformInputRow(_ row: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ step: Int) {
  let (v0, v1) = (load(row), load(row + lanes))
  let (v2, v3) = (load(row + 2 &* lanes), load(row + 3 &* lanes))
  let v4 = load(row + 4 &* lanes)
  let (e01, o01, e23, o23) = (even(v0, v1), odd(v0, v1), even(v2, v3), odd(v2, v3))
  let (p0, p1, p2, p3) = (even(e01, e23), even(o01, o23), odd(e01, e23), odd(o01, o23))
  transformInput(p0, p1, p2, p3, next(p0, v4), next(p1, next(v4, v4)), out, step)
}

/// The second half of a tile's transform, down its six columns.
@inline(__always)
func transformInputColumns(_ scratch: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ step: Int) {
  var c = 0
  while c < 6 {
    let column = scratch + c &* lanes
    let six = 6 &* lanes
    transformInput(
      load(column), load(column + six), load(column + 2 &* six), load(column + 3 &* six),
      load(column + 4 &* six), load(column + 5 &* six), out + c &* step, 6 &* step)
    c = c &+ 1
  }
}

/// The 36 transformed inputs of one vector of tiles side by side.
/// - Parameters:
///   - rows: the first of six rows; tile t reads columns 4t to 4t + 5.
///   - out: entry (i, j) is stored at `out + (6 * i + j) * step`.
///   - scratch: room for 36 vectors.
@inline(never)
func winograd4Input(
  _ rows: UnsafePointer<Float>, rowStride: Int, _ out: UnsafeMutablePointer<Float>, step: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  var r = 0
  while r < 6 {
    let row = rows + r &* rowStride
    transformInputRow(row, scratch + 6 &* lanes &* r, lanes)
    r = r &+ 1
  }
  transformInputColumns(scratch, out, step)
}

/// A^T m: six products to four outputs.
@inline(__always)
func transformOutput(
  _ m0: Vector, _ m1: Vector, _ m2: Vector, _ m3: Vector, _ m4: Vector, _ m5: Vector
) -> (Vector, Vector, Vector, Vector) {
  let (sum1, difference1, sum2, difference2) = (m1 + m2, m1 - m2, m3 + m4, m3 - m4)
  let (a, b) = (Vector(repeating: smallPoint), Vector(repeating: largePoint))
  let (small, large) = (Vector(repeating: smallSquare), Vector(repeating: largeSquare))
  return (
    m0 + sum1 + sum2, multiplyAdd(difference1 * a, difference2, b),
    multiplyAdd(sum1 * small, sum2, large),
    multiplyAdd(multiplyAdd(m5, difference1, a * small), difference2, b * large)
  )
}

/// One row of a vector of tiles: its products, `step` apart, to four outputs of each tile, side by side.
@inline(__always)
func transformOutputRow(
  _ row: UnsafePointer<Float>, _ step: Int, _ start: Vector, _ out: UnsafeMutablePointer<Float>
) {
  let (y0, y1, y2, y3) = transformOutput(
    load(row), load(row + step), load(row + 2 &* step), load(row + 3 &* step), load(row + 4 &* step),
    load(row + 5 &* step))
  let (z0, z1, z2, z3) = (y0 + start, y1 + start, y2 + start, y3 + start)
  let (a, b) = (interleaveLow(z0, z2), interleaveLow(z1, z3))
  let (c, d) = (interleaveHigh(z0, z2), interleaveHigh(z1, z3))
  store(interleaveLow(a, b), out)
  store(interleaveHigh(a, b), out + lanes)
  store(interleaveLow(c, d), out + 2 &* lanes)
  store(interleaveHigh(c, d), out + 3 &* lanes)
}

/// The 4x4 outputs of one vector of tiles side by side.
/// - Parameters:
///   - m: entry (i, j) of the products is at `m + (6 * i + j) * step`.
///   - out: four rows of four vectors; tile t writes columns 4t to 4t + 3.
///   - scratch: room for 24 vectors.
@inline(never)
func winograd4Output(
  _ m: UnsafePointer<Float>, step: Int, bias: Float, _ out: UnsafeMutablePointer<Float>, outStride: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  var c = 0
  while c < 6 {
    let column = m + c &* step
    let six = 6 &* step
    let (y0, y1, y2, y3) = transformOutput(
      load(column), load(column + six), load(column + 2 &* six), load(column + 3 &* six),
      load(column + 4 &* six), load(column + 5 &* six))
    store(y0, scratch + c &* lanes)
    store(y1, scratch + (6 &+ c) &* lanes)
    store(y2, scratch + (12 &+ c) &* lanes)
    store(y3, scratch + (18 &+ c) &* lanes)
    c = c &+ 1
  }
  let start = Vector(repeating: bias)
  var r = 0
  while r < 4 {
    let row = scratch + 6 &* lanes &* r
    transformOutputRow(row, lanes, start, out + r &* outStride)
    r = r &+ 1
  }
}

/// G w: three weights to six, of which the first and the last are weights themselves.
@inline(__always)
func transformWeights(_ w0: Vector, _ w1: Vector, _ w2: Vector) -> (Vector, Vector, Vector, Vector) {
  // Values of the quadratic at +-p, over 2 p^2 (p^2 - q^2), q being the other point.
  let small = 1 / (2 * smallSquare * (smallSquare - largeSquare))
  let large = 1 / (2 * largeSquare * (largeSquare - smallSquare))
  let even1 = multiplyAdd(w0 * Vector(repeating: small), w2, Vector(repeating: small * smallSquare))
  let even2 = multiplyAdd(w0 * Vector(repeating: large), w2, Vector(repeating: large * largeSquare))
  let odd1 = w1 * Vector(repeating: small * smallPoint)
  let odd2 = w1 * Vector(repeating: large * largePoint)
  return (even1 + odd1, even1 - odd1, even2 + odd2, even2 - odd2)
}

/// G w G^T of one vector of 3x3 kernels.
/// - Parameters:
///   - w: weights of all kernels, vector by vector.
///   - places: weight t of all kernels is the vector at `w + places[t] * lanes`.
///   - out: entry (i, j) is stored at `out + (6 * i + j) * step`.
///   - count: kernels that are stored.
///   - scratch: room for 18 vectors.
@inline(never)
func winograd4Weights(
  _ w: UnsafePointer<Float>, places: UnsafePointer<Int32>, _ out: UnsafeMutablePointer<Float>, step: Int,
  count: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  var c = 0
  while c < 3 {
    let w0 = load(w + Int(places[c]) &* lanes)
    let w1 = load(w + Int(places[3 &+ c]) &* lanes)
    let w2 = load(w + Int(places[6 &+ c]) &* lanes)
    let (a, b, d, e) = transformWeights(w0, w1, w2)
    let column = scratch + c &* lanes
    let row = 3 &* lanes
    store(w0, column)
    store(a, column + row)
    store(b, column + 2 &* row)
    store(d, column + 3 &* row)
    store(e, column + 4 &* row)
    store(w2, column + 5 &* row)
    c = c &+ 1
  }
  var r = 0
  while r < 6 {
    let row = scratch + 3 &* lanes &* r
    let (w0, w1, w2) = (load(row), load(row + lanes), load(row + 2 &* lanes))
    let (a, b, d, e) = transformWeights(w0, w1, w2)
    let target = out + 6 &* step &* r
    storeFirst(count, w0, target)
    storeFirst(count, a, target + step)
    storeFirst(count, b, target + 2 &* step)
    storeFirst(count, d, target + 3 &* step)
    storeFirst(count, e, target + 4 &* step)
    storeFirst(count, w2, target + 5 &* step)
    r = r &+ 1
  }
}

@inline(__always)
func storeFirst(_ count: Int, _ v: Vector, _ out: UnsafeMutablePointer<Float>) {
  if count >= lanes { return store(v, out) }
  var i = 0
  while i < count {
    out[i] = v[i]
    i = i &+ 1
  }
}

// By the outputs of a tile and the kernel's size along an axis: 4 and 3 (squares or rows), 2 and 3, or 2 and 5.

public func winogradInput(
  side: Int, kernel: Int, isLine: Bool, _ rows: UnsafePointer<Float>, rowStride: Int,
  _ out: UnsafeMutablePointer<Float>,
  step: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  if isLine {
    winogradLineInput(rows, out, step: step)
  } else if kernel == 5 {
    winograd5Input(rows, rowStride: rowStride, out, step: step, scratch: scratch)
  } else if side == 4 {
    winograd4Input(rows, rowStride: rowStride, out, step: step, scratch: scratch)
  } else {
    winograd2Input(rows, rowStride: rowStride, out, step: step, scratch: scratch)
  }
}

public func winogradOutput(
  side: Int, kernel: Int, isLine: Bool, _ m: UnsafePointer<Float>, step: Int, bias: Float,
  _ out: UnsafeMutablePointer<Float>,
  outStride: Int, scratch: UnsafeMutablePointer<Float>
) {
  if isLine {
    winogradLineOutput(m, step: step, bias: bias, out)
  } else if kernel == 5 {
    winograd5Output(m, step: step, bias: bias, out, outStride: outStride, scratch: scratch)
  } else if side == 4 {
    winograd4Output(m, step: step, bias: bias, out, outStride: outStride, scratch: scratch)
  } else {
    winograd2Output(m, step: step, bias: bias, out, outStride: outStride, scratch: scratch)
  }
}

public func winogradWeights(
  side: Int, kernel: Int, isLine: Bool, _ w: UnsafePointer<Float>, places: UnsafePointer<Int32>,
  _ out: UnsafeMutablePointer<Float>,
  step: Int,
  count: Int, scratch: UnsafeMutablePointer<Float>
) {
  if isLine {
    winogradLineWeights(w, places: places, out, step: step, count: count)
  } else if kernel == 5 {
    winograd5Weights(w, places: places, out, step: step, count: count, scratch: scratch)
  } else if side == 4 {
    winograd4Weights(w, places: places, out, step: step, count: count, scratch: scratch)
  } else {
    winograd2Weights(w, places: places, out, step: step, count: count, scratch: scratch)
  }
}
