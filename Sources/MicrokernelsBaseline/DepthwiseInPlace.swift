import CIntrinsics

// One channel's 3x3 correlation over a plane that is read where it lies, as if one zero stood on each side: the outputs
// are as many as the samples. Blocks of seven rows as in `DepthwiseRows.swift`. What lies beyond a row is shifted in.

/// Whether ``depthwiseInPlace(_:)`` takes such planes: narrow ones need masks.
public func depthwiseInPlaceTakes(rows: Int, columns: Int) -> Bool {
  #if AVX512 || AVX2
    return rows >= depthwiseBlockRows
  #else
    return rows >= depthwiseBlockRows && columns >= lanes
  #endif
}

/// A plane's correlation; see `ConvolveDepthwise`.
@inline(never)
public func depthwiseInPlace(_ t: UnsafePointer<ConvolveDepthwise>) {
  let t = t.pointee
  // The last blocks overlap those before, and write the same numbers.
  var y = 0
  while y < t.rows {
    let top = y &+ depthwiseBlockRows <= t.rows ? y : t.rows &- depthwiseBlockRows
    if t.columns <= lanes {
      inPlaceNarrow(t, top)
    } else {
      inPlaceLeft(t, top)
      var x = lanes
      while x &+ lanes < t.columns {
        inPlaceMiddle(t, top, x)
        x = x &+ lanes
      }
      inPlaceRight(t, top, t.columns &- lanes)
    }
    y = y &+ depthwiseBlockRows
  }
}

@inline(never)
func inPlaceNarrow(_ t: ConvolveDepthwise, _ top: Int) { inPlaceBlock(t, top, 0, true, true) }
@inline(never)
func inPlaceLeft(_ t: ConvolveDepthwise, _ top: Int) { inPlaceBlock(t, top, 0, true, false) }
@inline(never)
func inPlaceMiddle(_ t: ConvolveDepthwise, _ top: Int, _ left: Int) {
  inPlaceBlock(t, top, left, false, false)
}
@inline(never)
func inPlaceRight(_ t: ConvolveDepthwise, _ top: Int, _ left: Int) { inPlaceBlock(t, top, left, false, true) }

/// Seven rows of a vector of outputs, written out: loops would not be unrolled, which keeps all sums in memory.
@inline(always)
func inPlaceBlock(_ t: ConvolveDepthwise, _ top: Int, _ left: Int, _ isFirst: Bool, _ isLast: Bool) {
  let kernel = (inPlaceWeights(t.weights), inPlaceWeights(t.weights + 3), inPlaceWeights(t.weights + 6))
  let step = t.inputStride
  let zeros = t.zeros! + 1
  let first = t.input + ((top &- 1) &* step &+ left)
  let line0 = inPlaceLine(top > 0 ? first : zeros, t.columns, isFirst, isLast)
  let line1 = inPlaceLine(first + step, t.columns, isFirst, isLast)
  let line2 = inPlaceLine(first + 2 &* step, t.columns, isFirst, isLast)
  let out = t.output + (top &* t.outputStride &+ left)
  let kept = laneMask(t.columns)
  inPlaceStore(inPlaceSum(t, kernel, line0, line1, line2), out, kept, isFirst && isLast)
  let line3 = inPlaceLine(first + 3 &* step, t.columns, isFirst, isLast)
  inPlaceStore(inPlaceSum(t, kernel, line1, line2, line3), out + t.outputStride, kept, isFirst && isLast)
  let line4 = inPlaceLine(first + 4 &* step, t.columns, isFirst, isLast)
  inPlaceStore(
    inPlaceSum(t, kernel, line2, line3, line4), out + 2 &* t.outputStride, kept, isFirst && isLast)
  let line5 = inPlaceLine(first + 5 &* step, t.columns, isFirst, isLast)
  inPlaceStore(
    inPlaceSum(t, kernel, line3, line4, line5), out + 3 &* t.outputStride, kept, isFirst && isLast)
  let line6 = inPlaceLine(first + 6 &* step, t.columns, isFirst, isLast)
  inPlaceStore(
    inPlaceSum(t, kernel, line4, line5, line6), out + 4 &* t.outputStride, kept, isFirst && isLast)
  let line7 = inPlaceLine(first + 7 &* step, t.columns, isFirst, isLast)
  inPlaceStore(
    inPlaceSum(t, kernel, line5, line6, line7), out + 5 &* t.outputStride, kept, isFirst && isLast)
  let below = top &+ depthwiseBlockRows < t.rows ? first + 8 &* step : zeros
  let line8 = inPlaceLine(below, t.columns, isFirst, isLast)
  inPlaceStore(
    inPlaceSum(t, kernel, line6, line7, line8), out + 6 &* t.outputStride, kept, isFirst && isLast)
}

