import CIntrinsics

// Direct correlation of a padded block on register tiles.
//
// A tile is `rows` output rows by `vectors` vectors, all accumulated in registers. One step takes one row
// of the kernel for every output row: step r reads kernel row (r - i) mod kernelHeight for output row i.
// Output rows i <= r find their input in input row r, the others in input row r + kernelHeight, so each
// input vector that is loaded feeds as many output rows as can use it, and every step is a full tile of
// multiply-adds, at the tile's edges too. Loads that cross a cache line are what limits this kernel:
// tall tiles have fewer. A tile is never taller than the kernel.

/// output[y, x] = sum over r, s of input[y + r, x + s * tapStep] * kernel[r, s].
///
/// Tiles go down a strip of columns, so that the strip's input rows stay in the first-level cache.
@inline(never)
public func correlate(_ block: UnsafePointer<ConvolveBlock>) {
  switch block.pointee.kernelHeight {
  case 1: last1(block, wide1(block))
  case 2: last2(block, wide2(block))
  #if AVX512 || arch(arm64)
    case 3: last3(block, wide3(block))
    case 4, 5: last4(block, wide4(block))
    case 6, 7: last6(block, wide6(block))
    default: last8(block, wide8(block))
  #elseif AVX2
    case 3: last3(block, wide3(block))
    default: last4(block, wide4(block))
  #else
    case 3: last2(block, wide2(block))
    default: last4(block, wide4(block))
  #endif
  }
}

// Wide tiles first, then narrower ones for the last columns, with enough sums to hide the latency of
// multiply-add. Each is a function of its own: the optimiser stops inlining, and spills, when they share one.

@inline(never)
func wide1(_ b: UnsafePointer<ConvolveBlock>) -> Int { strips(b, 0, 1, 8, whole: true) }
@inline(never)
func last1(_ b: UnsafePointer<ConvolveBlock>, _ x: Int) { _ = strips(b, x, 1, 8, whole: false) }

@inline(never)
func wide2(_ b: UnsafePointer<ConvolveBlock>) -> Int { strips(b, 0, 2, 4, whole: true) }
@inline(never)
func last2(_ b: UnsafePointer<ConvolveBlock>, _ x: Int) { _ = strips(b, x, 2, 4, whole: false) }

@inline(never)
func wide4(_ b: UnsafePointer<ConvolveBlock>) -> Int {
  strips(b, 0, 4, accumulators / 4, whole: true)
}
@inline(never)
func last4(_ b: UnsafePointer<ConvolveBlock>, _ x: Int) { _ = strips(b, x, 4, 2, whole: false) }

#if AVX2
  /// Four vectors spill: with twelve sums, three inputs and one weight are too many for sixteen registers.
  @inline(always) var wide3Vectors: Int { 3 }
#elseif AVX512 || arch(arm64)
  @inline(always) var wide3Vectors: Int { 4 }
#endif
#if AVX512 || AVX2 || arch(arm64)
  @inline(never)
  func wide3(_ b: UnsafePointer<ConvolveBlock>) -> Int { strips(b, 0, 3, wide3Vectors, whole: true) }
  @inline(never)
  func last3(_ b: UnsafePointer<ConvolveBlock>, _ x: Int) { _ = strips(b, x, 3, 3, whole: false) }
#endif

#if AVX512 || arch(arm64)
  @inline(never)
  func wide6(_ b: UnsafePointer<ConvolveBlock>) -> Int { strips(b, 0, 6, 4, whole: true) }
  @inline(never)
  func last6(_ b: UnsafePointer<ConvolveBlock>, _ x: Int) { _ = strips(b, x, 6, 1, whole: false) }

  @inline(never)
  func wide8(_ b: UnsafePointer<ConvolveBlock>) -> Int { strips(b, 0, 8, 3, whole: true) }
  @inline(never)
  func last8(_ b: UnsafePointer<ConvolveBlock>, _ x: Int) { _ = strips(b, x, 8, 1, whole: false) }
#endif

