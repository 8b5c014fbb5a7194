import Tensors

/// A linear map along one axis: every output is a weighted sum of inputs, or a constant where it has none.
/// Padding and resizing are such maps, and their gradients are the transposed ones.
struct AxisMap: Sendable {
  /// A term of a sum.
  struct Term: Sendable {
    let source: Int
    let weight: Double
  }

  let inputCount: Int
  let outputs: [[Term]]

  init(inputCount: Int, outputs: [[Term]]) {
    self.inputCount = inputCount
    self.outputs = outputs
  }

  /// The axis with samples added before and after, or taken away where an amount is negative.
  init(padding amount: Padding.Amount, _ mode: PaddingMode, count: Int) {
    inputCount = count
    outputs = (-amount.begin..<count + amount.end).map { position in
      mode.sourceIndex(position, count: count).map { [Term(source: $0, weight: 1)] } ?? []
    }
  }

  /// The outputs of `x` along `axis`; `fill` where one has no terms.
  func applied<Scalar: FloatingScalar>(
    to x: Tensor<Scalar>, axis: Int, fill: Scalar
  ) -> Tensor<Scalar> {
    let layout = Layout(x.shape, axis: axis, inputs: inputCount, outputs: outputs.count)
    return x.withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: layout.outputShape) { y in
        let (x, y) = (x.baseAddress!, y.baseAddress!)
        ThreadPool.shared.parallelFor(layout.outer) { outer in
          gather(x + outer * layout.inputBlock, into: y + outer * layout.outputBlock, layout.inner, fill)
        }
      }
    }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func gather<Scalar: FloatingScalar>(
    _ x: UnsafePointer<Scalar>, into y: UnsafeMutablePointer<Scalar>, _ inner: Int, _ fill: Scalar
  ) {
    for (position, terms) in outputs.enumerated() {
      let out = y + position * inner
      out.initialize(repeating: terms.isEmpty ? fill : 0, count: inner)
      for term in terms {
        let (row, weight) = (x + term.source * inner, Scalar(term.weight))
        for i in 0..<inner { out[i] += weight * row[i] }
      }
    }
  }

  /// The transposed map: what a gradient of the outputs gives back to the inputs.
  func transposeApplied<Scalar: FloatingScalar>(to dy: Tensor<Scalar>, axis: Int) -> Tensor<Scalar> {
    let layout = Layout(dy.shape, axis: axis, inputs: outputs.count, outputs: inputCount)
    return dy.withUnsafeBufferPointer { dy in
      Tensor(unsafeUninitializedShape: layout.outputShape) { dx in
        let (dy, dx) = (dy.baseAddress!, dx.baseAddress!)
        ThreadPool.shared.parallelFor(layout.outer) { outer in
          scatter(dy + outer * layout.inputBlock, into: dx + outer * layout.outputBlock, layout.inner)
        }
      }
    }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func scatter<Scalar: FloatingScalar>(
    _ dy: UnsafePointer<Scalar>, into dx: UnsafeMutablePointer<Scalar>, _ inner: Int
  ) {
    dx.initialize(repeating: 0, count: inputCount * inner)
    for (position, terms) in outputs.enumerated() {
      let row = dy + position * inner
      for term in terms {
        let (out, weight) = (dx + term.source * inner, Scalar(term.weight))
        for i in 0..<inner { out[i] += weight * row[i] }
      }
    }
  }

  /// A tensor as blocks of rows along one axis.
  private struct Layout {
    let outer: Int
    let inner: Int
    let inputBlock: Int
    let outputBlock: Int
    let outputShape: Shape

    init(_ shape: Shape, axis: Int, inputs: Int, outputs: Int) {
      outer = shape.dimensions[..<axis].reduce(1, *)
      inner = shape.dimensions[(axis + 1)...].reduce(1, *)
      inputBlock = inputs * inner
      outputBlock = outputs * inner
      var dimensions = shape.dimensions
      dimensions[axis] = outputs
      outputShape = Shape(dimensions)
    }
  }
}