// Tuples instead of structs, which would have weak symbols.

/// A vector of a row one sample before, at and one sample after a place; or three weights, each in all lanes.
typealias Triple = (Vector, Vector, Vector)

@inline(always)
func inPlaceLine(_ p: UnsafePointer<Float>, _ columns: Int, _ isFirst: Bool, _ isLast: Bool) -> Triple {
  let at = isFirst && isLast ? loadLanes(p, laneMask(columns)) : load(p)
  return (
    isFirst ? loadBefore(p, at, columns) : load(p - 1), at, isLast ? next(at, Vector.zero) : load(p + 1)
  )
}

@inline(always)
func inPlaceWeights(_ w: UnsafePointer<Float>) -> Triple {
  (Vector(repeating: w[0]), Vector(repeating: w[1]), Vector(repeating: w[2]))
}

@inline(always)
func inPlaceSum(
  _ t: ConvolveDepthwise, _ kernel: (Triple, Triple, Triple), _ a: Triple, _ b: Triple, _ c: Triple
) -> Vector {
  let start = Vector(repeating: t.bias)
  let sum = inPlaceAdd(inPlaceAdd(inPlaceAdd(start, kernel.0, a), kernel.1, b), kernel.2, c)
  return minimum(Vector(repeating: t.most), maximum(Vector(repeating: t.least), sum))
}

@inline(always)
func inPlaceAdd(_ sum: Vector, _ w: Triple, _ line: Triple) -> Vector {
  multiplyAdd(multiplyAdd(multiplyAdd(sum, w.0, line.0), w.1, line.1), w.2, line.2)
}

@inline(always)
func inPlaceStore(_ v: Vector, _ p: UnsafeMutablePointer<Float>, _ kept: LaneMask, _ isNarrow: Bool) {
  if isNarrow { storeLanes(v, p, kept) } else { store(v, p) }
}

#if AVX512
  typealias LaneMask = UInt16

  /// The first lanes.
  @inline(always)
  func laneMask(_ count: Int) -> LaneMask {
    count >= 16 ? 0xFFFF : LaneMask(truncatingIfNeeded: 1 &<< count &- 1)
  }

  @inline(always)
  func loadLanes(_ p: UnsafePointer<Float>, _ mask: LaneMask) -> Vector {
    convolve_load_lanes_f32x16(p, mask)
  }

  /// Zero and the samples from `p` on. Read again: the compiler takes a shift of zeros apart.
  @inline(always)
  func loadBefore(_ p: UnsafePointer<Float>, _: Vector, _ columns: Int) -> Vector {
    loadLanes(p - 1, laneMask(columns &+ 1) & 0xFFFE)
  }

  @inline(always)
  func storeLanes(_ v: Vector, _ p: UnsafeMutablePointer<Float>, _ mask: LaneMask) {
    convolve_store_lanes_f32x16(p, mask, v)
  }
#elseif AVX2
  typealias LaneMask = SIMD8<Int32>

  /// The first lanes.
  @inline(always)
  func laneMask(_ count: Int) -> LaneMask {
    let end = LaneMask(repeating: Int32(truncatingIfNeeded: count))
    return LaneMask.zero.replacing(
      with: LaneMask(repeating: -1), where: LaneMask(0, 1, 2, 3, 4, 5, 6, 7) .< end)
  }

  @inline(always)
  func loadLanes(_ p: UnsafePointer<Float>, _ mask: LaneMask) -> Vector { convolve_load_lanes_f32x8(p, mask) }

  /// Zero and the samples from `p` on. Read again: the compiler takes a shift of zeros apart.
  @inline(always)
  func loadBefore(_ p: UnsafePointer<Float>, _: Vector, _ columns: Int) -> Vector {
    loadLanes(p - 1, laneMask(columns &+ 1) & LaneMask(0, -1, -1, -1, -1, -1, -1, -1))
  }

  @inline(always)
  func storeLanes(_ v: Vector, _ p: UnsafeMutablePointer<Float>, _ mask: LaneMask) {
    convolve_store_lanes_f32x8(p, mask, v)
  }
#else
  // Planes narrower than a vector are not taken.
  typealias LaneMask = Int

  @inline(always)
  func laneMask(_ count: Int) -> LaneMask { count }

  @inline(always)
  func loadLanes(_ p: UnsafePointer<Float>, _: LaneMask) -> Vector { load(p) }

  /// Zero and the samples from `p` on.
  @inline(always)
  func loadBefore(_: UnsafePointer<Float>, _ at: Vector, _: Int) -> Vector { previous(Vector.zero, at) }

  @inline(always)
  func storeLanes(_ v: Vector, _ p: UnsafeMutablePointer<Float>, _: LaneMask) { store(v, p) }
#endif
