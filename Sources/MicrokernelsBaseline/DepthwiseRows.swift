import CIntrinsics

// One channel's correlation over a padded plane, block by block of seven rows by one vector of columns: every vector of
// samples is loaded once for all the rows that it belongs to. Feature maps of networks have 7, 14, 28, 56 rows.

/// Rows of a block.
@inline(always) var depthwiseBlockRows: Int { 7 }

/// Copies rows of `width` samples to rows of `outStride`, each with `left` constants before it and constants up to
/// the next row's samples after it. A vector beyond those is written too.
@inline(never)
public func padRows(
  _ source: UnsafePointer<Float>, sourceStride: Int, width: Int, _ out: UnsafeMutablePointer<Float>,
  outStride: Int, left: Int,
  rows: Int, fill: Float
) {
  let constant = Vector(repeating: fill)
  var i = 0
  while i < left {
    store(constant, out + i)
    i = i &+ lanes
  }
  var r = 0
  while r < rows {
    let (from, to) = (source + r &* sourceStride, out + (r &* outStride &+ left))
    i = 0
    while i &+ lanes <= width {
      store(load(from + i), to + i)
      i = i &+ lanes
    }
    if i < width {
      store(constant.replacing(with: load(from + i), where: laneNumbers .< Float(width &- i)), to + i)
      i = i &+ lanes
    }
    // Up to where the next row's samples start.
    while i < outStride {
      store(constant, to + i)
      i = i &+ lanes
    }
    r = r &+ 1
  }
}

