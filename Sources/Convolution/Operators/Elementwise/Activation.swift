import CIntrinsics
import Microkernels
import RealModule
import Tensors

/// A function applied to every element.
public enum Activation: Sendable, Hashable {
  /// max(x, 0)
  case relu
  /// x where positive, slope * x elsewhere; PyTorch's slope is 0.01.
  case leakyRelu(slope: Double)
  /// x between 0 and 6.
  case relu6
  /// x where positive, alpha * (e^x - 1) elsewhere.
  case elu(alpha: Double)
  /// x * Phi(x), Phi being the normal distribution's.
  case gelu
  /// x * sigmoid(x)
  case silu
  /// x * min(max(x + 3, 0), 6) / 6
  case hardswish
  case tanh
  /// 1 / (1 + e^-x)
  case sigmoid
  /// log(1 + e^x)
  case softplus

  /// The function of every element.
  /// - Parameter input: of any shape.
  /// - Returns: of the input's shape.
  /// - Source: the functions of these names in PyTorch's `torch.nn.functional`.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func callAsFunction<Scalar: FloatingScalar>(_ input: Tensor<Scalar>) -> Tensor<Scalar> {
    if let input = input as? Tensor<Float>, let output = applied(to: input) as? Tensor<Scalar> {
      return output
    }
    return map(input) { value($0) }
  }

  /// Whether a greater x never has a lesser value, so that the greatest of some values is the value of the greatest x.
  var isNondecreasing: Bool {
    switch self {
    case .relu, .relu6, .tanh, .sigmoid, .softplus: true
    case .leakyRelu(let slope): slope >= 0
    case .elu(let alpha): alpha >= 0
    case .gelu, .silu, .hardswish: false
    }
  }

  /// The function among those of `Microkernels.activate`, and its parameter.
  var vectorFunction: (code: Int32, parameter: Float) {
    switch self {
    case .relu: (CONVOLVE_RELU, 0)
    case .leakyRelu(let slope): (CONVOLVE_LEAKY_RELU, Float(slope))
    case .relu6: (CONVOLVE_RELU6, 0)
    case .sigmoid: (CONVOLVE_SIGMOID, 0)
    case .silu: (CONVOLVE_SILU, 0)
    case .tanh: (CONVOLVE_TANH, 0)
    case .elu(let alpha): (CONVOLVE_ELU, Float(alpha))
    case .gelu: (CONVOLVE_GELU, 0)
    case .hardswish: (CONVOLVE_HARDSWISH, 0)
    case .softplus: (CONVOLVE_SOFTPLUS, 0)
    }
  }

  private func applied(to input: Tensor<Float>) -> Tensor<Float> {
    input.withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: input.shape) { y in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        apply(to: x, into: y, count: input.shape.count)
      }
    }
  }

  /// The function of `count` elements, which may be written where they are.
  package func apply(
    to x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int
  ) {
    let kernels = Microkernels()
    let function = vectorFunction
    ThreadPool.shared.parallelFor(count.dividedRoundingUp(by: elementsAPiece)) { piece in
      let start = piece * elementsAPiece
      let some = min(elementsAPiece, count - start)
      kernels.activate(
        ConvolveActivation(
          x: x + start, residual: nil, y: y + start, rows: 1, columns: some, stride: 0,
          parameter: function.parameter),
        function: function.code)
    }
  }

  /// The gradient with respect to the input: upstream * f'(x), with 0 for the slope of a corner's left side.
  /// - Parameters:
  ///   - upstream: dL/dy, of the input's shape.
  ///   - input: as it was given forward.
  /// - Throws: ``GeometryError`` for an upstream of another shape.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func gradient<Scalar: FloatingScalar>(
    upstream: Tensor<Scalar>, input: Tensor<Scalar>
  ) throws(GeometryError) -> Tensor<Scalar> {
    try check(upstream: upstream.shape, output: input.shape)
    return zipMap(upstream, input) { $0 * slope($1) }
  }

  /// The gradients of ``gradient(upstream:input:)`` with respect to upstream and input.
  /// - Parameters:
  ///   - inputGradient: dL/d(dx), of the input's shape.
  ///   - upstream: as it was given to the gradient.
  ///   - input: as it was given forward.
  /// - Throws: ``GeometryError`` for tensors of other shapes.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func secondGradients<Scalar: FloatingScalar>(
    inputGradient: Tensor<Scalar>, upstream: Tensor<Scalar>, input: Tensor<Scalar>
  ) throws(GeometryError) -> (upstream: Tensor<Scalar>, input: Tensor<Scalar>) {
    let du = try gradient(upstream: inputGradient, input: input)
    try check(upstream: upstream.shape, output: input.shape)
    let product = zipMap(inputGradient, upstream) { $0 * $1 }
    return (du, zipMap(product, input) { $0 * curvature($1) })
  }

  @inline(__always)
  private func sigmoid<Scalar: FloatingScalar>(_ x: Scalar) -> Scalar { 1 / (1 + Scalar.exp(-x)) }

  /// Phi and its density.
  @inline(__always)
  private func normal<Scalar: FloatingScalar>(_ x: Scalar) -> (distribution: Scalar, density: Scalar) {
    let half: Scalar = 0.5
    return (
      half * Scalar.erfc(-x * half.squareRoot()), Scalar.exp(-x * x * half) / (2 * Scalar.pi).squareRoot()
    )
  }

  @inline(__always)
  func value<Scalar: FloatingScalar>(_ x: Scalar) -> Scalar {
    switch self {
    case .relu: return x < 0 ? 0 : x
    case .leakyRelu(let slope): return x > 0 ? x : x * Scalar(slope)
    case .relu6: return x < 0 ? 0 : x > 6 ? 6 : x
    case .elu(let alpha): return x > 0 ? x : Scalar(alpha) * Scalar.expMinusOne(x)
    case .gelu: return x * normal(x).distribution
    case .silu: return x * sigmoid(x)
    case .hardswish: return x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6
    case .tanh: return Scalar.tanh(x)
    case .sigmoid: return sigmoid(x)
    case .softplus: return (x < 0 ? 0 : x) + Scalar.log(onePlus: Scalar.exp(-abs(x)))
    }
  }

  @inline(__always)
  private func slope<Scalar: FloatingScalar>(_ x: Scalar) -> Scalar {
    switch self {
    case .relu: return x > 0 ? 1 : 0
    case .leakyRelu(let slope): return x > 0 ? 1 : Scalar(slope)
    case .relu6: return x > 0 && x < 6 ? 1 : 0
    case .elu(let alpha): return x > 0 ? 1 : Scalar(alpha) * Scalar.exp(x)
    case .gelu:
      let (distribution, density) = normal(x)
      return distribution + x * density
    case .silu:
      let s = sigmoid(x)
      return s * (1 + x * (1 - s))
    case .hardswish: return x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6
    case .tanh:
      let t = Scalar.tanh(x)
      return 1 - t * t
    case .sigmoid:
      let s = sigmoid(x)
      return s * (1 - s)
    case .softplus: return sigmoid(x)
    }
  }

  @inline(__always)
  private func curvature<Scalar: FloatingScalar>(_ x: Scalar) -> Scalar {
    switch self {
    case .relu, .leakyRelu, .relu6: return 0
    case .elu(let alpha): return x > 0 ? 0 : Scalar(alpha) * Scalar.exp(x)
    case .gelu: return normal(x).density * (2 - x * x)
    case .silu:
      let s = sigmoid(x)
      return s * (1 - s) * (2 + x * (1 - 2 * s))
    case .hardswish: return x <= -3 || x >= 3 ? 0 : Scalar(1) / 3
    case .tanh:
      let t = Scalar.tanh(x)
      return -2 * t * (1 - t * t)
    case .sigmoid:
      let s = sigmoid(x)
      return s * (1 - s) * (1 - 2 * s)
    case .softplus:
      let s = sigmoid(x)
      return s * (1 - s)
    }
  }
}

