import CIntrinsics

// The matrix tile: a few rows by a few vectors of columns, held in registers over the whole depth. Every step reads
// its vectors of columns once, and one number a row.
//
// Two families: `accumulators` rows by 1 vector down to a quarter as many by 4, for weights (rows) against pixels
// (columns); and 1 to 6 rows by the widest, for pixels (rows) against output channels (columns).

#if AVX512 || arch(arm64)
  @inline(__always) var widestTile: Int { 4 }
  @inline(__always) var tallestPixels: Int { 6 }
#elseif AVX2
  @inline(__always) var widestTile: Int { 2 }
  @inline(__always) var tallestPixels: Int { 6 }
#else
  @inline(__always) var widestTile: Int { 2 }
  @inline(__always) var tallestPixels: Int { 4 }
#endif

/// Lanes of a vector.
public func vectorLanes() -> Int { lanes }

/// The most vectors of ``multiplyTile(_:rows:vectors:)``.
public func multiplyTileVectors() -> Int { widestTile }

/// Rows times vectors of its full tiles.
public func multiplyTileAccumulators() -> Int { accumulators }

/// The most rows of its widest tiles, which may have fewer.
public func multiplyTilePixels() -> Int { tallestPixels }

/// One tile; see `ConvolveTile`. Its rows are `accumulators / vectors`, or fewer for the most vectors.
@inline(never)
public func multiplyTile(_ t: UnsafePointer<ConvolveTile>, rows: Int, vectors: Int) {
  #if AVX512 || arch(arm64)
    switch vectors {
    case 1: tile24x1(t)
    case 2: tile12x2(t)
    case 3: tile8x3(t)
    default:
      switch rows {
      case 1: tile1(t)
      case 2: tile2(t)
      case 3: tile3(t)
      case 4: tile4(t)
      case 5: tile5(t)
      default: tile6(t)
      }
    }
  #elseif AVX2
    switch vectors {
    case 1: tile12x1(t)
    default:
      switch rows {
      case 1: tile1(t)
      case 2: tile2(t)
      case 3: tile3(t)
      case 4: tile4(t)
      case 5: tile5(t)
      default: tile6(t)
      }
    }
  #else
    switch vectors {
    case 1: tile8x1(t)
    default:
      switch rows {
      case 1: tile1(t)
      case 2: tile2(t)
      case 3: tile3(t)
      default: tile4(t)
      }
    }
  #endif
}

// One function a shape: several tiles in one function spill.

#if AVX512 || arch(arm64)
  @inline(never)
  func tile24x1(_ t: UnsafePointer<ConvolveTile>) { tile(t.pointee, 24, 1) }
  @inline(never)
  func tile12x2(_ t: UnsafePointer<ConvolveTile>) { tile(t.pointee, 12, 2) }
  @inline(never)
  func tile8x3(_ t: UnsafePointer<ConvolveTile>) { tile(t.pointee, 8, 3) }
#elseif AVX2
  @inline(never)
  func tile12x1(_ t: UnsafePointer<ConvolveTile>) { tile(t.pointee, 12, 1) }
#else
  @inline(never)
  func tile8x1(_ t: UnsafePointer<ConvolveTile>) { tile(t.pointee, 8, 1) }
#endif
#if AVX512 || AVX2 || arch(arm64)
  @inline(never)
  func tile6(_ t: UnsafePointer<ConvolveTile>) { tile(t.pointee, 6, widestTile) }
  @inline(never)
  func tile5(_ t: UnsafePointer<ConvolveTile>) { tile(t.pointee, 5, widestTile) }
#endif
@inline(never)
func tile4(_ t: UnsafePointer<ConvolveTile>) { tile(t.pointee, 4, widestTile) }
@inline(never)
func tile3(_ t: UnsafePointer<ConvolveTile>) { tile(t.pointee, 3, widestTile) }
@inline(never)
func tile2(_ t: UnsafePointer<ConvolveTile>) { tile(t.pointee, 2, widestTile) }
@inline(never)
func tile1(_ t: UnsafePointer<ConvolveTile>) { tile(t.pointee, 1, widestTile) }

@inline(__always)
func tile(_ t: ConvolveTile, _ rows: Int, _ vectors: Int) {
  // As many as any instruction set has registers for; those that a tile does not use are never made. (Spelt out:
  // InlineArray(repeating:) in two files becomes a weak symbol.)
  let zero = Vector(repeating: 0)
  var sums: InlineArray<24, Vector> = [
    zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero,
    zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero,
  ]
  var (a, b) = (t.a, t.b)
  var k = 0
  while k < t.depth {
    // Each vector of columns is read once: the compiler sees that nothing is written in between.
    var i = 0
    while i < rows {
      let weight = Vector(repeating: a[i])
      var j = 0
      while j < vectors {
        let n = i &* vectors &+ j
        sums[unchecked: n] = multiplyAdd(sums[unchecked: n], weight, load(b + j &* lanes))
        j = j &+ 1
      }
      i = i &+ 1
    }
    a += t.aStride
    b += t.bStride
    k = k &+ 1
  }
  // What the sums start from is added at the end, so that they start as zeros. Clamped in this order, a
  // NaN stays one.
  let (lower, upper) = (Vector(repeating: t.lower), Vector(repeating: t.upper))
  var i = 0
  if t.start == CONVOLVE_TILE_ROW_BIAS {
    while i < rows {
      let before = Vector(repeating: t.bias[i])
      var j = 0
      while j < vectors {
        let sum = sums[unchecked: i &* vectors &+ j] + before
        store(minimum(upper, maximum(lower, sum)), t.c + (i &* t.cStride &+ j &* lanes))
        j = j &+ 1
      }
      i = i &+ 1
    }
  } else {
    let (start, step) =
      t.start == CONVOLVE_TILE_COLUMN_BIAS ? (t.bias, 0) : (UnsafePointer(t.c), t.cStride)
    while i < rows {
      var j = 0
      while j < vectors {
        let sum = sums[unchecked: i &* vectors &+ j] + load(start + (i &* step &+ j &* lanes))
        store(minimum(upper, maximum(lower, sum)), t.c + (i &* t.cStride &+ j &* lanes))
        j = j &+ 1
      }
      i = i &+ 1
    }
  }
}
