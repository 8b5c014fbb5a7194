import Imaging
import Tensors

/// Images side by side on one sheet.
/// - Parameters:
///   - images: `[N, C, H, W]`, C being 1 or 3.
///   - columns: images in a row.
///   - low: the sample that is black.
///   - high: the sample that is white.
///   - scale: pixels along a side of each sample.
///   - border: the grey between images.
public func contactSheet(
  _ images: Tensor<Float>, columns: Int, low: Float = 0, high: Float = 1, scale: Int = 1, border: UInt8 = 128
) -> Image {
  let (n, c, h, w) = (images.shape[0], images.shape[1], images.shape[2], images.shape[3])
  let rows = n.dividedRoundingUp(by: columns)
  let (cellHeight, cellWidth) = (h * scale + 2, w * scale + 2)
  let (height, width) = (rows * cellHeight + 2, columns * cellWidth + 2)
  let channels = c == 1 ? 1 : 3
  return images.withUnsafeBufferPointer { x in
    Image(
      .uint8(
        Tensor(unsafeUninitializedShape: [height, width, channels]) { out in
          out.initialize(repeating: border)
          for i in 0..<n {
            let (top, left) = (i / columns * cellHeight + 2, i % columns * cellWidth + 2)
            for y in 0..<h * scale {
              for column in 0..<w * scale {
                for k in 0..<channels {
                  let value = (x[((i * c + k) * h + y / scale) * w + column / scale] - low) / (high - low)
                  out[((top + y) * width + left + column) * channels + k] =
                    UInt8(min(max(value * 255, 0), 255).rounded())
                }
              }
            }
          }
        }))
  }
}
