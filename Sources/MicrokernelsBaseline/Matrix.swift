import CIntrinsics

// The matrix tile: a few rows by a few vectors of columns, held in registers over the whole depth. Every step reads
// its vectors of columns once, and one number a row.
//
// Few vectors take more rows, so that there are enough sums to hide the latency of an addition; rows divide
// `accumulators`, which is how many weights a panel holds. The widest tiles also come with fewer rows.

#if AVX512 || arch(arm64)
  @inline(always) var widestTile: Int { 4 }
  @inline(always) var tallestTile: Int { 6 }
#elseif AVX2
  @inline(always) var widestTile: Int { 2 }
  @inline(always) var tallestTile: Int { 6 }
#else
  @inline(always) var widestTile: Int { 2 }
  @inline(always) var tallestTile: Int { 4 }
#endif

/// Lanes of a vector.
public func vectorLanes() -> Int { lanes }

/// The most vectors of ``multiplyTile(_:rows:vectors:)``.
public func multiplyTileVectors() -> Int { widestTile }

/// Rows of a panel of weights.
public func multiplyTileAccumulators() -> Int { accumulators }

/// Rows of a full tile of so many vectors.
public func multiplyTileRows(vectors: Int) -> Int {
  if vectors == widestTile { return tallestTile }
  #if AVX512 || arch(arm64)
    return vectors == 1 ? 12 : 8
  #else
    return accumulators
  #endif
}

/// Whether tiles ask for weights in parts: a full one of the most vectors, of which a panel has two, for half of a panel's,
/// and one of direct convolution for a cache line with every second step.
public func tilesAskInParts() -> Bool {
  #if AVX2
    return true
  #else
    return false
  #endif
}

/// One tile; see `ConvolveTile`. It has ``multiplyTileRows(vectors:)`` rows, or fewer for the most vectors; with a residual three
/// or more.
@inline(never)
public func multiplyTile(_ t: UnsafePointer<ConvolveTile>, rows: Int, vectors: Int) {
  #if AVX512 || arch(arm64)
    switch vectors {
    case 1: return tile12x1(t)
    case 2: return tile8x2(t)
    case 3: return tile8x3(t)
    default: break
    }
  #elseif AVX2
    if vectors == 1 { return tile12x1(t) }
  #else
    if vectors == 1 { return tile8x1(t) }
  #endif
  switch rows {
  case 1: tile1(t)
  case 2: tile2(t)
  case 3: tile3(t)
  #if AVX512 || AVX2 || arch(arm64)
    case 4: tile4(t)
    case 5: tile5(t)
    default: tile6(t)
  #else
    default: tile4(t)
  #endif
  }
}

/// Full tiles of the most vectors, one below the other; see `ConvolveTiles`. What is around a tile takes as long as some ten
/// steps of its depth: here there is least of it.
@inline(never)
public func multiplyTiles(_ tiles: UnsafeMutablePointer<ConvolveTiles>) {
  let t = UnsafeMutableRawPointer(tiles).assumingMemoryBound(to: ConvolveTile.self)
  let (rows, columns) = (tallestTile &* t.pointee.cStride, widestTile &* lanes)
  let bias = tallestTile &* t.pointee.startRowStep
  var (i, row) = (0, 0)
  while i < tiles.pointee.count {
    t.pointee.ahead = row == 0 ? tiles.pointee.firstAhead : tiles.pointee.otherAhead
    askForRows(t.pointee.residual, t.pointee.cStride, columns)
    askForSamples(tiles)
    tile(t, tallestTile, widestTile)
    row = row &+ tallestTile
    t.pointee.a += tallestTile
    if row == accumulators {
      row = 0
      t.pointee.a += tiles.pointee.panelStep &- accumulators
      t.pointee.b += tiles.pointee.bPanelStep
    }
    t.pointee.c += rows
    t.pointee.start += bias
    if let residual = t.pointee.residual { t.pointee.residual = residual + rows }
    i = i &+ 1
  }
}

/// Asks for what lies where a tile will be.
@inline(always)
func askForRows(_ start: UnsafePointer<Float>?, _ stride: Int, _ columns: Int) {
  guard let start else { return }
  var i = 0
  while i < tallestTile {
    var j = 0
    while j < columns {
      convolve_prefetch(start + (i &* stride &+ j))
      j = j &+ 16
    }
    i = i &+ 1
  }
}

/// Asks for one tile's part of the samples to come.
@inline(always)
func askForSamples(_ tiles: UnsafeMutablePointer<ConvolveTiles>) {
  guard var samples = tiles.pointee.samples, let lines = tiles.pointee.lines else { return }
  let left = tiles.pointee.samplesLeft
  var k = min(left, tiles.pointee.samplesTogether)
  tiles.pointee.samplesLeft = left &- k
  while k > 0 {
    var i = 0
    while i < tiles.pointee.lineCount {
      convolve_prefetch(samples + Int(lines[i]))
      i = i &+ 1
    }
    samples += tiles.pointee.samplesStep
    k = k &- 1
  }
  tiles.pointee.samples = samples
}

// One function a shape: several tiles in one function spill.

