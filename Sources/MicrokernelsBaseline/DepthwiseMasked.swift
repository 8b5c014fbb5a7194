import CIntrinsics

// One channel's 5x5 correlation, or 3x3 of stride 2, over a plane that is read where it lies, with zeros around it: what is
// beyond the plane is masked out as it is read, so that nothing is copied. Lines are read one after another, and each is
// added to all rows of outputs that it belongs to. With AVX2 those of stride 2 alone: 5x5 of stride 1 has too many sums.

#if AVX512 || AVX2
  /// Whether ``depthwiseMasked(_:size:stride:)`` takes such kernels.
  public func depthwiseMaskedTakes(size: Int, stride: Int) -> Bool {
    #if AVX512
      if size == 5, stride == 1 { return true }
    #endif
    return stride == 2 && (size == 3 || size == 5)
  }

  /// A plane's correlation; see `ConvolveDepthwisePlane`.
  public func depthwiseMasked(_ t: UnsafePointer<ConvolveDepthwisePlane>, size: Int, stride: Int) {
    #if AVX512
      if stride == 1 { return masked5(t) }
    #endif
    if size == 5 { masked5Stride2(t) } else { masked3Stride2(t) }
  }

  /// Samples of a line at each column of the kernel; those beyond its size are not used.
  typealias Taps = (Vector, Vector, Vector, Vector, Vector)

  /// The lanes whose columns, from `first` on, are among so many.
  @inline(always)
  func insideMask(_ first: Int, _ columns: Int) -> LaneMask {
    let begin = first < 0 ? (first < -16 ? 16 : -first) : 0
    let end = columns &- first < 0 ? 0 : columns &- first
    return laneMask(end) & ~laneMask(begin)
  }

  @inline(never)
  func masked5Stride2(_ plane: UnsafePointer<ConvolveDepthwisePlane>) { maskedStride2(plane.pointee, 5) }

  @inline(never)
  func masked3Stride2(_ plane: UnsafePointer<ConvolveDepthwisePlane>) { maskedStride2(plane.pointee, 3) }

  @inline(always)
  func maskedStride2(_ t: ConvolveDepthwisePlane, _ size: Int) {
    let bias = Vector(repeating: t.bias)
    let (least, most) = (Vector(repeating: t.least), Vector(repeating: t.most))
    let before = size / 2
    let plane = t.inputRows &* t.inputColumns
    var x = 0
    while x < t.columns {
      // The last vector ends with the row where it can.
      let start = x &+ lanes <= t.columns || t.columns < lanes ? x : t.columns &- lanes
      let left = 2 &* start &- t.left
      let isInside = left >= 0 && left &+ 2 &* lanes &+ size &- 1 <= t.inputColumns
      // Of the rows of outputs that a pair of lines belongs to, the first finished first.
      var (a0, a1, a2) = (bias, bias, bias)
      var (b0, b1, b2) = (Vector.zero, Vector.zero, Vector.zero)
      var out = t.output + (start &- before &* t.columns)
      var row = 0 &- before
      while row < t.rows {
        let w = t.weights
        let line = 2 &* (row &+ before) &- t.top
        // The next plane's, which is not foreseen from column to column.
        convolve_prefetch(t.input + (line &* t.inputColumns &+ left &+ plane))
        convolve_prefetch(t.input + ((line &+ 1) &* t.inputColumns &+ left &+ plane))
        if line >= 0, line < t.inputRows {
          let taps = stridedTaps(t.input + line &* t.inputColumns, left, t.inputColumns, size, isInside)
          if size == 5 {
            a0 = addEven(a0, w + 20, taps, 5)
            b0 = addOdd(b0, w + 20, taps, 5)
            a1 = addEven(a1, w + 10, taps, 5)
            b1 = addOdd(b1, w + 10, taps, 5)
            a2 = addEven(a2, w, taps, 5)
            b2 = addOdd(b2, w, taps, 5)
          } else {
            a0 = addEven(a0, w + 6, taps, 3)
            b0 = addOdd(b0, w + 6, taps, 3)
            a1 = addEven(a1, w, taps, 3)
            b1 = addOdd(b1, w, taps, 3)
          }
        }
        if line &+ 1 >= 0, line &+ 1 < t.inputRows {
          let taps = stridedTaps(
            t.input + (line &+ 1) &* t.inputColumns, left, t.inputColumns, size, isInside)
          if size == 5 {
            a1 = addEven(a1, w + 15, taps, 5)
            b1 = addOdd(b1, w + 15, taps, 5)
            a2 = addEven(a2, w + 5, taps, 5)
            b2 = addOdd(b2, w + 5, taps, 5)
          } else {
            a1 = addEven(a1, w + 3, taps, 3)
            b1 = addOdd(b1, w + 3, taps, 3)
          }
        }
        if row >= 0 {
          storeFirst(t.columns &- start, minimum(most, maximum(least, inOrder(a0 + b0))), out)
        }
        (a0, a1, a2) = (a1, size == 5 ? a2 : bias, bias)
        (b0, b1, b2) = (b1, size == 5 ? b2 : Vector.zero, Vector.zero)
        out += t.columns
        row = row &+ 1
      }
      x = x &+ lanes
    }
  }

  /// Every second sample of a line, from each column of the kernel on, in the order of `everySecond`.
  @inline(always)
  func stridedTaps(
    _ line: UnsafePointer<Float>, _ left: Int, _ columns: Int, _ size: Int, _ isInside: Bool
  ) -> Taps {
    let p = line + left
    if isInside {
      let (a0, a1, b0, b1) = (load(p), load(p + lanes), load(p + 2), load(p + (2 &+ lanes)))
      let taps = (everySecond(a0, a1), everyOther(a0, a1), everySecond(b0, b1))
      if size == 3 { return (taps.0, taps.1, taps.2, taps.2, taps.2) }
      return (
        taps.0, taps.1, taps.2, everyOther(b0, b1), everySecond(load(p + 4), load(p + (4 &+ lanes)))
      )
    }
    let a0 = loadLanes(p, insideMask(left, columns))
    let a1 = loadLanes(p + lanes, insideMask(left &+ lanes, columns))
    let b0 = loadLanes(p + 2, insideMask(left &+ 2, columns))
    let b1 = loadLanes(p + (2 &+ lanes), insideMask(left &+ (2 &+ lanes), columns))
    let taps = (everySecond(a0, a1), everyOther(a0, a1), everySecond(b0, b1))
    if size == 3 { return (taps.0, taps.1, taps.2, taps.2, taps.2) }
    let c0 = loadLanes(p + 4, insideMask(left &+ 4, columns))
    let c1 = loadLanes(p + (4 &+ lanes), insideMask(left &+ (4 &+ lanes), columns))
    return (taps.0, taps.1, taps.2, everyOther(b0, b1), everySecond(c0, c1))
  }

  // Crossing the middle of a vector of eight takes longest: sums do it once, as they are stored.

  /// Every second lane of two vectors, from the first, in an order that `inOrder` sets right.
  @inline(always)
  func everySecond(_ a: Vector, _ b: Vector) -> Vector {
    #if AVX512
      return even(a, b)
    #else
      return convolve_even_halves_f32x8(a, b)
    #endif
  }

  /// The same from the second lane on.
  @inline(always)
  func everyOther(_ a: Vector, _ b: Vector) -> Vector {
    #if AVX512
      return odd(a, b)
    #else
      return convolve_odd_halves_f32x8(a, b)
    #endif
  }

  @inline(always)
  func inOrder(_ v: Vector) -> Vector {
    #if AVX512
      return v
    #else
      return convolve_ordered_halves_f32x8(v)
    #endif
  }

  /// Products of a kernel's first, third and fifth columns.
  @inline(always)
  func addEven(_ sum: Vector, _ w: UnsafePointer<Float>, _ taps: Taps, _ size: Int) -> Vector {
    let two = multiplyAdd(
      multiplyAdd(sum, Vector(repeating: w[0]), taps.0), Vector(repeating: w[2]), taps.2)
    return size == 5 ? multiplyAdd(two, Vector(repeating: w[4]), taps.4) : two
  }

  /// Products of a kernel's second and fourth columns.
  @inline(always)
  func addOdd(_ sum: Vector, _ w: UnsafePointer<Float>, _ taps: Taps, _ size: Int) -> Vector {
    let one = multiplyAdd(sum, Vector(repeating: w[1]), taps.1)
    return size == 5 ? multiplyAdd(one, Vector(repeating: w[3]), taps.3) : one
  }
