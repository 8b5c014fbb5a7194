import Convolution
import Files
import Foundation
import Imaging
import Tensors

/// Images in folders that are named as their classes: `root/CLASS/*.png`.
public struct ImageFolder: Dataset {
  public let imageShape: Shape
  public let classNames: [String]
  /// Paths with their classes, sorted.
  public let files: [(path: String, label: Int)]

  /// - Parameters:
  ///   - root: the folder of the classes' folders.
  ///   - imageShape: `[C, H, W]` that images are resized to; the first image's where nil.
  ///   - classNames: in the order of their numbers; the folders' names, sorted, where nil.
  /// - Throws: `FileError` for a folder without images.
  public init(_ root: String, imageShape: Shape? = nil, classNames: [String]? = nil) throws(FileError) {
    let manager = FileManager.default
    func sorted(_ folder: String) throws(FileError) -> [String] {
      guard let names = try? manager.contentsOfDirectory(atPath: folder) else {
        throw FileError(folder, "is no folder that can be read")
      }
      return names.filter { !$0.hasPrefix(".") }.sorted()
    }
    var classes = classNames ?? []
    if classNames == nil {
      for name in try sorted(root) {
        var isFolder: ObjCBool = false
        if manager.fileExists(atPath: "\(root)/\(name)", isDirectory: &isFolder), isFolder.boolValue {
          classes.append(name)
        }
      }
    }
    var files: [(path: String, label: Int)] = []
    for (label, name) in classes.enumerated() {
      for file in try sorted("\(root)/\(name)") where (try? ImageFormat(path: file)) != nil {
        files.append(("\(root)/\(name)/\(file)", label))
      }
    }
    guard let first = files.first else {
      throw FileError(root, "has no images in folders named as their classes (root/CLASS/image.png)")
    }
    self.files = files
    self.classNames = classes
    if let imageShape {
      self.imageShape = imageShape
    } else {
      let image = try Image(path: first.path)
      self.imageShape = [image.colorChannels, image.height, image.width]
    }
  }

  public var count: Int { files.count }
  public func label(_ i: Int) -> Int { files[i].label }

  public func read(_ i: Int, into out: UnsafeMutableBufferPointer<Float>) throws {
    let planes = try Image(path: files[i].path).planes(imageShape)
    planes.withUnsafeBufferPointer { _ = out.update(fromContentsOf: $0) }
  }
}

extension Image {
  /// The samples as `[C, H, W]`, 0 to 1, resized with antialiasing to fit; alpha is left out, and colour becomes grey
  /// by its mean, or grey colour, where the channels ask for it.
  public func planes(_ shape: Shape) throws(FileError) -> Tensor<Float> {
    guard case .float32(let samples) = converted(to: .float32).samples else { preconditionFailure() }
    let (h, w, c) = (height, width, channels)
    let own = colorChannels
    let wanted = shape[0]
    let planes = samples.withUnsafeBufferPointer { x in
      Tensor<Float>(unsafeUninitializedShape: [1, wanted, h, w]) { y in
        for k in 0..<wanted {
          for i in 0..<h * w {
            let value: Float =
              wanted == 1 && own == 3
              ? (x[i * c] + x[i * c + 1] + x[i * c + 2]) / 3 : x[i * c + min(k, own - 1)]
            y.initializeElement(at: k * h * w + i, to: value)
          }
        }
      }
    }
    if h == shape[1], w == shape[2] { return planes.reshaped(shape) }
    do throws(GeometryError) {
      return try resize(planes, outputSize: [1, wanted, shape[1], shape[2]], .linearAntialiased).reshaped(
        shape)
    } catch {
      throw FileError("image", "\(error)")
    }
  }
}
