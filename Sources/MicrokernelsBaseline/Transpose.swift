import CIntrinsics

/// out[c * outStride + r] = source[r * sourceStride + c], for r in 0 ..< rows and c in 0 ..< columns. Nothing else is
/// written; rows of the source are read in whole vectors.
@inline(never)
public func transpose(
  _ source: UnsafePointer<Float>, sourceStride: Int, _ out: UnsafeMutablePointer<Float>, outStride: Int,
  rows: Int, columns: Int
) {
  var c = 0
  while c < columns {
    let wide = columns &- c < lanes ? columns &- c : lanes
    var r = 0
    if rows >= lanes {
      while r < rows {
        // The last block overlaps the one before, and writes the same numbers.
        let first = r &+ lanes <= rows ? r : rows &- lanes
        transposeBlock(
          source + (first &* sourceStride &+ c), sourceStride, out + (c &* outStride &+ first), outStride,
          wide)
        r = r &+ lanes
      }
    } else {
      while r < rows {
        var i = 0
        while i < wide {
          out[(c &+ i) &* outStride &+ r] = source[r &* sourceStride &+ c &+ i]
          i = i &+ 1
        }
        r = r &+ 1
      }
    }
    c = c &+ lanes
  }
}

/// A square block; `wide` columns of it are stored.
@inline(always)
func transposeBlock(
  _ source: UnsafePointer<Float>, _ sourceStride: Int, _ out: UnsafeMutablePointer<Float>, _ outStride: Int,
  _ wide: Int
) {
  let zero = Vector(repeating: 0)
  var rows: InlineArray<16, Vector> = [
    zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero,
  ]
  var i = 0
  while i < lanes {
    rows[unchecked: i] = load(source + i &* sourceStride)
    i = i &+ 1
  }
  rows = transposed(rows)
  if wide == lanes {
    i = 0
    while i < lanes {
      store(rows[unchecked: i], out + i &* outStride)
      i = i &+ 1
    }
    return
  }
  i = 0
  while i < lanes {
    if i < wide { store(rows[unchecked: i], out + i &* outStride) }
    i = i &+ 1
  }
}

/// The columns of a square block.
@inline(always)
func transposed(_ rows: InlineArray<16, Vector>) -> InlineArray<16, Vector> {
  // Each turn interleaves row i with the row half a block further: after log2(lanes) turns, rows are columns.
  let twice = interleaved(interleaved(rows))
  #if AVX512
    return interleaved(interleaved(twice))
  #elseif AVX2
    return interleaved(twice)
  #else
    return twice
  #endif
}

@inline(always)
func interleaved(_ rows: InlineArray<16, Vector>) -> InlineArray<16, Vector> {
  var result = rows
  let half = lanes &>> 1
  var i = 0
  while i < half {
    result[unchecked: 2 &* i] = interleaveLow(rows[unchecked: i], rows[unchecked: i &+ half])
    result[unchecked: 2 &* i &+ 1] = interleaveHigh(rows[unchecked: i], rows[unchecked: i &+ half])
    i = i &+ 1
  }
  return result
}
