import Tensors

/// Images with classes, each of one shape.
public protocol Dataset: Sendable {
  var count: Int { get }
  /// `[C, H, W]` of every image.
  var imageShape: Shape { get }
  /// A name for every class.
  var classNames: [String] { get }
  /// The class of an image.
  func label(_ i: Int) -> Int
  /// Writes an image's samples, 0 to 1, channel by channel.
  func read(_ i: Int, into image: UnsafeMutableBufferPointer<Float>) throws
}

/// Images of 8 bits in memory.
public struct ImageArray: Dataset {
  public let imageShape: Shape
  public let classNames: [String]
  /// `[N, C, H, W]`
  public let images: Tensor<UInt8>
  public let labels: [UInt8]

  /// - Precondition: there is a label below the classes' number for each image.
  public init(images: Tensor<UInt8>, labels: [UInt8], classNames: [String]) {
    precondition(images.shape.rank == 4 && images.shape[0] == labels.count, "a label for every image")
    precondition(labels.allSatisfy { Int($0) < classNames.count }, "a name for every class")
    (self.images, self.labels, self.classNames) = (images, labels, classNames)
    imageShape = Shape(Array(images.shape.dimensions[1...]))
  }

  public var count: Int { labels.count }
  public func label(_ i: Int) -> Int { Int(labels[i]) }

  public func read(_ i: Int, into image: UnsafeMutableBufferPointer<Float>) {
    images.withUnsafeBufferPointer { images in
      let start = i * image.count
      for j in image.indices { image[j] = Float(images[start + j]) * (1 / 255) }
    }
  }

  /// The first images of it.
  public func prefix(_ count: Int) -> ImageArray {
    let count = min(count, self.count)
    return ImageArray(
      images: images.slice(0..<count, axis: 0), labels: Array(labels[..<count]), classNames: classNames)
  }
}
