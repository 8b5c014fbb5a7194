import Convolution
import Tensors

/// What a node of a graph computes: one tensor from others.
///
/// An operator is a value: two equal ones with the same inputs are the same node. Its gradient is more graph, so that
/// gradients have gradients.
public protocol Operator: Hashable, Sendable {
  /// For people, and for errors.
  var name: String { get }

  /// - Throws: `GeometryError` for shapes that do not fit.
  func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape

  /// The definition, for any scalar: what fast steps are checked against, and what runs where there is none.
  func callAsFunction<Scalar: FloatingScalar>(
    _ inputs: [Tensor<Scalar>]
  ) throws(GeometryError) -> Tensor<Scalar>

  /// dL/d(input) for every input, from dL/d(output); nil for an input that nothing flows back to.
  func gradients(upstream: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?]

  /// The operator prepared for one place in a program; nil where the definition is run.
  func step(_ site: StepSite) throws(GeometryError) -> (any Step)?

  /// The input whose memory the output may take where nobody reads it later.
  var overwritableInputs: [Int] { get }
}

extension Operator {
  public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? { nil }
  public var overwritableInputs: [Int] { [] }
}

/// The operators of graphs, one struct each.
public enum Operators {}
