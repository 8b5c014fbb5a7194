import Convolution
import Microkernels
import RealModule
import Tensors

/// Softmax along an axis; by vectors where it is the last.
func softmaxStep(_ site: StepSite, axis: Int) -> PointerStep {
  let shape = site.output.shape
  let (x, y, size) = (site.pointer(0), site.outputPointer, shape[axis])
  if axis == shape.rank - 1 {
    let kernels = Microkernels()
    return PointerStep {
      ThreadPool.shared.parallelFor(shape.count / max(1, size)) { row in
        kernels.softmaxRow(x + row * size, y + row * size, count: size)
      }
    }
  }
  return rowsStep(shape, axis) { start, step in
    let (greatest, sum) = exponentials(x + start, size, step)
    for i in 0..<size {
      y[start + i * step] = Float(Double.exp(Double(x[start + i * step]) - greatest) / sum)
    }
  }
}

/// The logarithm of softmax along an axis.
func logSoftmaxStep(_ site: StepSite, axis: Int) -> PointerStep {
  let shape = site.output.shape
  let (x, y, size) = (site.pointer(0), site.outputPointer, shape[axis])
  return rowsStep(shape, axis) { start, step in
    let (greatest, sum) = exponentials(x + start, size, step)
    let shift = greatest + Double.log(sum)
    for i in 0..<size { y[start + i * step] = Float(Double(x[start + i * step]) - shift) }
  }
}

private func rowsStep(
  _ shape: Shape, _ axis: Int, _ body: @escaping (_ start: Int, _ step: Int) -> Void
) -> PointerStep {
  let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
  let rows = shape.count / max(1, shape[axis])
  return PointerStep {
    ThreadPool.shared.parallelFor(rows) { row in
      body(row / inner * shape[axis] * inner + row % inner, inner)
    }
  }
}

/// The greatest of a row, and the sum of the exponentials of what the others are less.
private func exponentials(_ x: UnsafePointer<Float>, _ count: Int, _ step: Int) -> (
  greatest: Double, sum: Double
) {
  var greatest = -Double.infinity
  for i in 0..<count { greatest = max(greatest, Double(x[i * step])) }
  var sum = 0.0
  for i in 0..<count { sum += Double.exp(Double(x[i * step]) - greatest) }
  return (greatest, sum)
}