#if AVX512 || arch(arm64)
  @inline(never)
  func tile12x1(_ t: UnsafePointer<ConvolveTile>) { tile(t, 12, 1) }
  @inline(never)
  func tile8x2(_ t: UnsafePointer<ConvolveTile>) { tile(t, 8, 2) }
  @inline(never)
  func tile8x3(_ t: UnsafePointer<ConvolveTile>) { tile(t, 8, 3) }
#elseif AVX2
  @inline(never)
  func tile12x1(_ t: UnsafePointer<ConvolveTile>) { tile(t, 12, 1) }
#else
  @inline(never)
  func tile8x1(_ t: UnsafePointer<ConvolveTile>) { tile(t, 8, 1) }
#endif
#if AVX512 || AVX2 || arch(arm64)
  @inline(never)
  func tile6(_ t: UnsafePointer<ConvolveTile>) { tile(t, 6, widestTile) }
  @inline(never)
  func tile5(_ t: UnsafePointer<ConvolveTile>) { tile(t, 5, widestTile) }
#endif
@inline(never)
func tile4(_ t: UnsafePointer<ConvolveTile>) { tile(t, 4, widestTile) }
@inline(never)
func tile3(_ t: UnsafePointer<ConvolveTile>) { tile(t, 3, widestTile) }
@inline(never)
func tile2(_ t: UnsafePointer<ConvolveTile>) { tile(t, 2, widestTile) }
@inline(never)
func tile1(_ t: UnsafePointer<ConvolveTile>) { tile(t, 1, widestTile) }

/// One step of the depth. Each vector of columns is read once: the compiler sees that nothing is written in between.
@inline(always)
func addProducts(
  to sums: inout InlineArray<24, Vector>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ rows: Int,
  _ vectors: Int
) {
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
}

/// The tile's numbers are read one by one, as they were written: a vector of them, to copy them all, would wait until they and the
/// sums stored before them have reached the cache.
@inline(always)
func tile(_ t: UnsafePointer<ConvolveTile>, _ rows: Int, _ vectors: Int) {
  // As many as any instruction set has registers for; those that a tile does not use are never made. (Spelt out:
  // InlineArray(repeating:) in two files becomes a weak symbol.)
  let zero = Vector(repeating: 0)
  var sums: InlineArray<24, Vector> = [
    zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero,
    zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero,
  ]
  var (a, b) = (t.pointee.a, t.pointee.b)
  let (depth, bStride, ahead) = (t.pointee.depth, t.pointee.bStride, t.pointee.ahead)
  var k = 0
  #if AVX2
    // Where a step has few products, counting and asking take a fifth of the instructions. Half of a panel's cache lines,
    // three in eight steps, are asked for by each of its two tiles: memory does not bring them faster.
    var asked = a + ahead
    while vectors == widestTile && k &+ 4 <= depth {
      convolve_prefetch(asked)
      convolve_prefetch(asked + 16)
      addProducts(to: &sums, a, b, rows, vectors)
      b += bStride
      addProducts(to: &sums, a + accumulators, b, rows, vectors)
      b += bStride
      addProducts(to: &sums, a + 2 &* accumulators, b, rows, vectors)
      b += bStride
      addProducts(to: &sums, a + 3 &* accumulators, b, rows, vectors)
      b += bStride
      a += 4 &* accumulators
      asked += 24
      k = k &+ 4
    }
  #endif
  while k < depth {
    convolve_prefetch(a + ahead)
    addProducts(to: &sums, a, b, rows, vectors)
    a += accumulators
    b += bStride
    k = k &+ 1
  }
  // What the sums start from is added at the end, and in one way whatever it is.
  let (start, startRowStep) = (t.pointee.start, t.pointee.startRowStep)
  let (startVectorStep, c, cStride) = (t.pointee.startVectorStep, t.pointee.c, t.pointee.cStride)
  let (least, most) = (Vector(repeating: t.pointee.least), Vector(repeating: t.pointee.most))
  var i = 0
  // In tiles of one or two rows, which take none, the compiler would take vectors apart for it.
  if rows > 2, let residual = t.pointee.residual {
    // Loop by loop: a longer one would not be unrolled, which puts the sums in memory.
    while i < rows {
      var j = 0
      while j < vectors {
        let n = i &* vectors &+ j
        let sum = load(start + (i &* startRowStep &+ j &* startVectorStep)) + sums[unchecked: n]
        sums[unchecked: n] = sum + load(residual + (i &* cStride &+ j &* lanes))
        j = j &+ 1
      }
      i = i &+ 1
    }
    i = 0
    while i < rows {
      var j = 0
      while j < vectors {
        let sum = minimum(most, maximum(least, sums[unchecked: i &* vectors &+ j]))
        store(sum, c + (i &* cStride &+ j &* lanes))
        j = j &+ 1
      }
      i = i &+ 1
    }
    return
  }
  while i < rows {
    var j = 0
    while j < vectors {
      let first = load(start + (i &* startRowStep &+ j &* startVectorStep))
      let sum = minimum(most, maximum(least, first + sums[unchecked: i &* vectors &+ j]))
      store(sum, c + (i &* cStride &+ j &* lanes))
      j = j &+ 1
    }
    i = i &+ 1
  }
}
