/// Runs `iterations` times 12 independent multiply-adds of one vector, and returns the floating-point
/// operations done: the yardstick for what a core can reach. `values` has room for three vectors.
@inline(never)
public func multiplyAddPeak(iterations: Int, _ values: UnsafeMutablePointer<Float>) -> Int {
  let a = load(values + lanes)
  let b = load(values + 2 &* lanes)
  var s0 = load(values)
  var (s1, s2, s3, s4, s5) = (s0, s0, s0, s0, s0)
  var (s6, s7, s8, s9, s10, s11) = (s0, s0, s0, s0, s0, s0)
  var n = 0
  while n < iterations {
    s0 = multiplyAdd(s0, a, b)
    s1 = multiplyAdd(s1, b, s1)
    s2 = multiplyAdd(s2, a, s2)
    s3 = multiplyAdd(a, s3, b)
    s4 = multiplyAdd(b, s4, a)
    s5 = multiplyAdd(b, s5, b)
    s6 = multiplyAdd(a, s6, a)
    s7 = multiplyAdd(s7, s7, a)
    s8 = multiplyAdd(s8, s8, b)
    s9 = multiplyAdd(s9, b, b)
    s10 = multiplyAdd(s10, a, a)
    s11 = multiplyAdd(b, a, s11)
    n = n &+ 1
  }
  store(((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)) + ((s8 + s9) + (s10 + s11)), values)
  return iterations &* 12 &* lanes &* 2
}
