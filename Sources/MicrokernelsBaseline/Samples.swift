import CIntrinsics

// Between stored samples (8-bit, 16-bit, float32) and the float32 rows that kernels work on.
//
// Swift's own conversions between SIMD element types become scalar code, so integers cross over by their
// bits: an integer below 2^23 placed in the mantissa of 2^23 is that integer plus 2^23, and adding 2^23 to
// a float rounds it to the nearest integer, ties to even.

@inline(__always) var twoTo23: Float { 8_388_608 }
@inline(__always) var twoTo23Bits: Int32 { 0x4B00_0000 }

@inline(__always)
func floats(_ v: IntVector) -> Vector {
  unsafeBitCast(v | IntVector(repeating: twoTo23Bits), to: Vector.self) - Vector(repeating: twoTo23)
}

/// destination[i] = source[i], for `count` samples; writes whole vectors.
@inline(never)
public func widen(
  _ source: UnsafePointer<UInt8>, _ destination: UnsafeMutablePointer<Float>, count: Int
) {
  var i = 0
  while i &+ lanes <= count {
    let bytes = UnsafeRawPointer(source + i).loadUnaligned(as: ByteVector.self)
    store(floats(IntVector(truncatingIfNeeded: bytes)), destination + i)
    i = i &+ lanes
  }
  while i < count {
    destination[i] = Float(source[i])
    i = i &+ 1
  }
}

/// destination[i] = source[i], for `count` samples; writes whole vectors.
@inline(never)
public func widen(
  _ source: UnsafePointer<UInt16>, _ destination: UnsafeMutablePointer<Float>, count: Int
) {
  var i = 0
  while i &+ lanes <= count {
    let shorts = UnsafeRawPointer(source + i).loadUnaligned(as: ShortVector.self)
    store(floats(IntVector(truncatingIfNeeded: shorts)), destination + i)
    i = i &+ lanes
  }
  while i < count {
    destination[i] = Float(source[i])
    i = i &+ 1
  }
}

/// `v * scale + bias`, clamped to 0 ... limit and rounded to nearest, ties to even, as the low bits of
/// each lane. NaN becomes 0.
@inline(__always)
func quantized(_ v: Vector, _ scale: Vector, _ bias: Vector, _ limit: Vector) -> IntVector {
  let clamped = minimum(maximum(multiplyAdd(bias, v, scale), Vector(repeating: 0)), limit)
  return unsafeBitCast(clamped + Vector(repeating: twoTo23), to: IntVector.self)
    & IntVector(repeating: 0x007F_FFFF)
}

/// destination[i] = source[i] * scale + bias, rounded and clamped to 0 ... 255. Reads whole vectors.
@inline(never)
public func narrow(
  _ source: UnsafePointer<Float>, _ destination: UnsafeMutablePointer<UInt8>, count: Int,
  scale: Float, bias: Float
) {
  let s = Vector(repeating: scale)
  let b = Vector(repeating: bias)
  let limit = Vector(repeating: 255)
  var i = 0
  while i &+ lanes <= count {
    storeBytes(quantized(load(source + i), s, b, limit), destination + i)
    i = i &+ lanes
  }
  if i < count {
    var last = ByteVector()
    withUnsafeMutablePointer(to: &last) { last in
      last.withMemoryRebound(to: UInt8.self, capacity: lanes) { last in
        storeBytes(quantized(load(source + i), s, b, limit), last)
        (destination + i).update(from: last, count: count &- i)
      }
    }
  }
}

/// destination[i] = source[i] * scale + bias, rounded and clamped to 0 ... 65535. Reads whole vectors.
@inline(never)
public func narrow(
  _ source: UnsafePointer<Float>, _ destination: UnsafeMutablePointer<UInt16>, count: Int,
  scale: Float, bias: Float
) {
  let s = Vector(repeating: scale)
  let b = Vector(repeating: bias)
  let limit = Vector(repeating: 65535)
  var i = 0
  while i &+ lanes <= count {
    storeShorts(quantized(load(source + i), s, b, limit), destination + i)
    i = i &+ lanes
  }
  if i < count {
    var last = ShortVector()
    withUnsafeMutablePointer(to: &last) { last in
      last.withMemoryRebound(to: UInt16.self, capacity: lanes) { last in
        storeShorts(quantized(load(source + i), s, b, limit), last)
        (destination + i).update(from: last, count: count &- i)
      }
    }
  }
}

/// destination[i] = source[i] * scale + bias. Reads whole vectors; an aligned destination is written
/// around the caches, so a fence must follow the last call.
@inline(never)
public func emit(
  _ source: UnsafePointer<Float>, _ destination: UnsafeMutablePointer<Float>, count: Int,
  scale: Float, bias: Float
) {
  let s = Vector(repeating: scale)
  let b = Vector(repeating: bias)
  var i = 0
  if Int(bitPattern: destination) & 63 == 0 {
    while i &+ lanes <= count {
      stream(multiplyAdd(b, load(source + i), s), destination + i)
      i = i &+ lanes
    }
  } else {
    while i &+ lanes <= count {
      store(multiplyAdd(b, load(source + i), s), destination + i)
      i = i &+ lanes
    }
  }
  if i < count {
    let v = multiplyAdd(b, load(source + i), s)
    var j = 0
    while i < count {
      destination[i] = v[j]
      i = i &+ 1
      j = j &+ 1
    }
  }
}
