import CIntrinsics

// Between stored samples (8-bit, 16-bit, float32) and the float32 rows that kernels work on.

/// destination[i] = source[i], for `count` samples; writes whole vectors.
@inline(never)
public func widen(
  _ source: UnsafePointer<UInt8>, _ destination: UnsafeMutablePointer<Float>, count: Int
) {
  var i = 0
  while i &+ 4 &* lanes <= count {
    // Rows come from memory, and a core has to ask for many lines at once to get them in time.
    convolve_prefetch(source + i + 1024)
    store(loadFloats(source + i), destination + i)
    store(loadFloats(source + i + lanes), destination + i + lanes)
    store(loadFloats(source + i + 2 &* lanes), destination + i + 2 &* lanes)
    store(loadFloats(source + i + 3 &* lanes), destination + i + 3 &* lanes)
    i = i &+ 4 &* lanes
  }
  while i &+ lanes <= count {
    store(loadFloats(source + i), destination + i)
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
  while i &+ 4 &* lanes <= count {
    // Rows come from memory, and a core has to ask for many lines at once to get them in time.
    convolve_prefetch(source + i + 512)
    store(loadFloats(source + i), destination + i)
    store(loadFloats(source + i + lanes), destination + i + lanes)
    store(loadFloats(source + i + 2 &* lanes), destination + i + 2 &* lanes)
    store(loadFloats(source + i + 3 &* lanes), destination + i + 3 &* lanes)
    i = i &+ 4 &* lanes
  }
  while i &+ lanes <= count {
    store(loadFloats(source + i), destination + i)
    i = i &+ lanes
  }
  while i < count {
    destination[i] = Float(source[i])
    i = i &+ 1
  }
}

/// `v * scale + bias`, clamped to 0 ... limit and rounded to nearest, ties to even, as the low bits of
/// each lane. NaN becomes 0. Adding 2^23 to a smaller float leaves its nearest integer in the low bits.
@_transparent  // @inline(always) gives up here, and passes vectors through memory
func quantized(_ v: Vector, _ scale: Vector, _ bias: Vector, _ limit: Vector) -> IntVector {
  let clamped = minimum(maximum(multiplyAdd(bias, v, scale), Vector(repeating: 0)), limit)
  return unsafeBitCast(clamped + Vector(repeating: 8_388_608), to: IntVector.self)
}

/// destination[i] = source[i] * scale + bias, rounded and clamped to 0 ... 255. Reads whole vectors. With
/// `streaming`, an aligned destination is written around the caches where the instruction set can, so a
/// fence must follow the last call.
@inline(never)
public func narrow(
  _ source: UnsafePointer<Float>, _ destination: UnsafeMutablePointer<UInt8>, count: Int,
  scale: Float, bias: Float, streaming: Bool
) {
  let s = Vector(repeating: scale)
  let b = Vector(repeating: bias)
  let limit = Vector(repeating: 255)
  var i = 0
  #if AVX512
    if streaming, Int(bitPattern: destination) & 63 == 0 {
      while i &+ 4 &* lanes <= count {
        let p = source + i
        convolve_stream_bytes_i32x16(
          destination + i, quantized(load(p), s, b, limit), quantized(load(p + lanes), s, b, limit),
          quantized(load(p + 2 &* lanes), s, b, limit), quantized(load(p + 3 &* lanes), s, b, limit))
        i = i &+ 4 &* lanes
      }
    }
  #endif
  while i &+ lanes <= count {
    storeBytes(quantized(load(source + i), s, b, limit), destination + i)
    i = i &+ lanes
  }
  if i < count {
    var last = SIMD16<UInt8>()
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
    var last = SIMD16<UInt16>()
    withUnsafeMutablePointer(to: &last) { last in
      last.withMemoryRebound(to: UInt16.self, capacity: lanes) { last in
        storeShorts(quantized(load(source + i), s, b, limit), last)
        (destination + i).update(from: last, count: count &- i)
      }
    }
  }
}

/// destination[i] = source[i] * scale + bias. Reads whole vectors. With `streaming`, an aligned destination
/// is written around the caches, so a fence must follow the last call.
@inline(never)
public func emit(
  _ source: UnsafePointer<Float>, _ destination: UnsafeMutablePointer<Float>, count: Int,
  scale: Float, bias: Float, streaming: Bool
) {
  let s = Vector(repeating: scale)
  let b = Vector(repeating: bias)
  var i = 0
  if streaming, Int(bitPattern: destination) & 63 == 0 {
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

/// Asks for `byteCount` bytes to be brought into the second-level cache.
@inline(never)
public func prefetch(_ address: UnsafeRawPointer, byteCount: Int) {
  var offset = 0
  while offset < byteCount {
    convolve_prefetch(address + offset)
    offset = offset &+ 64
  }
}
