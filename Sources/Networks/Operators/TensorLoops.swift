import Tensors

// Loops over any scalar, for the operators' definitions.

extension Tensor where Scalar: FloatingScalar {
  /// The sizes before, of and after an axis.
  private func parts(_ axis: Int) -> (outer: Int, size: Int, inner: Int) {
    (shape.dimensions[..<axis].reduce(1, *), shape[axis], shape.dimensions[(axis + 1)...].reduce(1, *))
  }

  private func with(_ size: Int, axis: Int) -> Shape {
    var dimensions = shape.dimensions
    dimensions[axis] = size
    return Shape(dimensions)
  }

  /// - Precondition: the axis has size 1.
  func repeated(_ count: Int, axis: Int) -> Tensor {
    let (outer, _, inner) = parts(axis)
    return withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: with(count, axis: axis)) { y in
        for o in 0..<outer {
          for i in 0..<count {
            if inner == 1 {
              y.initializeElement(at: o * count + i, to: x[o])
            } else {
              _ = y[((o * count + i) * inner)...].initialize(fromContentsOf: x[o * inner..<(o + 1) * inner])
            }
          }
        }
      }
    }
  }

  func summed(axis: Int) -> Tensor {
    let (outer, size, inner) = parts(axis)
    return withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: with(1, axis: axis)) { y in
        y.initialize(repeating: 0)
        for o in 0..<outer {
          for i in 0..<size {
            for j in 0..<inner { y[o * inner + j] += x[(o * size + i) * inner + j] }
          }
        }
      }
    }
  }

  func permuted(_ order: [Int]) -> Tensor {
    let steps = shape.dimensions.indices.map { axis in shape.dimensions[(axis + 1)...].reduce(1, *) }
    let sizes = order.map { shape[$0] }
    return withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: Shape(sizes)) { y in
        var place = [Int](repeating: 0, count: sizes.count)
        for i in y.indices {
          y.initializeElement(at: i, to: x[zip(place, order).reduce(0) { $0 + $1.0 * steps[$1.1] }])
          for axis in sizes.indices.reversed() {
            place[axis] += 1
            if place[axis] < sizes[axis] { break }
            place[axis] = 0
          }
        }
      }
    }
  }
}
