import CIntrinsics

// The matrix tile: a few rows of weights by a few vectors of columns, held in registers over the whole depth.

#if AVX512 || arch(arm64)
  @inline(__always) var tileRows: Int { 6 }
  @inline(__always) var tileVectors: Int { 4 }
#elseif AVX2
  @inline(__always) var tileRows: Int { 6 }
  @inline(__always) var tileVectors: Int { 2 }
#else
  @inline(__always) var tileRows: Int { 4 }
  @inline(__always) var tileVectors: Int { 2 }
#endif

/// Rows of ``multiplyTile(_:_:bStride:depth:_:cStride:)``.
public func multiplyTileRows() -> Int { tileRows }

/// Columns of ``multiplyTile(_:_:bStride:depth:_:cStride:)``.
public func multiplyTileColumns() -> Int { tileVectors &* lanes }

/// c[i, j] += sum over k of a[k * rows + i] * b[k * bStride + j], for a tile of rows and columns.
@inline(never)
public func multiplyTile(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, bStride: Int, depth: Int,
  _ c: UnsafeMutablePointer<Float>, cStride: Int
) {
  // Spelt out: InlineArray(repeating:) in two files becomes a weak symbol.
  let zero = Vector(repeating: 0)
  #if AVX512 || arch(arm64)
    var sums: InlineArray<24, Vector> = [
      zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero,
      zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero,
    ]
  #elseif AVX2
    var sums: InlineArray<12, Vector> = [
      zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero,
    ]
  #else
    var sums: InlineArray<8, Vector> = [zero, zero, zero, zero, zero, zero, zero, zero]
  #endif
  var (a, b) = (a, b)
  var k = 0
  while k < depth {
    // Each vector of columns is read once: the compiler sees that nothing is written in between.
    var i = 0
    while i < tileRows {
      let weight = Vector(repeating: a[i])
      var j = 0
      while j < tileVectors {
        let n = i &* tileVectors &+ j
        sums[unchecked: n] = multiplyAdd(sums[unchecked: n], weight, load(b + j &* lanes))
        j = j &+ 1
      }
      i = i &+ 1
    }
    a += tileRows
    b += bStride
    k = k &+ 1
  }
  var i = 0
  while i < tileRows {
    var j = 0
    while j < tileVectors {
      let out = c + i &* cStride + j &* lanes
      store(load(out) + sums[unchecked: i &* tileVectors &+ j], out)
      j = j &+ 1
    }
    i = i &+ 1
  }
}
