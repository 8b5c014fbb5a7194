import CIntrinsics

// Element-wise maps over whole vectors: pointers have room for `count` rounded up to a vector.

/// a[i] = sqrt(a[i]^2 + b[i]^2)
@inline(never)
public func hypotenuse(_ a: UnsafeMutablePointer<Float>, _ b: UnsafePointer<Float>, count: Int) {
  var i = 0
  while i < count {
    let x = load(a + i)
    let y = load(b + i)
    store(squareRoot(multiplyAdd(x * x, y, y)), a + i)
    i = i &+ lanes
  }
}

/// a[i] = max(a[i], b[i])
@inline(never)
public func maximum(_ a: UnsafeMutablePointer<Float>, _ b: UnsafePointer<Float>, count: Int) {
  var i = 0
  while i < count {
    store(maximum(load(a + i), load(b + i)), a + i)
    i = i &+ lanes
  }
}
