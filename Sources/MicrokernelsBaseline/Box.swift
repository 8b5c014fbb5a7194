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
/// Sums of 1, 2, 4, 8 ... neighbours are built by doubling, and those that make up kernelWidth are added:
/// about 2 log2(kernelWidth) additions. Overwrites the input block.
@inline(never)
public func boxRows(_ block: UnsafePointer<ConvolveBlock>) {
  let b = block.pointee
  let reach = b.columns &+ (b.kernelWidth &- 1) &* b.tapStep
  var y = 0
  while y < b.rows {
    let sums = UnsafeMutablePointer(mutating: b.input + y &* b.inputStride)
    let output = b.output + y &* b.outputStride
    var width = 1  // sums[x] holds the sum of `width` taps from x
    var taken = 0  // output[x] holds the sum of `taken` taps from x
    while true {
      if b.kernelWidth & width != 0 {
        addShifted(output, sums + taken &* b.tapStep, b.columns, replacing: taken == 0)
        taken = taken &+ width
        if taken == b.kernelWidth { break }
      }
      addShifted(sums, sums + width &* b.tapStep, reach &- width &* b.tapStep, replacing: false)
      width = 2 &* width
    }
    y = y &+ 1
  }
}

/// sums[x] += source[x]; in ascending order, so the source may be the sums' own right-hand side.
@inline(__always)
func addShifted(
  _ sums: UnsafeMutablePointer<Float>, _ source: UnsafePointer<Float>, _ count: Int, replacing: Bool
) {
  var x = 0
  if replacing {
    while x < count {
      store(load(source + x), sums + x)
      x = x &+ lanes
    }
  } else {
    while x < count {
      store(load(sums + x) + load(source + x), sums + x)
      x = x &+ lanes
    }
  }
}
