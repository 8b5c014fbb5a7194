import CIntrinsics

// Box sums without multiplications. `weights` and `accumulate` of the block are not used.

/// output[y, x] = sum over r < kernelHeight of input[y + r, x]: one running sum down each column.
@inline(never)
public func boxColumns(_ block: UnsafePointer<ConvolveBlock>) {
  let b = block.pointee
  var x = 0
  while x < b.columns {
    var entering = b.input + x
    var s0 = Vector(repeating: 0)
    var s1 = s0
    var s2 = s0
    var s3 = s0
    var r = 0
    while r < b.kernelHeight {
      s0 += load(entering)
      s1 += load(entering + lanes)
      s2 += load(entering + 2 &* lanes)
      s3 += load(entering + 3 &* lanes)
      entering += b.inputStride
      r = r &+ 1
    }
    var leaving = b.input + x
    var output = b.output + x
    var y = 0
    while true {
      store(s0, output)
      store(s1, output + lanes)
      store(s2, output + 2 &* lanes)
      store(s3, output + 3 &* lanes)
      y = y &+ 1
      if y >= b.rows { break }
      s0 += load(entering) - load(leaving)
      s1 += load(entering + lanes) - load(leaving + lanes)
      s2 += load(entering + 2 &* lanes) - load(leaving + 2 &* lanes)
      s3 += load(entering + 3 &* lanes) - load(leaving + 3 &* lanes)
      entering += b.inputStride
      leaving += b.inputStride
      output += b.outputStride
    }
    x = x &+ 4 &* lanes
  }
}

/// output[y, x] = sum over s < kernelWidth of input[y, x + s * tapStep].
///
/// First the sums of `tapsTogether` neighbours, then the sums of as many groups as fit and of the taps that
/// are left: 5 + 3 additions for a width of 15.
@inline(never)
public func boxRows(_ block: UnsafePointer<ConvolveBlock>) {
  let b = block.pointee
  let groups = b.kernelWidth / b.tapsTogether
  let grouped = groups &* b.tapsTogether
  let groupStep = b.tapsTogether &* b.tapStep
  var y = 0
  while y < b.rows {
    let input = b.input + y &* b.inputStride
    let output = b.output + y &* b.outputStride
    sumTaps(input, b.tapStep, b.tapsTogether, nil, 0, output, b.columns &+ (groups &- 1) &* groupStep)
    if groups > 1 || grouped < b.kernelWidth {
      // In ascending order, a sum overwrites only what no later one reads.
      sumTaps(
        output, groupStep, groups, input + grouped &* b.tapStep, b.kernelWidth &- grouped, output, b.columns,
        b.tapStep)
    }
    y = y &+ 1
  }
}

/// output[x] = sum over i < taps of source[x + i * step], and over i < restTaps of rest[x + i * restStep].
@inline(always)
func sumTaps(
  _ source: UnsafePointer<Float>, _ step: Int, _ taps: Int, _ rest: UnsafePointer<Float>?, _ restTaps: Int,
  _ output: UnsafeMutablePointer<Float>, _ count: Int, _ restStep: Int = 0
) {
  var x = 0
  while x < count {
    var p = source + x
    var s0 = load(p)
    var s1 = load(p + lanes)
    var s2 = load(p + 2 &* lanes)
    var s3 = load(p + 3 &* lanes)
    var i = 1
    while i < taps {
      p += step
      s0 += load(p)
      s1 += load(p + lanes)
      s2 += load(p + 2 &* lanes)
      s3 += load(p + 3 &* lanes)
      i = i &+ 1
    }
    if let rest {
      var p = rest + x
      var i = 0
      while i < restTaps {
        s0 += load(p)
        s1 += load(p + lanes)
        s2 += load(p + 2 &* lanes)
        s3 += load(p + 3 &* lanes)
        p += restStep
        i = i &+ 1
      }
    }
    store(s0, output + x)
    store(s1, output + x + lanes)
    store(s2, output + x + 2 &* lanes)
    store(s3, output + x + 3 &* lanes)
    x = x &+ 4 &* lanes
  }
}
