import Tensors

/// The frequencies of a transform's elements, in cycles a sample: 0, 1/n, ..., -1/n; of a spacing other than 1, by it.
public func fftFrequencies<Scalar: FourierScalar>(_ count: Int, spacing: Scalar = 1) -> [Scalar] {
  (0..<count).map { Scalar($0 <= (count - 1) / 2 ? $0 : $0 - count) / (Scalar(count) * spacing) }
}

/// The frequencies of ``rfft(_:axes:)``'s elements: 0 to a half.
public func rfftFrequencies<Scalar: FourierScalar>(_ count: Int, spacing: Scalar = 1) -> [Scalar] {
  (0...count / 2).map { Scalar($0) / (Scalar(count) * spacing) }
}

extension Tensor {
  /// Turned around along axes, all of them without `axes`, so that the frequency 0 comes to the middle, count / 2.
  public func fftShifted(axes: [Int]? = nil) -> Tensor { rolled(axes) { $0 / 2 } }

  /// The inverse of ``fftShifted(axes:)``.
  public func inverseFFTShifted(axes: [Int]? = nil) -> Tensor { rolled(axes) { ($0 + 1) / 2 } }

  private func rolled(_ axes: [Int]?, by distance: (Int) -> Int) -> Tensor {
    var result = self
    for axis in axes ?? Array(0..<shape.rank) {
      result = result.rolled(by: distance(shape[axis]), axis: axis)
    }
    return result
  }

  /// Element i along the axis goes to place i + distance, around the end.
  private func rolled(by distance: Int, axis: Int) -> Tensor {
    let count = shape[axis]
    guard count > 0, distance % count != 0, shape.count > 0 else { return self }
    let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
    let (block, head) = (count * inner, (count - distance % count) * inner)
    return Tensor(unsafeUninitializedShape: shape) { out in
      withUnsafeBufferPointer { x in
        for start in stride(from: 0, to: shape.count, by: block) {
          let (to, from) = (out.baseAddress! + start, x.baseAddress! + start)
          to.initialize(from: from + head, count: block - head)
          (to + (block - head)).initialize(from: from, count: head)
        }
      }
    }
  }
}
