import Convolution
import Tensors

/// What was done to photos before a network was trained on them, and must be done before it sees another: resized as Pillow
/// does, to the bit, cropped and normalised.
public struct Preprocessing: Sendable, Hashable, CustomStringConvertible {
  /// What is cut out, and resized when.
  public enum Crop: Sendable, Hashable {
    /// The short side is resized to a number of samples, and the centre cut out: torchvision's.
    case afterResizing(shortSide: Int)
    /// The centre is cut out, so much of the short side, and resized: TensorFlow's.
    case beforeResizing(fraction: Double)
    /// The whole image, at its own size.
    case none
  }

  public let crop: Crop
  public let isCubic: Bool
  /// Of samples from 0 to 255, for red, green and blue.
  public let mean: [Float]
  public let deviation: [Float]
  /// Whether the channels go in as blue, green, red.
  public let isBGR: Bool

  public init(
    crop: Crop, isCubic: Bool = false, mean: [Float], deviation: [Float] = [1, 1, 1], isBGR: Bool = false
  ) {
    (self.crop, self.isCubic, self.mean, self.deviation) = (crop, isCubic, mean, deviation)
    self.isBGR = isBGR
  }

  /// torchvision's, for its ImageNet networks: the short side to 256, the centre, ImageNet's mean and deviation.
  public static let torchvision = Preprocessing(
    crop: .afterResizing(shortSide: 256), mean: [0.485 * 255, 0.456 * 255, 0.406 * 255],
    deviation: [0.229 * 255, 0.224 * 255, 0.225 * 255])

  /// A photo as a network takes it.
  /// - Parameters:
  ///   - photo: `[1, 3, H, W]`, from 0 to 255.
  ///   - size: height and width that the network takes; the photo's own where nothing is cropped.
  /// - Returns: `[1, 3, size...]`
  /// - Throws: `GeometryError` for photos that cannot be resized.
  public func callAsFunction(
    _ photo: Tensor<Float>, size: (height: Int, width: Int)
  ) throws(GeometryError) -> Tensor<Float> {
    let (height, width) = (photo.shape[2], photo.shape[3])
    var x = photo
    switch crop {
    case .none: break
    case .afterResizing(let shortSide):
      // In proportion, for networks of other sizes than 224.
      let short = max(shortSide * min(size.height, size.width) / 224, min(size.height, size.width))
      let long = short * max(height, width) / min(height, width)
      x = try resized(x, height <= width ? (short, long) : (long, short))
      x = Self.center(x, size)
    case .beforeResizing(let fraction):
      let side = Int(fraction * Double(min(height, width)))
      let (top, left) = ((height - side) / 2, (width - side) / 2)
      x = try resized(x.slice(top..<top + side, axis: 2).slice(left..<left + side, axis: 3), size)
    }
    let plane = x.shape[2] * x.shape[3]
    return x.withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: [1, 3, plane]) { out in
        for c in 0..<3 {
          let source = isBGR ? 2 - c : c
          for i in 0..<plane {
            out.initializeElement(
              at: c * plane + i, to: (x[source * plane + i] - mean[source]) / deviation[source])
          }
        }
      }
    }.reshaped([1, 3, x.shape[2], x.shape[3]])
  }

  /// As Pillow.
  private func resized(
    _ x: Tensor<Float>, _ size: (height: Int, width: Int)
  ) throws(GeometryError) -> Tensor<Float> {
    let from = "a photo of \(x.shape[3])x\(x.shape[2])"
    guard x.shape.count > 0, size.height > 0, size.width > 0 else {
      throw .invalid("\(from), of which nothing is left to resize: a network takes one sample at least")
    }
    guard size.height <= (1 << 28) / size.width else {
      throw .invalid("\(from) would become one of \(size.width)x\(size.height): crop it first")
    }
    return PhotoResampling(isCubic: isCubic)(x, size)
  }

  private static func center(_ x: Tensor<Float>, _ size: (height: Int, width: Int)) -> Tensor<Float> {
    // Halves to the even number, as Python rounds them.
    let top = Int((Double(x.shape[2] - size.height) / 2).rounded(.toNearestOrEven))
    let left = Int((Double(x.shape[3] - size.width) / 2).rounded(.toNearestOrEven))
    return x.slice(top..<top + size.height, axis: 2).slice(left..<left + size.width, axis: 3)
  }

  public var description: String {
    let method = isCubic ? "bicubic" : "bilinear"
    let size =
      switch crop {
      case .afterResizing(let side): "\(method), antialiased, short side to \(side), centre crop"
      case .beforeResizing(let fraction):
        "centre crop of \(fraction) of the short side, \(method), antialiased"
      case .none: "own size"
      }
    func list(_ values: [Float]) -> String {
      values.map { "\(($0 * 1000).rounded() / 1000)" }.joined(separator: ", ")
    }
    return "\(size), \(isBGR ? "BGR" : "RGB"), minus (\(list(mean))), by (\(list(deviation)))"
  }
}
