import Convolution
import RealModule
import Tensors

extension Operators {
  /// Two tensors of one shape, element by element.
  public struct Binary: Operator {
    public enum Function: String, Sendable, Hashable {
      case add, subtract, multiply, divide
    }

    public let function: Function

    public init(function: Function) { self.function = function }

    public var name: String { function.rawValue }
    public var overwritableInputs: [Int] { [0, 1] }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard inputs[0] == inputs[1] else { throw .invalid("the shapes differ") }
      return inputs[0]
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      let (a, b) = (inputs[0], inputs[1])
      switch function {
      case .add: return zipMap(a, b) { $0 + $1 }
      case .subtract: return zipMap(a, b) { $0 - $1 }
      case .multiply: return zipMap(a, b) { $0 * $1 }
      case .divide: return zipMap(a, b) { $0 / $1 }
      }
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      let (a, b) = (inputs[0], inputs[1])
      switch function {
      case .add: return [u, u]
      case .subtract: return [u, try u.scaled(by: -1)]
      case .multiply: return [try u * b, try u * a]
      case .divide:
        let da = try u / b
        return [da, try (da * output).scaled(by: -1)]
      }
    }

    public func step(_ site: StepSite) -> (any Step)? {
      switch function {
      case .add: elementwiseStep(site) { $0 + $1 }
      case .subtract: elementwiseStep(site) { $0 - $1 }
      case .multiply: elementwiseStep(site) { $0 * $1 }
      case .divide: elementwiseStep(site) { $0 / $1 }
      }
    }
  }

  /// x * scale + offset
  public struct Affine: Operator {
    public let scale: Double
    public let offset: Double

    public init(scale: Double, offset: Double = 0) { (self.scale, self.offset) = (scale, offset) }

    public var name: String { "scale" }
    public var overwritableInputs: [Int] { [0] }
    public func outputShape(_ inputs: [Shape]) -> Shape { inputs[0] }

    public func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      let (scale, offset) = (Scalar(scale), Scalar(offset))
      return map(inputs[0]) { $0 * scale + offset }
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.scaled(by: scale)]
    }

    public func step(_ site: StepSite) -> (any Step)? {
      let (scale, offset) = (SIMD16(repeating: Float(scale)), SIMD16(repeating: Float(offset)))
      return elementwiseStep(site) { x, _ in x * scale + offset }
    }
  }

  /// A function of every element.
  public struct Unary: Operator {
    public enum Function: String, Sendable, Hashable {
      case exp, log, sqrt, abs
      /// -1, 0 or 1.
      case sign
    }

    public let function: Function

    public init(function: Function) { self.function = function }

    public var name: String { function.rawValue }
    public func outputShape(_ inputs: [Shape]) -> Shape { inputs[0] }

    public func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      switch function {
      case .exp: map(inputs[0]) { Scalar.exp($0) }
      case .log: map(inputs[0]) { Scalar.log($0) }
      case .sqrt: map(inputs[0]) { $0.squareRoot() }
      case .abs: map(inputs[0]) { $0.magnitude }
      case .sign: map(inputs[0]) { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }
      }
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      switch function {
      case .exp: [try u * output]
      case .log: [try u / inputs[0]]
      case .sqrt: [try (u / output).scaled(by: 0.5)]
      case .abs: [try u * inputs[0].apply(Unary(function: .sign))]
      case .sign: [nil]
      }
    }
  }
}
