extension Tensor {
  /// A copy with its axes in another order: axis i of the result is axis `axes[i]` of this one.
  /// - Precondition: `axes` names every axis once.
  public func transposed(_ axes: [Int]) -> Tensor {
    precondition(
      axes.sorted() == Array(0..<shape.rank),
      "\(axes) is not an order of the axes of a tensor of rank \(shape.rank)")
    var strides = [Int](repeating: 1, count: shape.rank)
    for axis in stride(from: shape.rank - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    let sizes = axes.map { shape[$0] }
    let steps = axes.map { strides[$0] }
    return withUnsafeBufferPointer { source in
      Tensor(unsafeUninitializedShape: Shape(sizes)) { destination in
        guard let inner = sizes.last, !destination.isEmpty else {
          _ = destination.initialize(fromContentsOf: source)
          return
        }
        let step = steps.last!
        var index = [Int](repeating: 0, count: sizes.count - 1)
        var (start, position) = (0, 0)
        while position < destination.count {
          for i in 0..<inner { destination.initializeElement(at: position + i, to: source[start + i * step]) }
          position += inner
          // The next row: an odometer over the outer axes.
          var axis = index.count - 1
          while axis >= 0 {
            index[axis] += 1
            start += steps[axis]
            if index[axis] < sizes[axis] { break }
            start -= sizes[axis] * steps[axis]
            index[axis] = 0
            axis -= 1
          }
        }
      }
    }
  }
}
