// Max pooling of samples that are vectors, of channels side by side. NaN stays NaN.

/// out[(r * columns + i) * lanes + l] = the greatest of the 2x2 samples from x[2r * rowStep + 2i * step + l] on.
@inline(never)
public func maximumOfVectorSquares(
  _ x: UnsafePointer<Float>, step: Int, rowStep: Int, _ out: UnsafeMutablePointer<Float>, rows: Int,
  columns: Int
) {
  var target = out
  var r = 0
  while r < rows {
    var a = x + 2 &* r &* rowStep
    var i = 0
    while i < columns {
      let b = a + rowStep
      store(greater(greater(load(a), load(a + step)), greater(load(b), load(b + step))), target)
      a += 2 &* step
      target += lanes
      i = i &+ 1
    }
    r = r &+ 1
  }
}

/// out[i * lanes + l] = the greatest of columns 2i - 1 to 2i + 1, of those that are there, of three rows of `columns` vectors.
@inline(never)
public func maximumOfVectorWindows(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafePointer<Float>, columns: Int,
  _ out: UnsafeMutablePointer<Float>
) {
  let end = columns &* lanes
  var target = out
  // A column that is not there is stood for by its neighbour.
  var left = maximumOfColumn(a, b, c)
  var i = 0
  while i &+ lanes < end {
    let middle = maximumOfColumn(a + i, b + i, c + i)
    let next = i &+ lanes
    let right = maximumOfColumn(a + next, b + next, c + next)
    store(greater(greater(left, middle), right), target)
    left = right
    target += lanes
    i = next &+ lanes
  }
  if i < end { store(greater(left, maximumOfColumn(a + i, b + i, c + i)), target) }
}

@inline(always)
func maximumOfColumn(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafePointer<Float>)
  -> Vector
{
  greater(greater(load(a), load(b)), load(c))
}

/// a[i] = the greater of a[i] and b[i]. Exactly `count` elements are written; whole vectors are read.
@inline(never)
public func keepGreater(_ a: UnsafeMutablePointer<Float>, _ b: UnsafePointer<Float>, count: Int) {
  var i = 0
  while i < count {
    storeFirst(count &- i, greater(load(a + i), load(b + i)), a + i)
    i = i &+ lanes
  }
}
