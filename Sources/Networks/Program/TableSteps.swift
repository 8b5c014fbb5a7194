import Convolution
import Tensors

/// An operator that only moves elements, or puts zeros between them: a table of places, found by moving their numbers.
func rearrangementStep(_ site: StepSite, _ operation: some Operator) throws(GeometryError) -> (any Step)? {
  let table = try places(operation, site.inputs[0].shape)
  let (x, y) = (site.pointer(0), site.outputPointer)
  return PointerStep {
    ThreadPool.shared.parallelFor(table.count.dividedRoundingUp(by: elementsAPiece)) { piece in
      for i in piece * elementsAPiece..<min(table.count, (piece + 1) * elementsAPiece) {
        let place = Int(table[i])
        y[i] = place < 0 ? 0 : x[place]
      }
    }
  }
}

/// The transpose of such an operator, of an input of the output's shape: what was moved from a place is added there.
func rearrangementTransposeStep(
  _ site: StepSite, _ operation: some Operator
) throws(GeometryError) -> (any Step)? {
  let table = try places(operation, site.output.shape)
  let (x, y, count) = (site.pointer(0), site.outputPointer, site.output.shape.count)
  return PointerStep {
    y.update(repeating: 0, count: count)
    for (i, place) in table.enumerated() where place >= 0 { y[Int(place)] += x[i] }
  }
}

/// Where each output comes from; -1 for a zero.
private func places(_ operation: some Operator, _ shape: Shape) throws(GeometryError) -> [Int32] {
  let numbers = Tensor((0..<shape.count).map { Double($0 + 1) }, shape: shape)
  return try operation([numbers]).scalars.map { Int32($0) - 1 }
}

/// Sums over the axes that a broadcast repeats along, in float64.
func sumToStep(_ site: StepSite) -> PointerStep {
  let from = site.inputs[0].shape
  let kept = site.output.shape.withRank(from.rank)
  let steps = from.dimensions.indices.map { axis in from.dimensions[(axis + 1)...].reduce(1, *) }
  /// Places of all combinations of some axes, the innermost fastest.
  func places(_ axes: [Int]) -> [Int] {
    axes.reduce([0]) { places, axis in
      places.flatMap { place in (0..<from[axis]).map { place + $0 * steps[axis] } }
    }
  }
  let summed = from.dimensions.indices.filter { kept[$0] != from[$0] }
  // A run of the innermost axes is summed without a table.
  let inner = summed.reversed().enumerated().prefix { from.rank - 1 - $0 == $1 }.map(\.element)
  let run = inner.reduce(1) { $0 * from[$1] }
  let starts = places(from.dimensions.indices.filter { !summed.contains($0) })
  let rows = places(summed.filter { !inner.contains($0) })
  let (x, y) = (site.pointer(0), site.outputPointer)
  return PointerStep {
    ThreadPool.shared.parallelFor(starts.count) { i in
      var sum = 0.0
      for row in rows {
        let first = x + (starts[i] + row)
        for j in 0..<run { sum += Double(first[j]) }
      }
      y[i] = Float(sum)
    }
  }
}

/// One where a sample's class is, zeros elsewhere.
func oneHotStep(_ site: StepSite, classes: Int) -> PointerStep {
  let inner = site.output.shape.dimensions[2...].reduce(1, *)
  let (x, y) = (site.pointer(0), site.outputPointer)
  let (samples, count) = (site.inputs[0].shape.count, site.output.shape.count)
  return PointerStep {
    y.update(repeating: 0, count: count)
    for i in 0..<samples where x[i] >= 0 && x[i] < Float(classes) {
      y[(i / inner * classes + Int(x[i])) * inner + i % inner] = 1
    }
  }
}
