import RealModule
import Tensors

/// A tensor of complex numbers, real and imaginary parts apart: so vectors hold one or the other.
public struct ComplexTensor<Scalar: FourierScalar>: Sendable, Equatable {
  public var real: Tensor<Scalar>
  public var imaginary: Tensor<Scalar>

  /// - Precondition: both have one shape.
  public init(real: Tensor<Scalar>, imaginary: Tensor<Scalar>) {
    precondition(
      real.shape == imaginary.shape, "real parts of shape \(real.shape), imaginary of \(imaginary.shape)")
    (self.real, self.imaginary) = (real, imaginary)
  }

  /// Real numbers.
  public init(_ real: Tensor<Scalar>) { self.init(real: real, imaginary: Tensor(zeros: real.shape)) }

  public var shape: Shape { real.shape }

  /// |z| of every element.
  public var magnitude: Tensor<Scalar> { map { Scalar.hypot($0, $1) } }

  /// The angle of every element, from -pi to pi.
  public var phase: Tensor<Scalar> { map { Scalar.atan2(y: $1, x: $0) } }

  public var conjugate: ComplexTensor { ComplexTensor(real: real, imaginary: imaginary.map { -$0 }) }

  /// A real number of every element's real and imaginary part.
  public func map(_ body: (Scalar, Scalar) -> Scalar) -> Tensor<Scalar> {
    Tensor(zip(real.scalars, imaginary.scalars).map(body), shape: shape)
  }

  /// Products, element by element, of tensors of one shape.
  public static func * (a: ComplexTensor, b: ComplexTensor) -> ComplexTensor {
    precondition(a.shape == b.shape, "products of shapes \(a.shape) and \(b.shape)")
    let (ar, ai, br, bi) = (a.real.scalars, a.imaginary.scalars, b.real.scalars, b.imaginary.scalars)
    return ComplexTensor(
      real: Tensor(ar.indices.map { ar[$0] * br[$0] - ai[$0] * bi[$0] }, shape: a.shape),
      imaginary: Tensor(ar.indices.map { ar[$0] * bi[$0] + ai[$0] * br[$0] }, shape: a.shape))
  }

  /// Products with real numbers, element by element: a filter of the frequency domain.
  public static func * (a: ComplexTensor, b: Tensor<Scalar>) -> ComplexTensor {
    precondition(a.shape == b.shape, "products of shapes \(a.shape) and \(b.shape)")
    func product(_ x: Tensor<Scalar>) -> Tensor<Scalar> {
      Tensor(zip(x.scalars, b.scalars).map { $0 * $1 }, shape: a.shape)
    }
    return ComplexTensor(real: product(a.real), imaginary: product(a.imaginary))
  }
}

extension Tensor where Scalar: FourierScalar {
  func map(_ body: (Scalar) -> Scalar) -> Tensor {
    Tensor(unsafeUninitializedShape: shape) { out in
      withUnsafeBufferPointer {
        for (i, value) in $0.enumerated() { out.initializeElement(at: i, to: body(value)) }
      }
    }
  }
}
