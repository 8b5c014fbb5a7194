import Tensors

/// The gradients of a convolution's gradients.
public struct ConvSecondGradients<Scalar: FloatingScalar>: Sendable {
  public let upstream: Tensor<Scalar>
  public let input: Tensor<Scalar>
  public let weight: Tensor<Scalar>
}

/// The gradients of ``convGradients(upstream:input:weight:_:errorBudget:)`` with respect to upstream, input and weight.
///
/// A convolution is linear in its input and in its weight, so with a = dL/d(dx), aw = dL/d(dweight) and
/// ab = dL/d(dbias):
/// d upstream = conv(a, weight) + conv(input, aw) + ab, d input = the input gradient by aw,
/// d weight = the weight gradient by a.
/// - Parameters:
///   - inputGradient: dL/d(dx), of the input's shape.
///   - weightGradient: dL/d(dweight), of the weight's shape; zeros where nil.
///   - biasGradient: dL/d(dbias), `[K]`; zeros where nil.
///   - upstream: as it was given to the gradients.
///   - input: as it was given forward.
///   - weight: as it was given forward.
///   - options: as they were given forward.
/// - Throws: ``GeometryError``.
public func convSecondGradients<Scalar: FloatingScalar>(
  inputGradient: Tensor<Scalar>, weightGradient: Tensor<Scalar>? = nil, biasGradient: Tensor<Scalar>? = nil,
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, weight: Tensor<Scalar>,
  _ options: ConvolutionGeometry.Options = .init()
) throws(GeometryError) -> ConvSecondGradients<Scalar> {
  try check(upstream: inputGradient.shape, output: input.shape)
  // A constant around the input is no part of it: what stands around a change of the input is zero.
  var linear = options
  if case .constant = options.padding.mode { linear.padding.mode = .zeros }
  var du = try conv(inputGradient, weight: weight, bias: biasGradient, linear)
  var dx = Tensor<Scalar>(zeros: input.shape)
  if let weightGradient {
    try check(upstream: weightGradient.shape, output: weight.shape)
    du = zipMap(du, try conv(input, weight: weightGradient, options)) { $0 + $1 }
    dx = try convGradients(upstream: upstream, input: input, weight: weightGradient, options).input
  }
  let dw = try convGradients(upstream: upstream, input: inputGradient, weight: weight, linear).weight
  return ConvSecondGradients(upstream: du, input: dx, weight: dw)
}

/// The gradients of ``convTransposeGradients(upstream:input:weight:_:outputPadding:errorBudget:)`` with respect to upstream,
/// input and weight.
/// - Parameters:
///   - inputGradient: dL/d(dx), of the input's shape.
///   - weightGradient: dL/d(dweight), of the weight's shape; zeros where nil.
///   - biasGradient: dL/d(dbias), `[K]`; zeros where nil.
///   - upstream: as it was given to the gradients.
///   - input: as it was given forward.
///   - weight: as it was given forward.
///   - options: as they were given forward.
///   - outputPadding: as it was given forward.
/// - Throws: ``GeometryError``.
public func convTransposeSecondGradients<Scalar: FloatingScalar>(
  inputGradient: Tensor<Scalar>, weightGradient: Tensor<Scalar>? = nil, biasGradient: Tensor<Scalar>? = nil,
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, weight: Tensor<Scalar>,
  _ options: ConvolutionGeometry.Options = .init(), outputPadding: [Int] = [0]
) throws(GeometryError) -> ConvSecondGradients<Scalar> {
  try check(upstream: inputGradient.shape, output: input.shape)
  var du = try convTranspose(
    inputGradient, weight: weight, bias: biasGradient, options, outputPadding: outputPadding)
  var dx = Tensor<Scalar>(zeros: input.shape)
  if let weightGradient {
    try check(upstream: weightGradient.shape, output: weight.shape)
    du = zipMap(du, try convTranspose(input, weight: weightGradient, options, outputPadding: outputPadding)) {
      $0 + $1
    }
    dx = try convTransposeGradients(
      upstream: upstream, input: input, weight: weightGradient, options, outputPadding: outputPadding
    ).input
  }
  let dw = try convTransposeGradients(
    upstream: upstream, input: inputGradient, weight: weight, options, outputPadding: outputPadding
  ).weight
  return ConvSecondGradients(upstream: du, input: dx, weight: dw)
}
