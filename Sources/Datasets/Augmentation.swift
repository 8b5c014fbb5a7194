import Tensors

/// Random changes to training images, before they are normalised.
public struct Augmentation: Sendable, Codable, Hashable {
  /// Samples of zeros around the image, from which a piece of the image's size is cut.
  public var cropPadding = 0
  /// Whether one half of the images is mirrored.
  public var flips = false
  /// How often a rectangle of 2 to 25 % of the image is filled with noise.
  public var erasing = 0.0
  /// How far brightness, contrast and, for colour, saturation go from 1.
  public var jitter = 0.0

  public init(cropPadding: Int = 0, flips: Bool = false, erasing: Double = 0, jitter: Double = 0) {
    (self.cropPadding, self.flips, self.erasing, self.jitter) = (cropPadding, flips, erasing, jitter)
  }

  public var isNone: Bool { self == Augmentation() }

  /// Changes one image of `[C, H, W]` in place.
  func apply(
    to image: UnsafeMutableBufferPointer<Float>, _ shape: Shape, using generator: inout SeededGenerator
  ) {
    let (c, h, w) = (shape[0], shape[1], shape[2])
    if cropPadding > 0 || flips {
      let range = -cropPadding...cropPadding
      let (dy, dx) = (Int.random(in: range, using: &generator), Int.random(in: range, using: &generator))
      let isFlipped = flips && Bool.random(using: &generator)
      let source = Array(image)
      for k in 0..<c {
        for y in 0..<h {
          for x in 0..<w {
            let (fromY, fromX) = (y + dy, (isFlipped ? w - 1 - x : x) + dx)
            let isInside = fromY >= 0 && fromY < h && fromX >= 0 && fromX < w
            image[(k * h + y) * w + x] = isInside ? source[(k * h + fromY) * w + fromX] : 0
          }
        }
      }
    }
    if jitter > 0 { jitter(image, shape, using: &generator) }
    if erasing > 0, Double.random(in: 0..<1, using: &generator) < erasing {
      let area = Double.random(in: 0.02...0.25, using: &generator) * Double(h * w)
      let ratio = Double.random(in: 0.5...2, using: &generator)
      let height = min(h, max(1, Int((area * ratio).squareRoot())))
      let width = min(w, max(1, Int((area / ratio).squareRoot())))
      let (top, left) = (
        Int.random(in: 0...h - height, using: &generator), Int.random(in: 0...w - width, using: &generator)
      )
      for k in 0..<c {
        for y in top..<top + height {
          for x in left..<left + width { image[(k * h + y) * w + x] = .random(in: 0..<1, using: &generator) }
        }
      }
    }
  }

  private func jitter(
    _ image: UnsafeMutableBufferPointer<Float>, _ shape: Shape, using generator: inout SeededGenerator
  ) {
    let range = max(0, 1 - jitter)...1 + jitter
    let brightness = Float(Double.random(in: range, using: &generator))
    let contrast = Float(Double.random(in: range, using: &generator))
    let saturation = Float(Double.random(in: range, using: &generator))
    let mean = image.reduce(0, +) / Float(image.count) * brightness
    for i in image.indices { image[i] = (image[i] * brightness - mean) * contrast + mean }
    if shape[0] == 3 {
      let plane = shape[1] * shape[2]
      for i in 0..<plane {
        let grey = 0.299 * image[i] + 0.587 * image[plane + i] + 0.114 * image[2 * plane + i]
        for k in 0..<3 { image[k * plane + i] = grey + (image[k * plane + i] - grey) * saturation }
      }
    }
    for i in image.indices { image[i] = min(max(image[i], 0), 1) }
  }
}
