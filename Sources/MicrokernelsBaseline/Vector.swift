import CIntrinsics

// The vector of this instruction set, and how many accumulators a register tile may hold with room left for
// the inputs and one weight.
//
// Nothing in these targets is private: a private function that is not inlined becomes a weak symbol when a
// module is compiled on several threads.

#if AVX512
  typealias Vector = SIMD16<Float>
  typealias IntVector = SIMD16<Int32>
  @inline(always) var lanes: Int { 16 }
  @inline(always) var accumulators: Int { 24 }  // of 32 registers
#elseif AVX2
  typealias Vector = SIMD8<Float>
  typealias IntVector = SIMD8<Int32>
  @inline(always) var lanes: Int { 8 }
  @inline(always) var accumulators: Int { 12 }  // of 16 registers
#else
  typealias Vector = SIMD4<Float>
  typealias IntVector = SIMD4<Int32>
  @inline(always) var lanes: Int { 4 }
  #if arch(arm64)
    @inline(always) var accumulators: Int { 24 }  // of 32 registers
  #else
    @inline(always) var accumulators: Int { 8 }  // of 16 registers
  #endif
#endif

/// Reads one vector from an address of any alignment.
@inline(always)
func load(_ p: UnsafePointer<Float>) -> Vector {
  UnsafeRawPointer(p).loadUnaligned(as: Vector.self)
}

/// Writes one vector to an address of any alignment.
@inline(always)
func store(_ v: Vector, _ p: UnsafeMutablePointer<Float>) {
  UnsafeMutableRawPointer(p).storeBytes(of: v, as: Vector.self)
}

/// Writes the first lanes of a vector, all of them where `count` is as many or more.
@inline(always)
func storeFirst(_ count: Int, _ v: Vector, _ p: UnsafeMutablePointer<Float>) {
  #if AVX512
    convolve_store_lanes_f32x16(p, laneMask(count), v)
  #else
    if count >= lanes { return store(v, p) }
    var i = 0
    while i < count {
      p[i] = v[i]
      i = i &+ 1
    }
  #endif
}

/// `a + b * c`, fused where the instruction set can.
@inline(always)
func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
  #if AVX512 || AVX2 || arch(arm64)
    return a.addingProduct(b, c)
  #else
    return a + b * c  // without FMA, addingProduct would call fmaf for each lane
  #endif
}

@inline(always)
func squareRoot(_ v: Vector) -> Vector {
  #if AVX512
    return convolve_sqrt_f32x16(v)
  #elseif AVX2
    return convolve_sqrt_f32x8(v)
  #else
    return convolve_sqrt_f32x4(v)
  #endif
}

/// Writes one vector around the caches, to an address aligned to the vector's size.
@inline(always)
func stream(_ v: Vector, _ p: UnsafeMutablePointer<Float>) {
  #if AVX512
    convolve_stream_f32x16(p, v)
  #elseif AVX2
    convolve_stream_f32x8(p, v)
  #else
    convolve_stream_f32x4(p, v)
  #endif
}

/// The greater of each pair of lanes; `b` where either is NaN.
@inline(always)
func maximum(_ a: Vector, _ b: Vector) -> Vector {
  #if AVX512
    return convolve_max_f32x16(a, b)
  #elseif AVX2
    return convolve_max_f32x8(a, b)
  #elseif arch(x86_64)
    return convolve_max_f32x4(a, b)
  #else
    return b.replacing(with: a, where: a .> b)
  #endif
}

/// The lesser of each pair of lanes; `b` where either is NaN.
@inline(always)
func minimum(_ a: Vector, _ b: Vector) -> Vector {
  #if AVX512
    return convolve_min_f32x16(a, b)
  #elseif AVX2
    return convolve_min_f32x8(a, b)
  #elseif arch(x86_64)
    return convolve_min_f32x4(a, b)
  #else
    return b.replacing(with: a, where: a .< b)
  #endif
}