@inline(always) var laneNumbers: Vector {
  #if AVX512
    return [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
  #elseif AVX2
    return [0, 1, 2, 3, 4, 5, 6, 7]
  #else
    return [0, 1, 2, 3]
  #endif
}

/// Whether ``depthwiseRows(_:height:stride:)`` takes such a kernel: those whose sums stay in registers.
public func depthwiseRowsTakes(height: Int, stride: Int) -> Bool {
  #if AVX512 || arch(arm64)
    if height == 3, stride == 2 { return true }
  #endif
  return (height == 3 || height == 5) && stride == 1
}

/// A plane's correlation; see `ConvolveDepthwise`.
/// - Parameters:
///   - height: of the kernel.
///   - stride: between outputs, along both axes.
@inline(never)
public func depthwiseRows(_ t: UnsafePointer<ConvolveDepthwise>, height: Int, stride: Int) {
  #if AVX512 || arch(arm64)
    if stride == 2 { return depthwise3Stride2(t) }
  #endif
  if height == 3 { depthwise3(t) } else { depthwise5(t) }
}

@inline(never)
func depthwise3(_ t: UnsafePointer<ConvolveDepthwise>) { depthwisePlane(t.pointee, 3, 1) }
@inline(never)
func depthwise5(_ t: UnsafePointer<ConvolveDepthwise>) { depthwisePlane(t.pointee, 5, 1) }
#if AVX512 || arch(arm64)
  @inline(never)
  func depthwise3Stride2(_ t: UnsafePointer<ConvolveDepthwise>) { depthwisePlane(t.pointee, 3, 2) }
#endif

@inline(always)
func depthwisePlane(_ t: ConvolveDepthwise, _ height: Int, _ stride: Int) {
  var y = 0
  while y < t.rows {
    // The last blocks overlap those before, and write the same numbers.
    let top =
      y &+ depthwiseBlockRows <= t.rows || t.rows < depthwiseBlockRows ? y : t.rows &- depthwiseBlockRows
    let kept = t.rows &- top < depthwiseBlockRows ? t.rows &- top : depthwiseBlockRows
    var x = 0
    while x < t.columns {
      let left = x &+ lanes <= t.columns || t.columns < lanes ? x : t.columns &- lanes
      depthwiseBlock(t, height, stride, top, left, kept)
      x = x &+ lanes
    }
    y = y &+ depthwiseBlockRows
  }
}

@inline(always)
func depthwiseBlock(
  _ t: ConvolveDepthwise, _ height: Int, _ stride: Int, _ top: Int, _ left: Int, _ kept: Int
) {
  let start = Vector(repeating: t.bias)
  var sums: InlineArray<7, Vector> = [start, start, start, start, start, start, start]
  let input = t.input + (top &* stride &* t.inputStride &+ left &* stride)
  var s = 0
  while s < t.kernelWidth {
    let w = t.weights + s
    let w0 = Vector(repeating: w[0])
    let w1 = Vector(repeating: w[t.kernelWidth])
    let w2 = Vector(repeating: w[2 &* t.kernelWidth])
    let w3 = height == 5 ? Vector(repeating: w[3 &* t.kernelWidth]) : w2
    let w4 = height == 5 ? Vector(repeating: w[4 &* t.kernelWidth]) : w2
    // Lines that several rows read are loaded once: the compiler sees that nothing is written in between. (Two loops
    // would not be unrolled for five lines, which keeps all sums in memory.)
    let step = t.inputStride
    var row = 0
    while row < depthwiseBlockRows {
      let line = input + (s &+ row &* stride &* step)
      var sum = multiplyAdd(sums[unchecked: row], w0, strided(line, stride))
      sum = multiplyAdd(sum, w1, strided(line + step, stride))
      sum = multiplyAdd(sum, w2, strided(line + 2 &* step, stride))
      if height == 5 {
        sum = multiplyAdd(sum, w3, strided(line + 3 &* step, stride))
        sum = multiplyAdd(sum, w4, strided(line + 4 &* step, stride))
      }
      sums[unchecked: row] = sum
      row = row &+ 1
    }
    s = s &+ 1
  }
  let out = t.output + (top &* t.outputStride &+ left)
  let (least, most) = (Vector(repeating: t.least), Vector(repeating: t.most))
  var r = 0
  while r < depthwiseBlockRows {
    if r < kept { store(minimum(most, maximum(least, sums[unchecked: r])), out + r &* t.outputStride) }
    r = r &+ 1
  }
}

/// The gradient of one row of a channel's kernel, of 3 or 5 weights:
/// sums[s] += sum over y and x of upstream[y, x] * input[y * stride + r, x * stride + s], with `output` as the upstream
/// gradient, which is only read, and `input` at row r of the padded plane.
@inline(never)
public func depthwiseWeights(
  _ t: UnsafePointer<ConvolveDepthwise>, stride: Int, _ sums: UnsafeMutablePointer<Float>
) {
  let zero = Vector(repeating: 0)
  var (s0, s1, s2, s3, s4) = (zero, zero, zero, zero, zero)
  let t = t.pointee
  var y = 0
  while y < t.rows {
    let line = t.input + y &* stride &* t.inputStride
    let row = UnsafePointer(t.output) + y &* t.outputStride
    var x = 0
    while x < t.columns {
      var upstream = load(row + x)
      if x &+ lanes > t.columns {
        upstream = zero.replacing(with: upstream, where: laneNumbers .< Float(t.columns &- x))
      }
      let from = line + x &* stride
      s0 = multiplyAdd(s0, upstream, strided(from, stride))
      s1 = multiplyAdd(s1, upstream, strided(from + 1, stride))
      s2 = multiplyAdd(s2, upstream, strided(from + 2, stride))
      if t.kernelWidth == 5 {
        s3 = multiplyAdd(s3, upstream, strided(from + 3, stride))
        s4 = multiplyAdd(s4, upstream, strided(from + 4, stride))
      }
      x = x &+ lanes
    }
    y = y &+ 1
  }
  sums[0] += sumOfLanes(s0)
  sums[1] += sumOfLanes(s1)
  sums[2] += sumOfLanes(s2)
  if t.kernelWidth == 5 {
    sums[3] += sumOfLanes(s3)
    sums[4] += sumOfLanes(s4)
  }
}

/// Every first or every second sample.
@inline(always)
func strided(_ from: UnsafePointer<Float>, _ stride: Int) -> Vector {
  stride == 1 ? load(from) : even(load(from), load(from + lanes))
}
