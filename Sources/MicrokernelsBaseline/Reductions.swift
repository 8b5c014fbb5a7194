import CIntrinsics

/// out[r] = sum over i of matrix[r * rowStride + i] * x[i], for r in 0 ..< rows: each row is read once, as a stream.
@inline(never)
public func matrixTimesVector(
  _ matrix: UnsafePointer<Float>, rowStride: Int, rows: Int, _ x: UnsafePointer<Float>, count: Int,
  _ out: UnsafeMutablePointer<Float>
) {
  let zero = Vector(repeating: 0)
  let whole = count & ~(lanes &- 1)
  let isLast = laneNumbers .< Float(count &- whole)
  var r = 0
  while r < rows {
    // The last rows of four may be the same one.
    let row0 = matrix + r &* rowStride
    let row1 = matrix + (r &+ 1 < rows ? r &+ 1 : r) &* rowStride
    let row2 = matrix + (r &+ 2 < rows ? r &+ 2 : r) &* rowStride
    let row3 = matrix + (r &+ 3 < rows ? r &+ 3 : r) &* rowStride
    var (s0, s1, s2, s3) = (zero, zero, zero, zero)
    var i = 0
    while i < whole {
      let v = load(x + i)
      s0 = multiplyAdd(s0, load(row0 + i), v)
      s1 = multiplyAdd(s1, load(row1 + i), v)
      s2 = multiplyAdd(s2, load(row2 + i), v)
      s3 = multiplyAdd(s3, load(row3 + i), v)
      i = i &+ lanes
    }
    if whole < count {
      let v = zero.replacing(with: load(x + i), where: isLast)
      s0 = multiplyAdd(s0, zero.replacing(with: load(row0 + i), where: isLast), v)
      s1 = multiplyAdd(s1, zero.replacing(with: load(row1 + i), where: isLast), v)
      s2 = multiplyAdd(s2, zero.replacing(with: load(row2 + i), where: isLast), v)
      s3 = multiplyAdd(s3, zero.replacing(with: load(row3 + i), where: isLast), v)
    }
    out[r] = sumOfLanes(s0)
    if r &+ 1 < rows { out[r &+ 1] = sumOfLanes(s1) }
    if r &+ 2 < rows { out[r &+ 2] = sumOfLanes(s2) }
    if r &+ 3 < rows { out[r &+ 3] = sumOfLanes(s3) }
    r = r &+ 4
  }
}

/// The greatest sample of each window over a padded plane, NaN where one is; see `ConvolveDepthwise`, whose weights and
/// bias are not used.
@inline(never)
public func maximumRows(_ t: UnsafePointer<ConvolveDepthwise>, kernelHeight: Int, stride: Int) {
  if stride == 1 {
    poolRows(t.pointee, kernelHeight, 1, true)
  } else {
    poolRows(t.pointee, kernelHeight, 2, true)
  }
}

/// The sum of each window over a padded plane, divided by the bias; see `ConvolveDepthwise`, whose weights are not used.
@inline(never)
public func averageRows(_ t: UnsafePointer<ConvolveDepthwise>, kernelHeight: Int, stride: Int) {
  if stride == 1 {
    poolRows(t.pointee, kernelHeight, 1, false)
  } else {
    poolRows(t.pointee, kernelHeight, 2, false)
  }
}

@inline(always)
func poolRows(_ t: ConvolveDepthwise, _ kernelHeight: Int, _ stride: Int, _ isMaximum: Bool) {
  var y = 0
  while y < t.rows {
    var x = 0
    while x < t.columns {
      var result = Vector(repeating: isMaximum ? -.infinity : 0)
      let corner = t.input + (y &* stride &* t.inputStride &+ x &* stride)
      // Column by column, or two of them where every second is read.
      var s = 0
      while s < t.kernelWidth {
        var line = corner + s
        var low = load(line)
        var high = stride == 1 ? low : load(line + lanes)
        var r = 1
        while r < kernelHeight {
          line += t.inputStride
          low = pooled(low, load(line), isMaximum)
          if stride > 1 { high = pooled(high, load(line + lanes), isMaximum) }
          r = r &+ 1
        }
        result = pooled(result, stride == 1 ? low : even(low, high), isMaximum)
        if stride > 1, s &+ 1 < t.kernelWidth { result = pooled(result, odd(low, high), isMaximum) }
        s = s &+ stride
      }
      if !isMaximum { result /= Vector(repeating: t.bias) }
      storeFirst(t.columns &- x, result, t.output + (y &* t.outputStride &+ x))
      x = x &+ lanes
    }
    y = y &+ 1
  }
}

@inline(always)
func pooled(_ a: Vector, _ b: Vector, _ isMaximum: Bool) -> Vector { isMaximum ? greater(a, b) : a + b }
