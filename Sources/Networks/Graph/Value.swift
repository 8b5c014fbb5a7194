import Convolution
import Tensors

/// A tensor of a graph that has a shape and no elements yet.
public struct Value {
  public let graph: Graph
  package let index: Int

  public var shape: Shape { graph.nodes[index].shape }

  /// One more operation.
  /// - Throws: ``GraphError`` where the shapes do not fit.
  public func apply(_ operation: some Operator, _ others: Value?...) throws(GraphError) -> Value {
    try graph.apply(operation, [self] + others.compactMap { $0 })
  }

  /// The value on a larger shape: sizes of 1, and missing ones at the front, are repeated.
  public func broadcast(to shape: Shape) throws(GraphError) -> Value {
    self.shape == shape ? self : try apply(Operators.Broadcast(shape: shape))
  }

  /// Summed where ``broadcast(to:)`` would repeat.
  public func summed(to shape: Shape) throws(GraphError) -> Value {
    self.shape == shape ? self : try apply(Operators.SumTo(shape: shape))
  }

  /// The sum over axes, which keep the size 1.
  public func sum(axes: [Int]? = nil) throws(GraphError) -> Value {
    let axes = axes ?? Array(0..<shape.rank)
    guard axes.allSatisfy({ (0..<shape.rank).contains($0) }) else {
      throw GraphError("a sum over the axes \(axes) of a tensor of shape \(shape)", layer: graph.layer)
    }
    var dimensions = shape.dimensions
    for axis in axes { dimensions[axis] = 1 }
    return try summed(to: Shape(dimensions))
  }

  /// The mean over axes, which keep the size 1.
  public func mean(axes: [Int]? = nil) throws(GraphError) -> Value {
    let sum = try sum(axes: axes)
    return try sum.scaled(by: Double(sum.shape.count) / Double(max(1, shape.count)))
  }

  public func reshaped(_ shape: Shape) throws(GraphError) -> Value {
    self.shape == shape ? self : try apply(Operators.Reshape(shape: shape))
  }

  /// x * scale + offset
  public func scaled(by scale: Double, adding offset: Double = 0) throws(GraphError) -> Value {
    try apply(Operators.Affine(scale: scale, offset: offset))
  }

  public func activated(_ activation: Activation) throws(GraphError) -> Value {
    try apply(Operators.Activate(activation: activation))
  }

  /// The product of matrices, `[M, K]` and `[K, N]`.
  public func matmul(
    _ other: Value, transposeA: Bool = false, transposeB: Bool = false
  ) throws(GraphError) -> Value {
    try apply(Operators.MatMul(transposeA: transposeA, transposeB: transposeB), other)
  }

  public func exp() throws(GraphError) -> Value { try apply(Operators.Unary(function: .exp)) }
  public func log() throws(GraphError) -> Value { try apply(Operators.Unary(function: .log)) }
  public func sqrt() throws(GraphError) -> Value { try apply(Operators.Unary(function: .sqrt)) }
  public func abs() throws(GraphError) -> Value { try apply(Operators.Unary(function: .abs)) }

  public func softmax(axis: Int = 1) throws(GraphError) -> Value { try apply(Operators.Softmax(axis: axis)) }
  public func logSoftmax(axis: Int = 1) throws(GraphError) -> Value {
    try apply(Operators.LogSoftmax(axis: axis))
  }

  /// The least sample of every window: PyTorch's -`max_pool`(-x).
  public func minPool(_ options: PoolingGeometry.Options) throws(GraphError) -> Value {
    try scaled(by: -1).apply(Operators.MaxPool(options: options)).scaled(by: -1)
  }

  /// The values where the greatest samples of another value's windows stand, zeros elsewhere: PyTorch's `max_unpool`, with the
  /// indices of that value's max pooling.
  /// - Parameters:
  ///   - pooled: `[N, C, spatial...]`, whose greatest samples' places are taken.
  ///   - options: as of its pooling; windows that do not overlap.
  public func maxUnpool(
    like pooled: Value, _ options: PoolingGeometry.Options
  ) throws(GraphError) -> Value {
    guard zip(options.stride ?? options.kernel, options.kernel).allSatisfy({ $0 >= $1 }) else {
      throw GraphError("max unpooling of windows that overlap: a place could have several values")
    }
    let expected = try pooled.apply(Operators.MaxPool(options: options)).shape
    guard shape == expected else {
      throw GraphError("max unpooling of values of shape \(shape): the windows' are \(expected)")
    }
    return try apply(Operators.MaxPoolGradient(options: options), pooled)
  }

  /// The values side by side along an axis.
  public static func concatenated(_ values: [Value], axis: Int = 1) throws(GraphError) -> Value {
    guard let first = values.first else { throw GraphError("nothing to concatenate") }
    return try first.graph.apply(Operators.Concatenate(axis: axis), values)
  }

  public func slice(_ range: Range<Int>, axis: Int) throws(GraphError) -> Value {
    range == 0..<shape[axis] ? self : try apply(Operators.Slice(range: range, axis: axis))
  }

  public static func + (a: Value, b: Value) throws(GraphError) -> Value { try binary(.add, a, b) }
  public static func - (a: Value, b: Value) throws(GraphError) -> Value { try binary(.subtract, a, b) }
  public static func * (a: Value, b: Value) throws(GraphError) -> Value { try binary(.multiply, a, b) }
  public static func / (a: Value, b: Value) throws(GraphError) -> Value { try binary(.divide, a, b) }

  private static func binary(
    _ function: Operators.Binary.Function, _ a: Value, _ b: Value
  ) throws(GraphError) -> Value {
    if a.shape == b.shape { return try a.apply(Operators.Binary(function: function), b) }
    let rank = max(a.shape.rank, b.shape.rank)
    let (left, right) = (a.shape.withRank(rank), b.shape.withRank(rank))
    var sizes: [Int] = []
    for (l, r) in zip(left, right) {
      guard l == r || l == 1 || r == 1 else {
        throw GraphError(
          "shapes \(a.shape) and \(b.shape) cannot be broadcast together", layer: a.graph.layer)
      }
      sizes.append(l == 1 ? r : l)
    }
    let shape = Shape(sizes)
    return try a.broadcast(to: shape).apply(Operators.Binary(function: function), b.broadcast(to: shape))
  }
}

extension Shape {
  /// The sizes with ones in front.
  func withRank(_ rank: Int) -> [Int] { [Int](repeating: 1, count: rank - self.rank) + dimensions }
}
