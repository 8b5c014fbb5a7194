import CIntrinsics

// The tile of direct convolution: a few outputs by a few vectors of output channels, held in registers over the whole
// depth. Every step reads its vectors of weights once, and one sample an output, where it lies in the padded planes: no
// column of samples is ever copied together.

/// Outputs of a full tile of so many vectors.
public func directTileRows(vectors: Int) -> Int {
  if vectors == widestTile { return tallestTile }
  // Eight rows of three vectors spill, and where there are sixteen registers eight rows of one do.
  #if AVX512 || arch(arm64)
    return vectors == 3 ? 7 : 8
  #else
    return 7
  #endif
}

/// One tile; see `ConvolveDirectTile`. It has ``directTileRows(vectors:)`` outputs, or fewer for the most vectors.
@inline(never)
public func directTile(_ t: UnsafePointer<ConvolveDirectTile>, rows: Int, vectors: Int) {
  #if AVX512 || arch(arm64)
    switch vectors {
    case 1: return direct8x1(t)
    case 2: return direct8x2(t)
    case 3: return direct7x3(t)
    default: break
    }
  #else
    if vectors == 1 { return direct7x1(t) }
  #endif
  switch rows {
  case 1: direct1(t)
  case 2: direct2(t)
  case 3: direct3(t)
  #if AVX512 || AVX2 || arch(arm64)
    case 4: direct4(t)
    case 5: direct5(t)
    default: direct6(t)
  #else
    default: direct4(t)
  #endif
  }
}

// One function a shape: several tiles in one function spill.

#if AVX512 || arch(arm64)
  @inline(never)
  func direct8x1(_ t: UnsafePointer<ConvolveDirectTile>) { direct(t.pointee, 8, 1) }
  @inline(never)
  func direct8x2(_ t: UnsafePointer<ConvolveDirectTile>) { direct(t.pointee, 8, 2) }
  @inline(never)
  func direct7x3(_ t: UnsafePointer<ConvolveDirectTile>) { direct(t.pointee, 7, 3) }
#else
  @inline(never)
  func direct7x1(_ t: UnsafePointer<ConvolveDirectTile>) { direct(t.pointee, 7, 1) }
#endif
#if AVX512 || AVX2 || arch(arm64)
  @inline(never)
  func direct6(_ t: UnsafePointer<ConvolveDirectTile>) { direct(t.pointee, 6, widestTile) }
  @inline(never)
  func direct5(_ t: UnsafePointer<ConvolveDirectTile>) { direct(t.pointee, 5, widestTile) }
#endif
@inline(never)
func direct4(_ t: UnsafePointer<ConvolveDirectTile>) { direct(t.pointee, 4, widestTile) }
@inline(never)
func direct3(_ t: UnsafePointer<ConvolveDirectTile>) { direct(t.pointee, 3, widestTile) }
@inline(never)
func direct2(_ t: UnsafePointer<ConvolveDirectTile>) { direct(t.pointee, 2, widestTile) }
@inline(never)
func direct1(_ t: UnsafePointer<ConvolveDirectTile>) { direct(t.pointee, 1, widestTile) }

/// One step of the depth.
@inline(always)
func addProducts(
  to sums: inout InlineArray<24, Vector>, _ samples: inout InlineArray<8, UnsafePointer<Float>>,
  _ offset: Int,
  _ w: UnsafePointer<Float>, _ rows: Int, _ vectors: Int
) {
  var i = 0
  while i < rows {
    let sample = Vector(repeating: samples[unchecked: i][offset])
    var j = 0
    while j < vectors {
      let n = i &* vectors &+ j
      sums[unchecked: n] = multiplyAdd(sums[unchecked: n], sample, load(w + j &* lanes))
      j = j &+ 1
    }
    i = i &+ 1
  }
}

@inline(always)
func direct(_ t: ConvolveDirectTile, _ rows: Int, _ vectors: Int) {
  // As in `tile`: as many sums as any instruction set has registers for, spelt out.
  let zero = Vector(repeating: 0)
  var sums: InlineArray<24, Vector> = [
    zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero,
    zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero,
  ]
  let x = t.input
  var samples: InlineArray<8, UnsafePointer<Float>> = [x, x, x, x, x, x, x, x]
  var i = 0
  while i < rows {
    samples[unchecked: i] = x + Int(t.outputOffsets[i])
    i = i &+ 1
  }
  var w = t.weights
  let offsets = t.depthOffsets
  var k = 0
  #if AVX2
    // Where a step has few products, reading offsets, counting and asking take a quarter of the instructions.
    var asked = w + t.ahead
    let wide = vectors &* lanes
    while vectors == widestTile && t.isContiguous != 0 && k &+ 4 <= t.depth {
      convolve_prefetch(asked)
      convolve_prefetch(asked + 16)
      addProducts(to: &sums, &samples, k, w, rows, vectors)
      addProducts(to: &sums, &samples, k &+ 1, w + wide, rows, vectors)
      addProducts(to: &sums, &samples, k &+ 2, w + 2 &* wide, rows, vectors)
      addProducts(to: &sums, &samples, k &+ 3, w + 3 &* wide, rows, vectors)
      asked += 32
      w += 4 &* wide
      k = k &+ 4
    }
  #endif
  while k < t.depth {
    #if AVX2
      convolve_prefetch(asked)
      asked += 8
    #else
      convolve_prefetch(w + t.ahead)
      // Asked unasked, it costs the largest tile the registers of some sums.
      if t.aheadToo != 0 { convolve_prefetch(w + t.aheadToo) }
    #endif
    addProducts(to: &sums, &samples, Int(offsets[k]), w, rows, vectors)
    w += t.weightStride
    k = k &+ 1
  }
  guard let start = t.start else {
    i = 0
    while i < rows {
      let c = t.c + directPlace(t, i)
      var j = 0
      while j < vectors {
        store(sums[unchecked: i &* vectors &+ j], c + j &* lanes)
        j = j &+ 1
      }
      i = i &+ 1
    }
    return
  }
  let (least, most) = (Vector(repeating: t.least), Vector(repeating: t.most))
  // A large tile's sums are added to and stored in two loops: one would be too long to be unrolled, which puts the sums in
  // memory. A small tile's vectors would be taken apart between two.
  let isLarge = rows &* vectors > 12
  i = 0
  while isLarge && i < rows {
    let start = t.hasOneStart != 0 ? start : start + directPlace(t, i)
    var j = 0
    while j < vectors {
      let n = i &* vectors &+ j
      sums[unchecked: n] = load(start + j &* lanes) + sums[unchecked: n]
      j = j &+ 1
    }
    i = i &+ 1
  }
  i = 0
  while i < rows {
    let start = t.hasOneStart != 0 ? start : start + directPlace(t, i)
    let c = t.c + directPlace(t, i)
    var j = 0
    while j < vectors {
      var sum = sums[unchecked: i &* vectors &+ j]
      if !isLarge { sum = load(start + j &* lanes) + sum }
      store(minimum(most, maximum(least, sum)), c + j &* lanes)
      j = j &+ 1
    }
    i = i &+ 1
  }
}

/// Where a tile's output is.
@inline(always)
func directPlace(_ t: ConvolveDirectTile, _ output: Int) -> Int {
  if let offsets = t.cOffsets { return Int(offsets[output]) }
  return output &* t.cStride
}