#endif

#if AVX512
  @inline(never)
  func masked5(_ plane: UnsafePointer<ConvolveDepthwisePlane>) {
    let t = plane.pointee
    let bias = Vector(repeating: t.bias)
    let (least, most) = (Vector(repeating: t.least), Vector(repeating: t.most))
    var x = 0
    while x < t.columns {
      let left = x &- t.left
      let (m0, m1) = (insideMask(left, t.inputColumns), insideMask(left &+ 1, t.inputColumns))
      let (m2, m3) = (insideMask(left &+ 2, t.inputColumns), insideMask(left &+ 3, t.inputColumns))
      let m4 = insideMask(left &+ 4, t.inputColumns)
      let kept = laneMask(t.columns &- x)
      // Of five rows of outputs, the first finished first; in two sums each, as additions wait for one another.
      var (a0, a1, a2, a3, a4) = (bias, bias, bias, bias, bias)
      var (b0, b1, b2, b3, b4) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero, Vector.zero)
      var out = t.output + (x &- 4 &* t.columns)
      var row = -4
      while row < t.rows {
        let line = row &+ 4 &- t.top
        if line >= 0, line < t.inputRows {
          let p = t.input + (line &* t.inputColumns &+ left)
          let taps = (
            loadLanes(p, m0), loadLanes(p + 1, m1), loadLanes(p + 2, m2), loadLanes(p + 3, m3),
            loadLanes(p + 4, m4)
          )
          let w = t.weights
          a0 = addEven(a0, w + 20, taps, 5)
          b0 = addOdd(b0, w + 20, taps, 5)
          a1 = addEven(a1, w + 15, taps, 5)
          b1 = addOdd(b1, w + 15, taps, 5)
          a2 = addEven(a2, w + 10, taps, 5)
          b2 = addOdd(b2, w + 10, taps, 5)
          a3 = addEven(a3, w + 5, taps, 5)
          b3 = addOdd(b3, w + 5, taps, 5)
          a4 = addEven(a4, w, taps, 5)
          b4 = addOdd(b4, w, taps, 5)
        }
        if row >= 0 { storeLanes(minimum(most, maximum(least, a0 + b0)), out, kept) }
        (a0, a1, a2, a3, a4) = (a1, a2, a3, a4, bias)
        (b0, b1, b2, b3, b4) = (b1, b2, b3, b4, Vector.zero)
        out += t.columns
        row = row &+ 1
      }
      x = x &+ lanes
    }
  }
#endif
