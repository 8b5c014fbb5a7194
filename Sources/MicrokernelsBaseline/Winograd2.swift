import CIntrinsics

// Winograd's minimal filtering F(2x2, 3x3): 16 products a tile of 2x2 outputs instead of 36, in the points 0, 1, -1 and
// infinity. It is for planes so small that tiles of 4x4 outputs would be few and partly empty: more products than F(4x4),
// but less than half the weights.
//
// A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks" (2016).

/// B^T d: four inputs, vectors side by side, to four, stored `step` apart.
@inline(always)
func transformInput2(
  _ d: UnsafePointer<Float>, stride: Int, _ out: UnsafeMutablePointer<Float>, _ step: Int
) {
  let (d0, d1, d2, d3) = (load(d), load(d + stride), load(d + 2 &* stride), load(d + 3 &* stride))
  store(d0 - d2, out)
  store(d1 + d2, out + step)
  store(d2 - d1, out + 2 &* step)
  store(d1 - d3, out + 3 &* step)
}

/// Of four rows and columns; see `transformInputs`.
@inline(never)
func winograd2Input(
  _ rows: UnsafePointer<Float>, rowStride: Int, columnStride: Int, _ out: UnsafeMutablePointer<Float>,
  step: Int, tiles: Int, tileStep: Int, scratch: UnsafeMutablePointer<Float>
) {
  transformInputs(rows, rowStride, columnStride, 2, out, step, tiles, tileStep, scratch, 4)
}

/// A^T m: four products, `step` apart, to two outputs.
@inline(always)
func transformOutput2(_ m: UnsafePointer<Float>, _ step: Int) -> (Vector, Vector) {
  let (m0, m1, m2, m3) = (load(m), load(m + step), load(m + 2 &* step), load(m + 3 &* step))
  return (m0 + m1 + m2, m1 - m2 - m3)
}

/// The 2x2 outputs of tiles side by side, of `size` x `size` products each: 4, or 6 of F(2x2, 5x5). The last tile comes
/// first, as in ``winograd4Output(_:)``.
///
/// Entry (i, j) of a tile's products is number size * i + j; tile t's columns are the vectors 2t and 2t + 1 of two rows.
@inline(always)
func transformOutputPairs(_ o: ConvolveWinogradOutput, _ size: Int) {
  let (start, least, most) = (load(o.bias), Vector(repeating: o.least), Vector(repeating: o.most))
  var t = o.tiles &- 1
  while t >= 0 {
    let tile = o.m + t &* o.tileStep
    var c = 0
    while c < size {
      let column = tile + c &* o.step
      let (y0, y1) =
        size == 6 ? transformOutput5(column, 6 &* o.step) : transformOutput2(column, 4 &* o.step)
      store(y0, o.scratch + c &* lanes)
      store(y1, o.scratch + (size &+ c) &* lanes)
      c = c &+ 1
    }
    var r = 0
    while r < 2 {
      let row = o.scratch + size &* lanes &* r
      let (y0, y1) = size == 6 ? transformOutput5(row, lanes) : transformOutput2(row, lanes)
      let target = o.out + (r &* o.outStride &+ 2 &* t &* lanes)
      storeOutput(y0, start, least, most, target)
      storeOutput(y1, start, least, most, target + lanes)
      r = r &+ 1
    }
    t = t &- 1
  }
}

/// F(2x2, 3x3)'s; see `transformOutputPairs`.
@inline(never)
func winograd2Output(_ outputs: UnsafePointer<ConvolveWinogradOutput>) {
  transformOutputPairs(outputs.pointee, 4)
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
