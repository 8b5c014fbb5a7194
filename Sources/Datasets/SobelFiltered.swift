import Tensors

/// A data set's images as the length of their Sobel gradient, a quarter of it, each channel for itself.
public struct SobelFiltered: Dataset {
  private let base: any Dataset

  public init(_ base: any Dataset) { self.base = base }

  public var count: Int { base.count }
  public var imageShape: Shape { base.imageShape }
  public var classNames: [String] { base.classNames }
  public func label(_ i: Int) -> Int { base.label(i) }

  public func read(_ i: Int, into image: UnsafeMutableBufferPointer<Float>) throws {
    try base.read(i, into: image)
    Self.apply(to: image, imageShape)
  }

  /// Replaces samples by their gradient's length, the border repeated.
  public static func apply(to image: UnsafeMutableBufferPointer<Float>, _ shape: Shape) {
    let (h, w) = (shape[1], shape[2])
    let source = Array(image)
    for c in 0..<shape[0] {
      func at(_ y: Int, _ x: Int) -> Float {
        source[(c * h + min(max(y, 0), h - 1)) * w + min(max(x, 0), w - 1)]
      }
      for y in 0..<h {
        for x in 0..<w {
          let right = at(y - 1, x + 1) + 2 * at(y, x + 1) + at(y + 1, x + 1)
          let left = at(y - 1, x - 1) + 2 * at(y, x - 1) + at(y + 1, x - 1)
          let below = at(y + 1, x - 1) + 2 * at(y + 1, x) + at(y + 1, x + 1)
          let above = at(y - 1, x - 1) + 2 * at(y - 1, x) + at(y - 1, x + 1)
          let (dx, dy) = (right - left, below - above)
          image[(c * h + y) * w + x] = min(1, (dx * dx + dy * dy).squareRoot() / 4)
        }
      }
    }
  }
}