/// Reads one vector of 8-bit integers as floats.
@inline(always)
func loadFloats(_ p: UnsafePointer<UInt8>) -> Vector {
  #if AVX512
    return convolve_load_bytes_f32x16(p)
  #elseif AVX2
    return convolve_load_bytes_f32x8(p)
  #else
    return convolve_load_bytes_f32x4(p)
  #endif
}

/// Reads one vector of 16-bit integers as floats.
@inline(always)
func loadFloats(_ p: UnsafePointer<UInt16>) -> Vector {
  #if AVX512
    return convolve_load_shorts_f32x16(p)
  #elseif AVX2
    return convolve_load_shorts_f32x8(p)
  #else
    return convolve_load_shorts_f32x4(p)
  #endif
}

/// Writes the low byte of each lane.
@inline(always)
func storeBytes(_ v: IntVector, _ p: UnsafeMutablePointer<UInt8>) {
  #if AVX512
    convolve_store_bytes_i32x16(p, v)
  #elseif AVX2
    convolve_store_bytes_i32x8(p, v)
  #else
    convolve_store_bytes_i32x4(p, v)
  #endif
}

/// Writes the low half of each lane.
@inline(always)
func storeShorts(_ v: IntVector, _ p: UnsafeMutablePointer<UInt16>) {
  #if AVX512
    convolve_store_shorts_i32x16(p, v)
  #elseif AVX2
    convolve_store_shorts_i32x8(p, v)
  #else
    convolve_store_shorts_i32x4(p, v)
  #endif
}

/// Every second lane of two vectors, from the first.
@inline(always)
func even(_ a: Vector, _ b: Vector) -> Vector {
  #if AVX512
    return convolve_even_f32x16(a, b)
  #elseif AVX2
    return convolve_even_f32x8(a, b)
  #else
    return convolve_even_f32x4(a, b)
  #endif
}

/// Every second lane of two vectors, from the second.
@inline(always)
func odd(_ a: Vector, _ b: Vector) -> Vector {
  #if AVX512
    return convolve_odd_f32x16(a, b)
  #elseif AVX2
    return convolve_odd_f32x8(a, b)
  #else
    return convolve_odd_f32x4(a, b)
  #endif
}

/// The first halves of two vectors, lane by lane in turn.
@inline(always)
func interleaveLow(_ a: Vector, _ b: Vector) -> Vector {
  #if AVX512
    return convolve_low_f32x16(a, b)
  #elseif AVX2
    return convolve_low_f32x8(a, b)
  #else
    return convolve_low_f32x4(a, b)
  #endif
}

/// The second halves of two vectors, lane by lane in turn.
@inline(always)
func interleaveHigh(_ a: Vector, _ b: Vector) -> Vector {
  #if AVX512
    return convolve_high_f32x16(a, b)
  #elseif AVX2
    return convolve_high_f32x8(a, b)
  #else
    return convolve_high_f32x4(a, b)
  #endif
}

/// Every lane's right neighbour; `b`'s first at the end.
@inline(always)
func next(_ a: Vector, _ b: Vector) -> Vector {
  #if AVX512
    return convolve_next_f32x16(a, b)
  #elseif AVX2
    return convolve_next_f32x8(a, b)
  #else
    return convolve_next_f32x4(a, b)
  #endif
}

/// One lane back: the last of a, and then b without its last.
@inline(always)
func previous(_ a: Vector, _ b: Vector) -> Vector {
  #if AVX512
    return convolve_previous_f32x16(a, b)
  #elseif AVX2
    return convolve_previous_f32x8(a, b)
  #else
    return convolve_previous_f32x4(a, b)
  #endif
}

/// The sum of all lanes, pair by pair. (`sum()` becomes a weak symbol.)
@inline(always)
func sumOfLanes(_ v: Vector) -> Float {
  var pairs = even(v, v) + odd(v, v)
  pairs = even(pairs, pairs) + odd(pairs, pairs)
  #if AVX512
    pairs = even(pairs, pairs) + odd(pairs, pairs)
    pairs = even(pairs, pairs) + odd(pairs, pairs)
  #elseif AVX2
    pairs = even(pairs, pairs) + odd(pairs, pairs)
  #endif
  return pairs[0]
}
