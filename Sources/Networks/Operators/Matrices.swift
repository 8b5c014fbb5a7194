import Convolution
import Tensors

extension Operators {
  /// The product of two matrices.
  public struct MatMul: Operator {
    public let transposeA: Bool
    public let transposeB: Bool

    public init(transposeA: Bool = false, transposeB: Bool = false) {
      (self.transposeA, self.transposeB) = (transposeA, transposeB)
    }

    public var name: String { "matmul" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      let (a, b) = (inputs[0], inputs[1])
      guard a.rank == 2, b.rank == 2 else { throw .invalid("both must have rank 2") }
      let (inner, other) = (a[transposeA ? 0 : 1], b[transposeB ? 1 : 0])
      guard inner == other else { throw .invalid("the inner sizes \(inner) and \(other) must be equal") }
      return [a[transposeA ? 1 : 0], b[transposeB ? 0 : 1]]
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try matmul(inputs[0], inputs[1], transposeA: transposeA, transposeB: transposeB)
    }

    public func step(_ site: StepSite) -> (any Step)? {
      let product = MatrixProduct(
        site.inputs[0].shape, site.inputs[1].shape, transposeA: transposeA, transposeB: transposeB)
      let y = site.outputPointer
      return PointerStep { product(site.inputs[0], site.inputs[1], into: y) }
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      let (a, b) = (inputs[0], inputs[1])
      return [
        transposeA
          ? try b.matmul(u, transposeA: transposeB, transposeB: true)
          : try u.matmul(b, transposeB: !transposeB),
        transposeB
          ? try u.matmul(a, transposeA: true, transposeB: transposeA)
          : try a.matmul(u, transposeA: !transposeA),
      ]
    }
  }

  /// A fully connected layer: `[N, inFeatures]` by `[outFeatures, inFeatures]`, and a bias.
  public struct Linear: Operator {
    public init() {}

    public var name: String { "linear" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      let (x, w) = (inputs[0], inputs[1])
      guard x.rank == 2, w.rank == 2, x[1] == w[1] else {
        throw .invalid("the input must be [N, \(w.rank == 2 ? "\(w[1])" : "inFeatures")]")
      }
      return [x[0], w[0]]
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try linear(inputs[0], weight: inputs[1], bias: inputs.count > 2 ? inputs[2] : nil)
    }

    public func step(_ site: StepSite) -> (any Step)? {
      let batch = site.inputs[0].shape[0]
      // One sample's weights are read once, as they lie.
      if batch > 1, site.isConstant[1...].allSatisfy({ $0 }),
        PackedLinear.accepts(batch: batch, weight: site.inputs[1].shape)
      {
        return LinearStep(site)
      }
      let product = MatrixProduct(site.inputs[0].shape, site.inputs[1].shape, transposeB: true)
      let (y, features) = (site.outputPointer, site.output.shape[1])
      let (count, hasBias) = (site.output.shape.count, site.inputs.count > 2)
      return PointerStep {
        product(site.inputs[0], site.inputs[1], into: y)
        if !hasBias { return }
        let bias = site.pointer(2)
        for row in stride(from: 0, to: count, by: features) {
          for i in 0..<features { y[row + i] += bias[i] }
        }
      }
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.matmul(inputs[1]), try u.matmul(inputs[0], transposeA: true)]
        + (inputs.count > 2 ? [try u.summed(to: inputs[2].shape)] : [])
    }
  }

  /// Exponentials over their sum, along an axis.
  public struct Softmax: Operator {
    public let axis: Int

    public init(axis: Int) { self.axis = axis }

    public var name: String { "softmax" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard (0..<inputs[0].rank).contains(axis) else { throw .invalid("there is no axis \(axis)") }
      return inputs[0]
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> { try softmax(inputs[0], axis: axis) }

    public func step(_ site: StepSite) -> (any Step)? { softmaxStep(site, axis: axis) }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try output * (u - (u * output).sum(axes: [axis]))]
    }
  }

  /// The logarithm of ``Softmax``.
  public struct LogSoftmax: Operator {
    public let axis: Int

    public init(axis: Int) { self.axis = axis }

    public var name: String { "log-softmax" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      try Softmax(axis: axis).outputShape(inputs)
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> { try logSoftmax(inputs[0], axis: axis) }

    public func step(_ site: StepSite) -> (any Step)? { logSoftmaxStep(site, axis: axis) }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u - output.exp() * u.sum(axes: [axis])]
    }
  }
}
