import Tensors

/// A part along an axis.
func sliceStep(_ site: StepSite, _ range: Range<Int>, axis: Int) -> PointerStep {
  let shape = site.inputs[0].shape
  let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
  let outer = shape.dimensions[..<axis].reduce(1, *)
  let (x, y, size) = (site.pointer(0), site.outputPointer, shape[axis])
  return PointerStep {
    for i in 0..<outer {
      (y + i * range.count * inner).update(
        from: x + (i * size + range.lowerBound) * inner, count: range.count * inner)
    }
  }
}

/// Tensors one after another along an axis; those that were put out there stay.
func concatenateStep(_ site: StepSite, axis: Int) -> PointerStep {
  let shape = site.output.shape
  let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
  let outer = shape.dimensions[..<axis].reduce(1, *)
  let runs = site.inputs.map { $0.shape[axis] * inner }
  let (y, row) = (site.outputPointer, shape[axis] * inner)
  let copied = zip(site.inputs.indices, zip(runs, runs.sumsBefore)).compactMap { k, place in
    let (x, (run, start)) = (site.pointer(k), place)
    return x == UnsafePointer(y + start) ? nil : (from: x, run: run, to: y + start)
  }
  return PointerStep {
    for (from, run, to) in copied {
      ThreadPool.shared(for: outer * run).parallelFor(outer) { i in
        (to + i * row).update(from: from + i * run, count: run)
      }
    }
  }
}

/// One of every so many samples along the spatial axes of `[N, C, spatial...]`.
func subsampleStep(_ site: StepSite, _ steps: [Int]) -> PointerStep {
  let (from, to) = (site.inputs[0].shape, site.output.shape)
  let (width, columns, step) = (from[from.rank - 1], to[to.rank - 1], steps.last!)
  // Where the rows of a plane that are read start.
  var rows = [0]
  for (axis, step) in steps.dropLast().enumerated() {
    let (size, count) = (from[axis + 2], to[axis + 2])
    rows = rows.flatMap { row in (0..<count).map { row * size + $0 * step } }
  }
  let starts = rows.map { $0 * width }
  let (planes, plane, outPlane) = (to[0] * to[1], from.dimensions[2...].reduce(1, *), starts.count * columns)
  let (x, y) = (site.pointer(0), site.outputPointer)
  // Planes are small, so that a piece takes some.
  let some = max(1, elementsAPiece / max(1, outPlane))
  return PointerStep {
    ThreadPool.shared(for: planes * outPlane).parallelFor(planes.dividedRoundingUp(by: some)) { piece in
      for p in piece * some..<min(planes, (piece + 1) * some) {
        for (row, start) in starts.enumerated() {
          let (x, y) = (UnsafeRawPointer(x + (p * plane + start)), y + (p * outPlane + row * columns))
          var i = 0
          while step == 2, i &+ 4 <= columns {
            let pairs = x.loadUnaligned(fromByteOffset: 8 &* i, as: SIMD8<Float>.self)
            UnsafeMutableRawPointer(y + i).storeBytes(of: pairs.evenHalf, as: SIMD4<Float>.self)
            i = i &+ 4
          }
          while i < columns {
            y[i] = x.loadUnaligned(fromByteOffset: 4 &* step &* i, as: Float.self)
            i = i &+ 1
          }
        }
      }
    }
  }
}
