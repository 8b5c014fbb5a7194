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

/// Tensors one after another along an axis.
func concatenateStep(_ site: StepSite, axis: Int) -> PointerStep {
  let shape = site.output.shape
  let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
  let outer = shape.dimensions[..<axis].reduce(1, *)
  let runs = site.inputs.map { $0.shape[axis] * inner }
  let starts = runs.sumsBefore
  let pointers = site.inputs.indices.map { site.pointer($0) }
  let (y, row) = (site.outputPointer, shape[axis] * inner)
  return PointerStep {
    for (k, x) in pointers.enumerated() {
      for i in 0..<outer { (y + i * row + starts[k]).update(from: x + i * runs[k], count: runs[k]) }
    }
  }
}
