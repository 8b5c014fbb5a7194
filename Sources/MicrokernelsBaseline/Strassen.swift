import CIntrinsics

// What comes before and after the seven products of Strassen's algorithm (Gaussian elimination is not optimal, 1969), by
// which matrices of 2x2 blocks are multiplied:
//
//   M1 = (A11 + A22)(B11 + B22)   M4 = A22 (B21 - B11)   M6 = (A21 - A11)(B11 + B12)
//   M2 = (A21 + A22) B11          M5 = (A11 + A12) B22   M7 = (A12 - A22)(B21 + B22)
//   M3 = A11 (B12 - B22)
//
//   C11 = M1 + M4 - M5 + M7   C12 = M3 + M5   C21 = M2 + M4   C22 = M1 - M2 + M3 + M6
//
// Both factors are the same seven sums of a matrix's blocks, for the products in another order.

/// The seven factors of some rows of a matrix's blocks: factor i's are at `out + i * step`.
///
/// They are X11 + X22, X11, X12 - X22, X21 - X11, X22, X11 + X12 and X21 + X22: for A, the left factors of M1, M3, M7, M6, M4, M5
/// and M2; for B, the right ones of M1, M2, M3, M4, M5, M6 and M7.
/// - Parameters:
///   - stride: elements from row to row of the blocks, which are read in whole vectors.
///   - outStride: elements from row to row of the factors, of `vectors` vectors.
@inline(never)
public func strassenFactors(
  _ x11: UnsafePointer<Float>, _ x12: UnsafePointer<Float>, _ x21: UnsafePointer<Float>,
  _ x22: UnsafePointer<Float>, stride: Int, rows: Int, vectors: Int, _ out: UnsafeMutablePointer<Float>,
  outStride: Int, step: Int
) {
  let wide = vectors &* lanes
  let ahead = 8 &* stride
  var (x11, x12, x21, x22, out) = (x11, x12, x21, x22, out)
  var i = 0
  while i < rows {
    var j = 0
    while j < wide {
      // Rows of planes are too short for a core to see what comes next.
      convolve_prefetch(x11 + (ahead &+ j))
      convolve_prefetch(x12 + (ahead &+ j))
      convolve_prefetch(x21 + (ahead &+ j))
      convolve_prefetch(x22 + (ahead &+ j))
      let (a, b, c, d) = (load(x11 + j), load(x12 + j), load(x21 + j), load(x22 + j))
      let to = out + j
      store(a + d, to)
      store(a, to + step)
      store(b - d, to + 2 &* step)
      store(c - a, to + 3 &* step)
      store(d, to + 4 &* step)
      store(a + b, to + 5 &* step)
      store(c + d, to + 6 &* step)
      j = j &+ lanes
    }
    x11 += stride
    x12 += stride
    x21 += stride
    x22 += stride
    out += outStride
    i = i &+ 1
  }
}

/// A block of the result, turned round as it is stored; see `ConvolveStrassenOutput`.
@inline(never)
public func strassenOutputs(_ outputs: UnsafePointer<ConvolveStrassenOutput>) {
  let o = outputs.pointee
  var first = 0
  if o.columns == lanes {
    // A square that is less than a quarter full takes longer than its rows one by one.
    #if AVX512
      let end = o.rows &- lanes / 4
    #else
      let end = o.rows &- lanes &+ 1
    #endif
    while first < end {
      strassenSquare(outputs, first)
      first = first &+ lanes
    }
  }
  // Number by number.
  while first < o.rows {
    let place = first &* o.stride
    var sums = load(o.first + place) + load(o.second + place)
    if let third = o.third, let fourth = o.fourth { sums = sums + load(third + place) - load(fourth + place) }
    store(sums + load(o.bias), o.scratch)
    var i = 0
    while i < o.columns {
      let to = i &* o.outStride &+ first
      var sum = o.scratch[i]
      if let residual = o.residual { sum += residual[to] }
      o.out[to] = min(o.most, max(o.least, sum))
      i = i &+ 1
    }
    first = first &+ 1
  }
}

/// As many rows as a vector holds, or the last ones. Loop by loop: longer ones would not be unrolled, which puts the rows in
/// memory.
@inline(always)
func strassenSquare(_ o: UnsafePointer<ConvolveStrassenOutput>, _ first: Int) {
  let zero = Vector(repeating: 0)
  var rows: InlineArray<16, Vector> = [
    zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero,
  ]
  let stride = o.pointee.stride
  let place = first &* stride
  let (p1, p2, bias) = (o.pointee.first + place, o.pointee.second + place, load(o.pointee.bias))
  var i = 0
  while i < lanes {
    rows[unchecked: i] = load(p1 + i &* stride)
    i = i &+ 1
  }
  i = 0
  while i < lanes {
    rows[unchecked: i] += load(p2 + i &* stride)
    i = i &+ 1
  }
  if let third = o.pointee.third, let fourth = o.pointee.fourth {
    let (p3, p4) = (third + place, fourth + place)
    i = 0
    while i < lanes {
      rows[unchecked: i] += load(p3 + i &* stride)
      i = i &+ 1
    }
    i = 0
    while i < lanes {
      rows[unchecked: i] -= load(p4 + i &* stride)
      i = i &+ 1
    }
  }
  i = 0
  while i < lanes {
    rows[unchecked: i] += bias
    i = i &+ 1
  }
  rows = transposed(rows)
  let outStride = o.pointee.outStride
  #if AVX512
    let mask = laneMask(o.pointee.rows &- first)
  #endif
  if let residual = o.pointee.residual {
    let residual = residual + first
    i = 0
    while i < lanes {
      #if AVX512
        rows[unchecked: i] += loadLanes(residual + i &* outStride, mask)
      #else
        rows[unchecked: i] += load(residual + i &* outStride)
      #endif
      i = i &+ 1
    }
  }
  let (least, most) = (Vector(repeating: o.pointee.least), Vector(repeating: o.pointee.most))
  let out = o.pointee.out + first
  i = 0
  while i < lanes {
    let sum = minimum(most, maximum(least, rows[unchecked: i]))
    #if AVX512
      storeLanes(sum, out + i &* outStride, mask)
    #else
      store(sum, out + i &* outStride)
    #endif
    i = i &+ 1
  }
}
