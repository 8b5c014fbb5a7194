import CIntrinsics

// What comes before and after the seven products of Strassen's algorithm (Gaussian elimination is not optimal, 1969), by
// which matrices of 2x2 blocks are multiplied:
//
//   M1 = (A11 + A22)(B11 + B22)   M4 = A22 (B21 - B11)   M6 = (A21 - A11)(B11 + B12)
//   M2 = (A21 + A22) B11          M5 = (A11 + A12) B22   M7 = (A12 - A22)(B21 + B22)
//   M3 = A11 (B12 - B22)
//
//   C11 = M1 + M4 - M5 + M7   C12 = M3 + M5   C21 = M2 + M4   C22 = M1 - M2 + M3 + M6

/// The seven right factors of some rows of samples. Factor i is at `out + i * step`: `depth` rows of `vectors` vectors.
/// - Parameters:
///   - upper: rows of B11, and of B12 beside it.
///   - lower: rows of B21, and of B22 beside it.
///   - stride: elements from row to row of both.
@inline(never)
public func strassenSamples(
  _ upper: UnsafePointer<Float>, _ lower: UnsafePointer<Float>, stride: Int, depth: Int, vectors: Int,
  _ out: UnsafeMutablePointer<Float>, step: Int
) {
  let wide = vectors &* lanes
  let ahead = 8 &* stride
  var (upper, lower, out) = (upper, lower, out)
  var d = 0
  while d < depth {
    var j = 0
    while j < wide {
      // Rows of planes are too short for a core to see what comes next.
      convolve_prefetch(upper + (ahead &+ j))
      convolve_prefetch(upper + (ahead &+ wide &+ j))
      convolve_prefetch(lower + (ahead &+ j))
      convolve_prefetch(lower + (ahead &+ wide &+ j))
      let (b11, b12) = (load(upper + j), load(upper + (wide &+ j)))
      let (b21, b22) = (load(lower + j), load(lower + (wide &+ j)))
      let to = out + j
      store(b11 + b22, to)
      store(b11, to + step)
      store(b12 - b22, to + 2 &* step)
      store(b21 - b11, to + 3 &* step)
      store(b22, to + 4 &* step)
      store(b11 + b12, to + 5 &* step)
      store(b21 + b22, to + 6 &* step)
      j = j &+ lanes
    }
    upper += stride
    lower += stride
    out += wide
    d = d &+ 1
  }
}

/// The outputs of seven products; see `ConvolveStrassenOutput`.
@inline(never)
public func strassenOutputs(_ outputs: UnsafePointer<ConvolveStrassenOutput>) {
  let o = outputs.pointee
  let step = o.productStep
  let wide = o.vectors &* lanes
  let lowerStart = o.lower - o.upper
  let (least, most) = (Vector(repeating: o.least), Vector(repeating: o.most))
  var products = o.products
  var i = 0
  while i < o.rows {
    let (upperBias, lowerBias) = (load(o.upperBias + i &* lanes), load(o.lowerBias + i &* lanes))
    let row = i &* o.stride
    var j = 0
    while j < o.vectors {
      let m1 = load(products)
      let m2 = load(products + step)
      let m3 = load(products + 2 &* step)
      let m4 = load(products + 3 &* step)
      let m5 = load(products + 4 &* step)
      let m6 = load(products + 5 &* step)
      let m7 = load(products + 6 &* step)
      products += lanes
      let left = row &+ j &* lanes
      if j < o.leftVectors {
        finish((m1 + m4) + (m7 - m5) + upperBias, left, o, least, most)
        finish(m2 + m4 + lowerBias, lowerStart &+ left, o, least, most)
      }
      if j < o.rightVectors {
        finish(m3 + m5 + upperBias, left &+ wide, o, least, most)
        finish((m1 - m2) + (m3 + m6) + lowerBias, lowerStart &+ left &+ wide, o, least, most)
      }
      j = j &+ 1
    }
    i = i &+ 1
  }
}

/// Writes one vector of outputs with its residual.
@inline(always)
func finish(
  _ sum: Vector, _ place: Int, _ o: ConvolveStrassenOutput, _ least: Vector, _ most: Vector
) {
  var sum = sum
  if let residual = o.residual { sum += load(residual + place) }
  store(minimum(most, maximum(least, sum)), o.upper + place)
}