/// Strips of `vectors` vectors from column `start`: those that fit (`whole`), or all that are left.
/// Returns the first column that was not computed.
@inline(always)
func strips(
  _ block: UnsafePointer<ConvolveBlock>, _ start: Int, _ rows: Int, _ vectors: Int, whole: Bool
) -> Int {
  let b = block.pointee
  var x = start
  while whole ? x &+ vectors &* lanes <= b.columns : x < b.columns {
    strip(b, x, rows, vectors)
    x = x &+ vectors &* lanes
  }
  return x
}

/// One strip of columns, tile after tile downwards.
@inline(always)
func strip(_ b: ConvolveBlock, _ x: Int, _ rows: Int, _ vectors: Int) {
  var y = 0
  while y < b.rows {
    let output = b.output + (y &* b.outputStride &+ x)
    var sums = InlineArray<24, Vector>(repeating: Vector(repeating: 0))
    if b.accumulate != 0 {
      var i = 0
      while i < rows {
        var j = 0
        while j < vectors {
          sums[unchecked: i &* vectors &+ j] = load(output + (i &* b.outputStride &+ j &* lanes))
          j = j &+ 1
        }
        i = i &+ 1
      }
    }
    let input = b.input + (y &* b.inputStride &+ x)
    // Spelled out, because accumulators stay in registers only under constant indices.
    if rows > 1 { step(&sums, b, input, 0, split: 1, rows, vectors) }
    if rows > 2 { step(&sums, b, input, 1, split: 2, rows, vectors) }
    if rows > 3 { step(&sums, b, input, 2, split: 3, rows, vectors) }
    if rows > 4 { step(&sums, b, input, 3, split: 4, rows, vectors) }
    if rows > 5 { step(&sums, b, input, 4, split: 5, rows, vectors) }
    if rows > 6 { step(&sums, b, input, 5, split: 6, rows, vectors) }
    if rows > 7 { step(&sums, b, input, 6, split: 7, rows, vectors) }
    var r = rows &- 1
    while r < b.kernelHeight {
      step(&sums, b, input, r, split: rows, rows, vectors)
      r = r &+ 1
    }
    var i = 0
    while i < rows {
      var j = 0
      while j < vectors {
        store(sums[unchecked: i &* vectors &+ j], output + (i &* b.outputStride &+ j &* lanes))
        j = j &+ 1
      }
      i = i &+ 1
    }
    y = y &+ rows
  }
}

/// One kernel row for each output row, every kernel column: output rows before `split` read input row `r`,
/// the others input row `r + kernelHeight`.
@inline(always)
func step(
  _ sums: inout InlineArray<24, Vector>, _ b: ConvolveBlock, _ input: UnsafePointer<Float>,
  _ r: Int, split: Int, _ rows: Int, _ vectors: Int
) {
  var above = input + r &* b.inputStride
  var below = above + b.kernelHeight &* b.inputStride
  // The weights of a column are stored twice over: index (r - i) mod kernelHeight without the division.
  var weights = b.weights + (b.kernelHeight &+ r)
  var s = 0
  while s < b.kernelWidth {
    rowSums(&sums, above, weights, 0, split, vectors)
    rowSums(&sums, below, weights, split, rows, vectors)
    above += b.tapStep
    below += b.tapStep
    weights += 2 &* b.kernelHeight
    s = s &+ 1
  }
}

/// One kernel column for output rows `first ..< end`.
@inline(always)
func rowSums(
  _ sums: inout InlineArray<24, Vector>, _ x: UnsafePointer<Float>, _ weights: UnsafePointer<Float>,
  _ first: Int, _ end: Int, _ vectors: Int
) {
  var i = first
  while i < end {
    let weight = Vector(repeating: weights[0 &- i])
    var j = 0
    while j < vectors {
      sums[unchecked: i &* vectors &+ j] = multiplyAdd(
        sums[unchecked: i &* vectors &+ j], load(x + j &* lanes), weight)
      j = j &+ 1
    }
    i = i &+ 1
  }
}
