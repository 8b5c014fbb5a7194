import RealModule
import Tensors

/// A convolution whose taps are moved, at every output, by offsets that are learned, and weighed by a mask.
///
/// y[n, k, o] = bias[k] + sum over c, t of w[k, c, t] * mask[n, g, t, o] * x[n, c, p], at the place
/// p = o * stride + t * dilation - padBegin + offset[n, g, t, :, o], g being the offset group of channel c.
/// Between samples the value is bilinear; beyond the input it is 0.
/// - Parameters:
///   - input: `[N, C, H, W]`; N may be 0.
///   - weight: `[K, C / groups, R, S]`
///   - offset: `[N, 2 * G * R * S, H', W']`: for each offset group and tap a row and a column offset.
///   - mask: `[N, G * R * S, H', W']`; ones where nil.
///   - bias: `[K]`
///   - options: stride, padding with zeros, dilation, groups.
///   - offsetGroups: G
/// - Returns: `[N, K, H', W']`, sizes by ``OutputSize/convolutionFormula``.
/// - Throws: ``GeometryError``.
/// - Complexity: the multiply-adds of a convolution; the workspace is a copy of the arguments and
///   one row of columns a thread, C * R * S * W' elements.
/// - Source: J. Dai et al., "Deformable convolutional networks" (2017), X. Zhu et al., v2 (2019); torchvision
///   `deform_conv2d`; ONNX `DeformConv`.
public func deformConv2d<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, weight: Tensor<Scalar>, offset: Tensor<Scalar>, mask: Tensor<Scalar>? = nil,
  bias: Tensor<Scalar>? = nil, _ options: ConvolutionGeometry.Options = .init(), offsetGroups: Int = 1
) throws(GeometryError) -> Tensor<Scalar> {
  let loops = try DeformableLoops<Scalar>(
    input.shape, weight.shape, offset.shape, mask?.shape, options, offsetGroups)
  try check(bias: bias?.shape, channels: loops.geometry.outChannels)
  return loops.forward(input, weight, offset, mask, bias)
}

/// The gradients of a deformable convolution.
public struct DeformConvGradients<Scalar: FloatingScalar>: Sendable {
  public let input: Tensor<Scalar>
  public let weight: Tensor<Scalar>
  public let offset: Tensor<Scalar>
  /// Nil where there was no mask.
  public let mask: Tensor<Scalar>?
  public let bias: Tensor<Scalar>
}

/// The gradients of ``deformConv2d(_:weight:offset:mask:bias:_:offsetGroups:)`` with respect to its arguments.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - input: as it was given forward.
///   - weight: as it was given forward.
///   - offset: as it was given forward.
///   - mask: as it was given forward.
///   - options: as they were given forward.
///   - offsetGroups: as it was given forward.
/// - Throws: ``GeometryError``.
public func deformConv2dGradients<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, weight: Tensor<Scalar>, offset: Tensor<Scalar>,
  mask: Tensor<Scalar>? = nil, _ options: ConvolutionGeometry.Options = .init(), offsetGroups: Int = 1
) throws(GeometryError) -> DeformConvGradients<Scalar> {
  let loops = try DeformableLoops<Scalar>(
    input.shape, weight.shape, offset.shape, mask?.shape, options, offsetGroups)
  try check(upstream: upstream.shape, output: loops.geometry.outputShape)
  return loops.gradients(upstream, input, weight, offset, mask)
}
