import Convolution
import Tensors

func maxPoolStep(_ site: StepSite, _ options: PoolingGeometry.Options) throws(GeometryError) -> PointerStep {
  let pooling = PlanePooling(try PoolingGeometry(input: site.inputs[0].shape, options))
  let (x, y) = (site.pointer(0), site.outputPointer)
  return PointerStep { pooling.maximum(x, into: y) }
}

func maxPoolGradientStep(
  _ site: StepSite, _ options: PoolingGeometry.Options
) throws(GeometryError) -> PointerStep {
  let pooling = PlanePooling(try PoolingGeometry(input: site.output.shape, options))
  let (u, x, y) = (site.pointer(0), site.pointer(1), site.outputPointer)
  return PointerStep { pooling.gradient(u, x, into: y) }
}

func averagePoolStep(
  _ site: StepSite, _ geometry: PoolingGeometry, _ divisor: AverageDivisor
) throws(GeometryError) -> PointerStep {
  let pooling = try PlaneAveraging(geometry, divisor)
  let (x, y) = (site.pointer(0), site.outputPointer)
  return PointerStep { pooling.average(x, into: y) }
}

func averagePoolGradientStep(
  _ site: StepSite, _ geometry: PoolingGeometry, _ divisor: AverageDivisor
) throws(GeometryError) -> PointerStep {
  let pooling = try PlaneAveraging(geometry, divisor)
  let (u, y) = (site.pointer(0), site.outputPointer)
  return PointerStep { pooling.gradient(u, into: y) }
}

/// The mean of every plane.
func globalAverageStep(_ site: StepSite) -> PointerStep {
  let planes = site.output.shape.count
  let count = site.inputs[0].shape.count / max(1, planes)
  let (x, y) = (site.pointer(0), site.outputPointer)
  // Planes are small, so that a piece takes some.
  let some = 64
  return PointerStep {
    ThreadPool.shared(for: planes * count).parallelFor(planes.dividedRoundingUp(by: some)) { piece in
      for plane in piece * some..<min(planes, (piece + 1) * some) {
        let from = x + plane * count
        var sums = SIMD16<Float>.zero
        var i = 0
        while i + 16 <= count {
          sums += UnsafeRawPointer(from + i).loadUnaligned(as: SIMD16<Float>.self)
          i += 16
        }
        var rest: Float = 0
        while i < count {
          rest += from[i]
          i += 1
        }
        y[plane] = (sums.sum() + rest) / Float(count)
      }
    }
  }
}

/// Each u, spread evenly over its plane.
func globalAverageGradientStep(_ site: StepSite) -> PointerStep {
  let planes = site.inputs[0].shape.count
  let count = site.output.shape.count / max(1, planes)
  let (u, y) = (site.pointer(0), site.outputPointer)
  return PointerStep {
    ThreadPool.shared.parallelFor(planes) { plane in
      (y + plane * count).update(repeating: u[plane] / Float(count), count: count)
    }
  }
}
