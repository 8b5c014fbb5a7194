import Convolution
import Tensors

extension Operators {
  /// The same elements under another shape; takes no memory.
  public struct Reshape: Operator {
    public let shape: Shape

    public init(shape: Shape) { self.shape = shape }

    public var name: String { "reshape to \(shape)" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard inputs[0].count == shape.count else {
        throw .invalid("\(inputs[0].count) elements do not fill \(shape), which has \(shape.count)")
      }
      return shape
    }

    public func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      inputs[0].reshaped(shape)
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.reshaped(inputs[0].shape)]
    }
  }

  /// Axes in another order: axis i of the output is axis `order[i]` of the input.
  public struct Permute: Operator {
    public let order: [Int]

    public init(order: [Int]) { self.order = order }

    public var name: String { "permute" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard order.sorted() == Array(0..<inputs[0].rank) else {
        throw .invalid("the order \(order) names each axis of \(inputs[0]) once")
      }
      return Shape(order.map { inputs[0][$0] })
    }

    public func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      inputs[0].permuted(order)
    }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      try rearrangementStep(site, self)
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.apply(Permute(order: order.indices.map { order.firstIndex(of: $0)! }))]
    }
  }

  /// Repeated along sizes of 1, and along axes in front.
  public struct Broadcast: Operator {
    public let shape: Shape

    public init(shape: Shape) { self.shape = shape }

    public var name: String { "broadcast to \(shape)" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard inputs[0].rank <= shape.rank,
        zip(inputs[0].withRank(shape.rank), shape.dimensions).allSatisfy({ $0 == $1 || $0 == 1 })
      else { throw .invalid("it does not repeat to \(shape)") }
      return shape
    }

    public func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      var result = inputs[0].reshaped(Shape(inputs[0].shape.withRank(shape.rank)))
      for axis in 0..<shape.rank where result.shape[axis] != shape[axis] {
        result = result.repeated(shape[axis], axis: axis)
      }
      return result
    }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      try rearrangementStep(site, self)
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.summed(to: inputs[0].shape)]
    }
  }

  /// Summed where ``Broadcast`` repeats.
  public struct SumTo: Operator {
    public let shape: Shape

    public init(shape: Shape) { self.shape = shape }

    public var name: String { "sum to \(shape)" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard shape.rank <= inputs[0].rank,
        zip(shape.withRank(inputs[0].rank), inputs[0].dimensions).allSatisfy({ $0 == $1 || $0 == 1 })
      else { throw .invalid("it does not sum to \(shape)") }
      return shape
    }

    public func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      var result = inputs[0]
      for (axis, size) in shape.withRank(result.shape.rank).enumerated() where result.shape[axis] != size {
        result = result.summed(axis: axis)
      }
      return result.reshaped(shape)
    }

    public func step(_ site: StepSite) -> (any Step)? { sumToStep(site) }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.broadcast(to: inputs[0].shape)]
    }
  }

  /// Tensors one after another along an axis.
  public struct Concatenate: Operator {
    public let axis: Int

    public init(axis: Int) { self.axis = axis }

    public var name: String { "concatenate" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard (0..<inputs[0].rank).contains(axis) else { throw .invalid("there is no axis \(axis)") }
      var dimensions = inputs[0].dimensions
      dimensions[axis] = 0
      for shape in inputs {
        var rest = shape.dimensions
        guard shape.rank == dimensions.count else { throw .invalid("the ranks differ") }
        dimensions[axis] += rest[axis]
        rest[axis] = dimensions[axis]
        guard rest == dimensions else { throw .invalid("the sizes beside axis \(axis) differ") }
      }
      return Shape(dimensions)
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      let shape = try outputShape(inputs.map(\.shape))
      let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
      let outer = shape.dimensions[..<axis].reduce(1, *)
      return Tensor(unsafeUninitializedShape: shape) { out in
        var start = 0
        for tensor in inputs {
          let run = tensor.shape[axis] * inner
          tensor.withUnsafeBufferPointer { from in
            for i in 0..<outer {
              _ = out[(i * shape[axis] * inner + start)...].initialize(
                fromContentsOf: from[i * run..<(i + 1) * run])
            }
          }
          start += run
        }
      }
    }

    public func step(_ site: StepSite) -> (any Step)? { concatenateStep(site, axis: axis) }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      var (start, results) = (0, [Value?]())
      for input in inputs {
        results.append(try u.slice(start..<start + input.shape[axis], axis: axis))
        start += input.shape[axis]
      }
      return results
    }
  }

  /// A part along an axis.
  public struct Slice: Operator {
    public let range: Range<Int>
    public let axis: Int

    public init(range: Range<Int>, axis: Int) { (self.range, self.axis) = (range, axis) }

    public var name: String { "slice \(range) of axis \(axis)" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard (0..<inputs[0].rank).contains(axis), range.lowerBound >= 0, range.upperBound <= inputs[0][axis]
      else { throw .invalid("the slice is not inside") }
      var dimensions = inputs[0].dimensions
      dimensions[axis] = range.count
      return Shape(dimensions)
    }

    public func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      inputs[0].slice(range, axis: axis)
    }

    public func step(_ site: StepSite) -> (any Step)? { sliceStep(site, range, axis: axis) }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.apply(Embed(size: inputs[0].shape[axis], start: range.lowerBound, axis: axis))]
    }
  }

  /// A tensor among zeros along an axis.
  struct Embed: Operator {
    let size: Int
    let start: Int
    let axis: Int

    var name: String { "embed" }

    func outputShape(_ inputs: [Shape]) -> Shape {
      var dimensions = inputs[0].dimensions
      dimensions[axis] = size
      return Shape(dimensions)
    }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      var amounts = [Padding.Amount](repeating: .init(0, 0), count: inputs[0].shape.rank)
      amounts[axis] = .init(start, size - start - inputs[0].shape[axis])
      return try pad(inputs[0], amounts)
    }

    func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.slice(start..<start + inputs[0].shape[axis], axis: axis)]
    }

    func step(_ site: StepSite) throws(GeometryError) -> (any Step)? { try rearrangementStep(site, self) }
  }

  /// One where a sample's class is, zeros elsewhere: `[N, ...]` class numbers to `[N, C, ...]`.
  struct OneHot: Operator {
    let classes: Int

    var name: String { "one-hot of \(classes) classes" }

    func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard let n = inputs[0].dimensions.first else { throw .invalid("class numbers must be [N, ...]") }
      return Shape([n, classes] + inputs[0].dimensions[1...])
    }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      let shape = try outputShape(inputs.map(\.shape))
      let inner = shape.dimensions[2...].reduce(1, *)
      var result = Tensor<Scalar>(zeros: shape)
      result.withUnsafeMutableBufferPointer { out in
        for (i, target) in inputs[0].scalars.enumerated() {
          guard target >= 0, target < Scalar(classes) else { continue }
          out[(i / inner * classes + Int(target)) * inner + i % inner] = 1
        }
      }
      return result
    }

    func step(_ site: StepSite) -> (any Step)? { oneHotStep(site, classes: classes) }

    func gradients(upstream: Value, inputs: [Value], output: Value) -> [Value?] { [nil] }
  }
}
