import CIntrinsics

/// out[p] = bias + sum over t of weights[t] * input[p + offsets[t]], for p in 0 ..< count rounded up to eight vectors:
/// a plane's correlation, its padded rows laid end to end.
@inline(never)
public func correlateFlat(
  _ input: UnsafePointer<Float>, _ offsets: UnsafePointer<Int32>, _ weights: UnsafePointer<Float>, taps: Int,
  bias: Float, _ out: UnsafeMutablePointer<Float>, count: Int
) {
  var p = 0
  while p < count {
    let start = Vector(repeating: bias)
    var (s0, s1, s2, s3) = (start, start, start, start)
    var (s4, s5, s6, s7) = (start, start, start, start)
    var t = 0
    while t < taps {
      let weight = Vector(repeating: weights[t])
      let x = input + (p &+ Int(offsets[t]))
      s0 = multiplyAdd(s0, weight, load(x))
      s1 = multiplyAdd(s1, weight, load(x + lanes))
      s2 = multiplyAdd(s2, weight, load(x + 2 &* lanes))
      s3 = multiplyAdd(s3, weight, load(x + 3 &* lanes))
      s4 = multiplyAdd(s4, weight, load(x + 4 &* lanes))
      s5 = multiplyAdd(s5, weight, load(x + 5 &* lanes))
      s6 = multiplyAdd(s6, weight, load(x + 6 &* lanes))
      s7 = multiplyAdd(s7, weight, load(x + 7 &* lanes))
      t = t &+ 1
    }
    let target = out + p
    store(s0, target)
    store(s1, target + lanes)
    store(s2, target + 2 &* lanes)
    store(s3, target + 3 &* lanes)
    store(s4, target + 4 &* lanes)
    store(s5, target + 5 &* lanes)
    store(s6, target + 6 &* lanes)
    store(s7, target + 7 &* lanes)
    p = p &+ 8 &* lanes
  }
}

/// Copies rows of `width` samples, end to end, in whole vectors where they end within the rows: what is too much is
/// written over by the next row.
@inline(never)
public func copyRows(
  _ source: UnsafePointer<Float>, sourceStride: Int, _ out: UnsafeMutablePointer<Float>, width: Int, rows: Int
) {
  var r = 0
  while r < rows {
    let (from, to) = (source + r &* sourceStride, out + r &* width)
    let room = (rows &- r) &* width
    var i = 0
    while i < width, i &+ lanes <= room {
      store(load(from + i), to + i)
      i = i &+ lanes
    }
    while i < width {
      to[i] = from[i]
      i = i &+ 1
    }
    r = r &+ 1
  }
}
