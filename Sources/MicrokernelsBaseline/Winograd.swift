import CIntrinsics

// Winograd's minimal filtering F(4x4, 3x3): 36 products a tile of 4x4 outputs instead of 144, in the points
// 0, +-2/3, +-3/2 and infinity, whose rounding error is half that of the usual 0, +-1, +-2 (measured: see
// docs/decisions). The lanes of a vector are channels, so that a tile's numbers are vectors and nothing is rearranged.
//
// A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks" (2016); points by measurement.

@inline(always) var smallPoint: Float { 2 / 3 }
@inline(always) var largePoint: Float { 3 / 2 }
/// Their squares, whose product is 1.
@inline(always) var smallSquare: Float { 4 / 9 }
@inline(always) var largeSquare: Float { 9 / 4 }

/// B^T d: six inputs, vectors side by side, to six, stored `step` apart.
@inline(always)
func transformInput(
  _ d: UnsafePointer<Float>, stride: Int, _ out: UnsafeMutablePointer<Float>, _ step: Int
) {
  let (d0, d1, d2) = (load(d), load(d + stride), load(d + 2 &* stride))
  let (d3, d4, d5) = (load(d + 3 &* stride), load(d + 4 &* stride), load(d + 5 &* stride))
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

/// The transformed inputs of tiles side by side, of `size` x `size` inputs each: 6, 4, or 9 with a stride of 2.
/// - Parameters:
///   - rows: the first tile's first row; a tile is `side` columns further than the one before.
///   - columnStride: elements from column to column, which are vectors.
///   - out: entry (i, j) of tile t is stored at `out + (size * i + j) * step + t * tileStep`.
///   - scratch: room for `size` * `size` vectors.
@inline(always)
func transformInputs(
  _ rows: UnsafePointer<Float>, _ rowStride: Int, _ columnStride: Int, _ side: Int,
  _ out: UnsafeMutablePointer<Float>, _ step: Int, _ tiles: Int, _ tileStep: Int,
  _ scratch: UnsafeMutablePointer<Float>, _ size: Int
) {
  var t = 0
  while t < tiles {
    let (tile, target) = (rows + t &* side &* columnStride, out + t &* tileStep)
    var i = 0
    while i < size {
      let (row, line) = (tile + i &* rowStride, scratch + size &* lanes &* i)
      if size == 6 {
        transformInput(row, stride: columnStride, line, lanes)
      } else if size == 4 {
        transformInput2(row, stride: columnStride, line, lanes)
      } else {
        transformInputStride2(row, stride: columnStride, line, lanes)
      }
      i = i &+ 1
    }
    i = 0
    while i < size {
      let (column, entry) = (scratch + i &* lanes, target + i &* step)
      if size == 6 {
        transformInput(column, stride: 6 &* lanes, entry, 6 &* step)
      } else if size == 4 {
        transformInput2(column, stride: 4 &* lanes, entry, 4 &* step)
      } else {
        transformInputStride2(column, stride: 9 &* lanes, entry, 9 &* step)
      }
      i = i &+ 1
    }
    t = t &+ 1
  }
}

/// Of six rows and columns: F(4x4, 3x3), whose tiles lie four columns apart, and F(2x2, 5x5), two.
@inline(never)
func winograd6Input(
  _ rows: UnsafePointer<Float>, rowStride: Int, columnStride: Int, side: Int,
  _ out: UnsafeMutablePointer<Float>, step: Int, tiles: Int, tileStep: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  // Columns side by side are at constant places.
  if columnStride == lanes {
    transformInputs(rows, rowStride, lanes, side, out, step, tiles, tileStep, scratch, 6)
  } else {
    transformInputs(rows, rowStride, columnStride, side, out, step, tiles, tileStep, scratch, 6)
  }
}

/// A^T m: six products, `step` apart, to four outputs.
@inline(always)
func transformOutput(_ m: UnsafePointer<Float>, _ step: Int) -> (Vector, Vector, Vector, Vector) {
  let (m0, m1, m2) = (load(m), load(m + step), load(m + 2 &* step))
  let (m3, m4, m5) = (load(m + 3 &* step), load(m + 4 &* step), load(m + 5 &* step))
  let (sum1, difference1, sum2, difference2) = (m1 + m2, m1 - m2, m3 + m4, m3 - m4)
  let (a, b) = (Vector(repeating: smallPoint), Vector(repeating: largePoint))
  let (small, large) = (Vector(repeating: smallSquare), Vector(repeating: largeSquare))
  return (
    m0 + sum1 + sum2, multiplyAdd(difference1 * a, difference2, b),
    multiplyAdd(sum1 * small, sum2, large),
    multiplyAdd(multiplyAdd(m5, difference1, a * small), difference2, b * large)
  )
}

/// Outputs with their bias, kept between the bounds.
@inline(always)
func storeOutput(
  _ y: Vector, _ bias: Vector, _ least: Vector, _ most: Vector, _ p: UnsafeMutablePointer<Float>
) {
  store(minimum(most, maximum(least, y + bias)), p)
}

/// The 4x4 outputs of tiles side by side, of `size` x `size` products each: 6, or 9 with a stride of 2. The last tile comes
/// first: what it stores beyond a row is written over by the first.
///
/// Entry (i, j) of a tile's products is number size * i + j; tile t's columns are the vectors 4t to 4t + 3 of four rows.
@inline(always)
func transformOutputFours(_ o: ConvolveWinogradOutput, _ size: Int) {
  let (start, least, most) = (load(o.bias), Vector(repeating: o.least), Vector(repeating: o.most))
  var t = o.tiles &- 1
  while t >= 0 {
    let tile = o.m + t &* o.tileStep
    var c = 0
    while c < size {
      let column = tile + c &* o.step
      let (y0, y1, y2, y3) =
        size == 6 ? transformOutput(column, 6 &* o.step) : transformOutputStride2(column, 9 &* o.step)
      store(y0, o.scratch + c &* lanes)
      store(y1, o.scratch + (size &+ c) &* lanes)
      store(y2, o.scratch + (2 &* size &+ c) &* lanes)
      store(y3, o.scratch + (3 &* size &+ c) &* lanes)
      c = c &+ 1
    }
    var r = 0
    while r < 4 {
      let row = o.scratch + size &* lanes &* r
      let (y0, y1, y2, y3) =
        size == 6 ? transformOutput(row, lanes) : transformOutputStride2(row, lanes)
      let target = o.out + (r &* o.outStride &+ 4 &* t &* lanes)
      storeOutput(y0, start, least, most, target)
      storeOutput(y1, start, least, most, target + lanes)
      storeOutput(y2, start, least, most, target + 2 &* lanes)
      storeOutput(y3, start, least, most, target + 3 &* lanes)
      r = r &+ 1
    }
    t = t &- 1
  }
}

/// F(4x4, 3x3)'s; see `transformOutputFours`.
@inline(never)
func winograd4Output(_ outputs: UnsafePointer<ConvolveWinogradOutput>) {
  transformOutputFours(outputs.pointee, 6)
}

/// G w: three weights to six, of which the first and the last are weights themselves.
@inline(always)
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

// By the outputs of a tile and the kernel's size along an axis: 4 and 3 (squares, of stride 1 or 2, or rows), 2 and 3, or
// 2 and 5.

/// The transformed inputs of tiles side by side; see `transformInputs`.
public func winogradInput(
  side: Int, kernel: Int, stride: Int, isLine: Bool, _ rows: UnsafePointer<Float>, rowStride: Int,
  columnStride: Int,
  _ out: UnsafeMutablePointer<Float>, step: Int, tiles: Int, tileStep: Int,
  scratch: UnsafeMutablePointer<Float>
) {
  if isLine {
    winogradLineInput(
      rows, columnStride: columnStride, out, step: step, tiles: tiles, tileStep: tileStep)
  } else if stride == 2 {
    winogradStride2Input(
      rows, rowStride: rowStride, columnStride: columnStride, out, step: step, tiles: tiles,
      tileStep: tileStep, scratch: scratch)
  } else if side &+ kernel &- 1 == 4 {
    winograd2Input(
      rows, rowStride: rowStride, columnStride: columnStride, out, step: step, tiles: tiles,
      tileStep: tileStep, scratch: scratch)
  } else {
    winograd6Input(
      rows, rowStride: rowStride, columnStride: columnStride, side: side, out, step: step, tiles: tiles,
      tileStep: tileStep, scratch: scratch)
  }
}

/// The outputs of tiles side by side; see `ConvolveWinogradOutput`.
public func winogradOutput(
  side: Int, kernel: Int, stride: Int, isLine: Bool, _ outputs: UnsafePointer<ConvolveWinogradOutput>
) {
  if isLine {
    winogradLineOutput(outputs)
  } else if stride == 2 {
    winogradStride2Output(outputs)
  } else if kernel == 5 {
    winograd5Output(outputs)
  } else if side == 4 {
    winograd4Output(outputs)
  } else {
    winograd2Output(outputs)
  }
}

public func winogradWeights(
  side: Int, kernel: Int, stride: Int, isLine: Bool, _ w: UnsafePointer<Float>, places: UnsafePointer<Int32>,
  _ out: UnsafeMutablePointer<Float>,
  step: Int,
  count: Int, scratch: UnsafeMutablePointer<Float>
) {
  if isLine {
    winogradLineWeights(w, places: places, out, step: step, count: count)
  } else if stride == 2 {
    winogradStride2Weights(w, places: places, out, step: step, count: count, scratch: scratch)
  } else if kernel == 5 {
    winograd5Weights(w, places: places, out, step: step, count: count, scratch: scratch)
  } else if side == 4 {
    winograd4Weights(w, places: places, out, step: step, count: count, scratch: scratch)
  } else {
    winograd2Weights(w, places: places, out, step: step, count: count, scratch: scratch)
  }
}
