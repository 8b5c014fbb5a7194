import CIntrinsics

// Winograd's F(4, 3) along rows: 6 products for 4 outputs of a kernel of one row of three weights, instead of 12. The
// transforms are one axis of F(4x4, 3x3)'s; see `Winograd.swift`.

/// The 6 transformed inputs of tiles side by side.
/// - Parameters:
///   - row: tile t reads columns 4t to 4t + 5, which are vectors.
///   - out: entry i of tile t is stored at `out + i * step + t * tileStep`.
@inline(never)
func winogradLineInput(
  _ row: UnsafePointer<Float>, columnStride: Int, _ out: UnsafeMutablePointer<Float>, step: Int, tiles: Int,
  tileStep: Int
) {
  var t = 0
  while t < tiles {
    transformInput(row + 4 &* t &* columnStride, stride: columnStride, out + t &* tileStep, step)
    t = t &+ 1
  }
}

/// The 4 outputs of tiles side by side, in one row; see ``winograd4Output(_:)``.
@inline(never)
func winogradLineOutput(_ outputs: UnsafePointer<ConvolveWinogradOutput>) {
  let o = outputs.pointee
  let (start, least, most) = (load(o.bias), Vector(repeating: o.least), Vector(repeating: o.most))
  var t = o.tiles &- 1
  while t >= 0 {
    let (y0, y1, y2, y3) = transformOutput(o.m + t &* o.tileStep, o.step)
    let target = o.out + 4 &* t &* lanes
    storeOutput(y0, start, least, most, target)
    storeOutput(y1, start, least, most, target + lanes)
    storeOutput(y2, start, least, most, target + 2 &* lanes)
    storeOutput(y3, start, least, most, target + 3 &* lanes)
    t = t &- 1
  }
}

/// G w of one vector of kernels of three weights.
/// - Parameters:
///   - w: weights of all kernels, vector by vector.
///   - places: weight t of all kernels is the vector at `w + places[t] * lanes`.
///   - out: entry i is stored at `out + i * step`.
///   - count: kernels that are stored.
@inline(never)
func winogradLineWeights(
  _ w: UnsafePointer<Float>, places: UnsafePointer<Int32>, _ out: UnsafeMutablePointer<Float>, step: Int,
  count: Int
) {
  let w0 = load(w + Int(places[0]) &* lanes)
  let w1 = load(w + Int(places[1]) &* lanes)
  let w2 = load(w + Int(places[2]) &* lanes)
  let (a, b, d, e) = transformWeights(w0, w1, w2)
  storeFirst(count, w0, out)
  storeFirst(count, a, out + step)
  storeFirst(count, b, out + 2 &* step)
  storeFirst(count, d, out + 3 &* step)
  storeFirst(count, e, out + 4 &* step)
  storeFirst(count, w2, out + 5 &* step)
}
