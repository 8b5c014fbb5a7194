import CIntrinsics

// Winograd's minimal filtering F(2x2, 3x3): 16 products a tile of 2x2 outputs instead of 36, in the points 0, 1, -1 and
// infinity. It is for planes so small that tiles of 4x4 outputs would be few and partly empty: more products than F(4x4),
// but less than half the weights.
//
// A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks" (2016).

/// B^T d: four inputs, vectors side by side, to four, stored `step` apart.
@inline(__always)
func transformInput2(
  _ d: UnsafePointer<Float>, stride: Int, _ out: UnsafeMutablePointer<Float>, _ step: Int
) {
  let (d0, d1, d2, d3) = (load(d), load(d + stride), load(d + 2 &* stride), load(d + 3 &* stride))
  store(d0 - d2, out)
  store(d1 + d2, out + step)
  store(d2 - d1, out + 2 &* step)
  store(d1 - d3, out + 3 &* step)
}

/// The 16 transformed inputs of tiles side by side, as ``winograd6Input(_:rowStride:side:_:step:tiles:tileStep:scratch:)``
/// has 36.
/// - Parameters:
///   - rows: the first tile's first row of four; a tile is two columns, which are vectors, further than the one before.
///   - out: entry (i, j) of tile t is stored at `out + (4 * i + j) * step + t * tileStep`.
///   - scratch: room for 16 vectors.
@inline(never)
func winograd2Input(
  _ rows: UnsafePointer<Float>, rowStride: Int, _ out: UnsafeMutablePointer<Float>, step: Int, tiles: Int,
  tileStep: Int, scratch: UnsafeMutablePointer<Float>
) {
  var t = 0
  while t < tiles {
    let (tile, target) = (rows + 2 &* t &* lanes, out + t &* tileStep)
    var i = 0
    while i < 4 {
      transformInput2(tile + i &* rowStride, stride: lanes, scratch + 4 &* lanes &* i, lanes)
      i = i &+ 1
    }
    i = 0
    while i < 4 {
      transformInput2(scratch + i &* lanes, stride: 4 &* lanes, target + i &* step, 4 &* step)
      i = i &+ 1
    }
    t = t &+ 1
  }
}

/// A^T m: four products, `step` apart, to two outputs.
@inline(__always)
func transformOutput2(_ m: UnsafePointer<Float>, _ step: Int) -> (Vector, Vector) {
  let (m0, m1, m2, m3) = (load(m), load(m + step), load(m + 2 &* step), load(m + 3 &* step))
  return (m0 + m1 + m2, m1 - m2 - m3)
}

/// The 2x2 outputs of tiles side by side; see ``winograd4Output(_:step:tiles:tileStep:bias:_:outStride:scratch:)``.
/// - Parameters:
///   - m: entry (i, j) of the products of tile t is at `m + (4 * i + j) * step + t * tileStep`.
///   - out: tile t's columns are the vectors 2t and 2t + 1 of two rows.
///   - scratch: room for 8 vectors.
@inline(never)
func winograd2Output(
  _ m: UnsafePointer<Float>, step: Int, tiles: Int, tileStep: Int, bias: UnsafePointer<Float>,
  _ out: UnsafeMutablePointer<Float>, outStride: Int, scratch: UnsafeMutablePointer<Float>
) {
  let start = load(bias)
  var t = tiles &- 1
  while t >= 0 {
    let tile = m + t &* tileStep
    var c = 0
    while c < 4 {
      let (y0, y1) = transformOutput2(tile + c &* step, 4 &* step)
      store(y0, scratch + c &* lanes)
      store(y1, scratch + (4 &+ c) &* lanes)
      c = c &+ 1
    }
    var r = 0
    while r < 2 {
      let (y0, y1) = transformOutput2(scratch + 4 &* lanes &* r, lanes)
      let target = out + (r &* outStride &+ 2 &* t &* lanes)
      store(y0 + start, target)
      store(y1 + start, target + lanes)
      r = r &+ 1
    }
    t = t &- 1
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
