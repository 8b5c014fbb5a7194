import Tensors

/// The order of the factors in a channel that becomes a block of pixels.
public enum BlockOrder: Sendable, Hashable {
  /// channel, row, column: PyTorch's `pixel_shuffle`, ONNX's `CRD`.
  case channelFirst
  /// row, column, channel: ONNX's `DCR`.
  case channelLast
}

/// Makes blocks of pixels out of channels.
///
/// y[n, c, h * r + i, w * r + j] = x[n, c * r^2 + i * r + j, h, w]
/// - Parameters:
///   - input: `[N, C * r^2, H, W]`
///   - factor: r
///   - order: of channel, row and column among the input's channels.
/// - Returns: `[N, C, H * r, W * r]`
/// - Throws: ``GeometryError`` where the channels cannot be so divided.
/// - Source: PyTorch `pixel_shuffle`; ONNX `DepthToSpace`. Its gradient is ``pixelUnshuffle(_:factor:order:)``.
public func pixelShuffle<Scalar: TensorScalar>(
  _ input: Tensor<Scalar>, factor: Int, order: BlockOrder = .channelFirst
) throws(GeometryError) -> Tensor<Scalar> {
  try check(input.shape, factor)
  let (n, c, h, w) = (input.shape[0], input.shape[1], input.shape[2], input.shape[3])
  guard c % (factor * factor) == 0 else {
    throw .indivisible("\(c) channels cannot be divided by the square of the factor \(factor)")
  }
  let channels = c / (factor * factor)
  let split: [Int] =
    order == .channelFirst ? [n, channels, factor, factor, h, w] : [n, factor, factor, channels, h, w]
  let axes = order == .channelFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]
  return input.reshaped(Shape(split)).transposed(axes)
    .reshaped(Shape([n, channels, h * factor, w * factor]))
}

/// Makes channels out of blocks of pixels: the inverse of ``pixelShuffle(_:factor:order:)``, and its gradient.
/// - Parameters:
///   - input: `[N, C, H * r, W * r]`
///   - factor: r
///   - order: of channel, row and column among the output's channels.
/// - Returns: `[N, C * r^2, H, W]`
/// - Throws: ``GeometryError`` where the plane cannot be so divided.
/// - Source: PyTorch `pixel_unshuffle`; ONNX `SpaceToDepth` (whose order is ``BlockOrder/channelLast``).
public func pixelUnshuffle<Scalar: TensorScalar>(
  _ input: Tensor<Scalar>, factor: Int, order: BlockOrder = .channelFirst
) throws(GeometryError) -> Tensor<Scalar> {
  try check(input.shape, factor)
  let (n, c, h, w) = (input.shape[0], input.shape[1], input.shape[2], input.shape[3])
  guard h % factor == 0, w % factor == 0 else {
    throw .indivisible("a plane of \(h)x\(w) cannot be divided into blocks of \(factor)x\(factor)")
  }
  let axes = order == .channelFirst ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4]
  return input.reshaped(Shape([n, c, h / factor, factor, w / factor, factor])).transposed(axes)
    .reshaped(Shape([n, c * factor * factor, h / factor, w / factor]))
}

private func check(_ input: Shape, _ factor: Int) throws(GeometryError) {
  guard input.rank == 4 else {
    throw .invalid("an input of shape \(input): it must be [N, C, H, W]")
  }
  guard (1...1 << 15).contains(factor) else { throw .outOfRange("factor", factor, "from 1 to 32768") }
}
