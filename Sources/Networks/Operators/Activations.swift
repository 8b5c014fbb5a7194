import Convolution
import Tensors

extension Operators {
  /// An activation of every element.
  public struct Activate: Operator {
    public let activation: Activation

    public init(activation: Activation) { self.activation = activation }

    public var name: String { "\(activation)" }
    public var overwritableInputs: [Int] { [0] }
    public func outputShape(_ inputs: [Shape]) -> Shape { inputs[0] }

    public func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      activation(inputs[0])
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      // From the output where that says enough, so that the input need not be kept.
      if activation.hasOutputSlope {
        return [try u.apply(OutputSlope(activation: activation), output)]
      }
      return [try u.apply(InputSlope(activation: activation), inputs[0])]
    }

    public func step(_ site: StepSite) -> (any Step)? { activationStep(site, activation) }
  }

  /// u * f'(x), from u and x.
  struct InputSlope: Operator {
    let activation: Activation

    var name: String { "gradient of \(activation)" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[0] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try activation.gradient(upstream: inputs[0], input: inputs[1])
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [
        try g.apply(self, inputs[1]),
        try g.apply(Curvature(activation: activation), inputs[0], inputs[1]),
      ]
    }
  }

  /// g * u * f''(x), from g, u and x.
  struct Curvature: Operator {
    let activation: Activation

    var name: String { "second gradient of \(activation)" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[0] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try activation.secondGradients(inputGradient: inputs[0], upstream: inputs[1], input: inputs[2]).input
    }

    func gradients(upstream: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      throw GraphError("third gradients of \(activation) are not there")
    }
  }

  /// u * f'(x), from u and y = f(x).
  struct OutputSlope: Operator {
    let activation: Activation

    var name: String { "gradient of \(activation)" }
    var overwritableInputs: [Int] { [0] }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[0] }

    func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      switch activation {
      case .relu: zipMap(inputs[0], inputs[1]) { $1 > 0 ? $0 : 0 }
      case .relu6: zipMap(inputs[0], inputs[1]) { $1 > 0 && $1 < 6 ? $0 : 0 }
      case .leakyRelu(let slope): zipMap(inputs[0], inputs[1]) { $1 > 0 ? $0 : $0 * Scalar(slope) }
      case .sigmoid: zipMap(inputs[0], inputs[1]) { $0 * ($1 * (1 - $1)) }
      case .tanh: zipMap(inputs[0], inputs[1]) { $0 * (1 - $1 * $1) }
      case .elu, .gelu, .silu, .hardswish, .softplus:
        preconditionFailure("\(activation) has no slope from its output")
      }
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      let du = try g.apply(self, inputs[1])
      switch activation {
      case .sigmoid: return [du, try (g * inputs[0]) * inputs[1].scaled(by: -2, adding: 1)]
      case .tanh: return [du, try (g * inputs[0]) * inputs[1].scaled(by: -2)]
      default: return [du, nil]
      }
    }

    func step(_ site: StepSite) -> (any Step)? {
      let zero = SIMD16<Float>.zero
      switch activation {
      case .relu: return elementwiseStep(site) { u, y in u.replacing(with: zero, where: y .<= zero) }
      case .relu6:
        let six = SIMD16<Float>(repeating: 6)
        return elementwiseStep(site) { u, y in u.replacing(with: zero, where: (y .<= zero) .| (y .>= six)) }
      case .leakyRelu(let slope):
        let slope = SIMD16(repeating: Float(slope))
        return elementwiseStep(site) { u, y in u.replacing(with: u * slope, where: y .<= zero) }
      case .sigmoid: return elementwiseStep(site) { u, y in u * (y * (1 - y)) }
      case .tanh: return elementwiseStep(site) { u, y in u * (1 - y * y) }
      default: return nil
      }
    }
  }
}

extension Activation {
  /// Whether f'(x) follows from f(x).
  var hasOutputSlope: Bool {
    switch self {
    case .relu, .relu6, .sigmoid, .tanh: true
    case .leakyRelu(let slope): slope > 0
    case .elu, .gelu, .silu, .hardswish, .softplus: false
    }
  }
}
