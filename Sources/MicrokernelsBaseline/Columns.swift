import CIntrinsics

// Panels of a convolution's columns, copied together run by run. Whole vectors are read and written: what is too much
// is written over by the next run, and input storage can be read beyond its end.

/// Row d of the panel, for d in 0 ..< depth, holds the runs of tap (firstTap + d) % taps of the plane
/// (firstTap + d) / taps.
/// - Parameters:
///   - runs: those of tap t are `starts[t] ..< starts[t + 1]`, in the order of their targets.
///   - step: elements between the samples that adjacent outputs read.
///   - rowStride: elements from row to row of the panel.
@inline(never)
public func packColumns(
  _ runs: UnsafePointer<ConvolveRun>, _ starts: UnsafePointer<Int32>, taps: Int, firstTap: Int, depth: Int,
  _ planes: UnsafePointer<Float>, planeStride: Int, step: Int, fill: Float,
  _ panel: UnsafeMutablePointer<Float>, rowStride: Int
) {
  let constant = Vector(repeating: fill)
  var tap = firstTap
  var (plane, row) = (planes, panel)
  var d = 0
  while d < depth {
    var i = Int(starts[tap])
    let end = Int(starts[tap &+ 1])
    while i < end {
      let run = runs[i]
      let out = row + Int(run.target)
      let count = Int(run.count)
      if run.source < 0 {
        var n = 0
        while n < count {
          store(constant, out + n)
          n = n &+ lanes
        }
      } else {
        copyRun(plane + Int(run.source), step, out, count)
      }
      i = i &+ 1
    }
    tap = tap &+ 1
    if tap == taps {
      tap = 0
      plane += planeStride
    }
    row += rowStride
    d = d &+ 1
  }
}

@inline(always)
func copyRun(
  _ source: UnsafePointer<Float>, _ step: Int, _ out: UnsafeMutablePointer<Float>, _ count: Int
) {
  var n = 0
  switch step {
  case 1:
    while n < count {
      store(load(source + n), out + n)
      n = n &+ lanes
    }
  case 2:
    while n < count {
      let from = source + 2 &* n
      store(even(load(from), load(from + lanes)), out + n)
      n = n &+ lanes
    }
  case 4:
    while n < count {
      let from = source + 4 &* n
      let low = even(load(from), load(from + lanes))
      let high = even(load(from + 2 &* lanes), load(from + 3 &* lanes))
      store(even(low, high), out + n)
      n = n &+ lanes
    }
  default:
    while n < count {
      out[n] = source[n &* step]
      n = n &+ 1
    }
  }
}
