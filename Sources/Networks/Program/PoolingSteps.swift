import Convolution
import Tensors

/// 2x2 max pooling; nil for other windows and ranks.
func maxPoolStep(_ site: StepSite, _ options: PoolingGeometry.Options) throws(GeometryError) -> (any Step)? {
  guard options.isSquareOfTwo, site.output.shape.rank == 4 else { return nil }
  let pooling = PlanePooling(try PoolingGeometry(input: site.inputs[0].shape, options), isSquares: true)
  let (x, y) = (site.pointer(0), site.outputPointer)
  return PointerStep { pooling.maximum(x, into: y) }
}

/// The gradient of max pooling of planes; nil for other ranks.
func maxPoolGradientStep(
  _ site: StepSite, _ options: PoolingGeometry.Options
) throws(GeometryError) -> (any Step)? {
  guard site.output.shape.rank == 4 else { return nil }
  let pooling = PlanePooling(
    try PoolingGeometry(input: site.output.shape, options), isSquares: options.isSquareOfTwo)
  let (u, x, y) = (site.pointer(0), site.pointer(1), site.outputPointer)
  return PointerStep { pooling.gradient(u, x, into: y) }
}
