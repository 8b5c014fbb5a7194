import RealModule
import Tensors

/// Planes turned about their middle, counterclockwise, bilinear, on a canvas that holds all of them.
/// - Parameters:
///   - planes: `[C, H, W]`
///   - degrees: the angle.
/// - Returns: the planes `[C, H', W']`, and `[H', W']`, 1 where they are and 0 beyond their edges.
public func rotated(
  _ planes: Tensor<Float>, degrees: Double
) -> (planes: Tensor<Float>, mask: Tensor<Float>) {
  let (channels, h, w) = (planes.shape[0], planes.shape[1], planes.shape[2])
  let angle = degrees * .pi / 180
  // Quarter turns are exact: sine and cosine of 90 degrees are not, in floating point.
  let quarters = (degrees / 90).rounded()
  let isQuarter = degrees == quarters * 90
  let (c, s) =
    isQuarter
    ? (Double.cos(angle).rounded(), Double.sin(angle).rounded()) : (Double.cos(angle), Double.sin(angle))
  let height = Int((abs(Double(h) * c) + abs(Double(w) * s) - 1e-9).rounded(.up))
  let width = Int((abs(Double(w) * c) + abs(Double(h) * s) - 1e-9).rounded(.up))
  let x = planes.scalars
  var (out, mask) = (
    [Float](repeating: 0, count: channels * height * width), [Float](repeating: 0, count: height * width)
  )
  for v in 0..<height {
    for u in 0..<width {
      let (dy, dx) = (Double(v) - Double(height - 1) / 2, Double(u) - Double(width - 1) / 2)
      let (py, px) = (dy * c + dx * s + Double(h - 1) / 2, dx * c - dy * s + Double(w - 1) / 2)
      guard py > -0.5, px > -0.5, py < Double(h) - 0.5, px < Double(w) - 0.5 else { continue }
      let (cy, cx) = (min(max(py, 0), Double(h - 1)), min(max(px, 0), Double(w - 1)))
      let (y0, x0) = (Int(cy), Int(cx))
      let (y1, x1) = (min(y0 + 1, h - 1), min(x0 + 1, w - 1))
      let (fy, fx) = (Float(cy - Double(y0)), Float(cx - Double(x0)))
      mask[v * width + u] = 1
      for k in 0..<channels {
        let p = k * h * w
        let top = x[p + y0 * w + x0] * (1 - fx) + x[p + y0 * w + x1] * fx
        let bottom = x[p + y1 * w + x0] * (1 - fx) + x[p + y1 * w + x1] * fx
        out[(k * height + v) * width + u] = top * (1 - fy) + bottom * fy
      }
    }
  }
  return (Tensor(out, shape: [channels, height, width]), Tensor(mask, shape: [height, width]))
}