/// Elements that one piece of an element-wise loop takes.
private let elementsAPiece = 1 << 14

package func map<Scalar: FloatingScalar>(_ x: Tensor<Scalar>, _ body: (Scalar) -> Scalar) -> Tensor<Scalar> {
  x.withUnsafeBufferPointer { x in
    Tensor(unsafeUninitializedShape: [x.count]) { y in
      let y = y.baseAddress!
      ThreadPool.shared.parallelFor(x.count.dividedRoundingUp(by: elementsAPiece)) { piece in
        for i in piece * elementsAPiece..<min(x.count, (piece + 1) * elementsAPiece) {
          (y + i).initialize(to: body(x[i]))
        }
      }
    }
  }.reshaped(x.shape)
}

/// - Precondition: the shapes are equal.
package func zipMap<Scalar: FloatingScalar>(
  _ a: Tensor<Scalar>, _ b: Tensor<Scalar>, _ body: (Scalar, Scalar) -> Scalar
) -> Tensor<Scalar> {
  precondition(a.shape == b.shape, "\(a.shape) and \(b.shape) differ")
  return a.withUnsafeBufferPointer { a in
    b.withUnsafeBufferPointer { b in
      Tensor(unsafeUninitializedShape: [a.count]) { y in
        let y = y.baseAddress!
        ThreadPool.shared.parallelFor(a.count.dividedRoundingUp(by: elementsAPiece)) { piece in
          for i in piece * elementsAPiece..<min(a.count, (piece + 1) * elementsAPiece) {
            (y + i).initialize(to: body(a[i], b[i]))
          }
        }
      }
    }
  }.reshaped(a.shape)
}
