import Foundation
import Tensors

/// Samples that another program computed: cases in JSON, float32 samples in a file beside it.
public struct Vectors<Cases: Decodable> {
  public let cases: Cases
  private let samples: Data

  /// - Parameter file: `#filePath` of the test; the vectors lie in the folder `Vectors` beside it.
  public init(_ name: String, file: String = #filePath) throws {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent("Vectors")
    cases = try JSONDecoder().decode(
      Cases.self, from: Data(contentsOf: folder.appendingPathComponent("\(name).json")))
    samples = try Data(contentsOf: folder.appendingPathComponent("\(name).bin"))
  }

  public func tensor(_ place: Place) -> Tensor<Float> {
    let shape = Shape(place.shape)
    let values = samples.withUnsafeBytes { bytes in
      (0..<shape.count).map { bytes.loadUnaligned(fromByteOffset: (place.offset + $0) * 4, as: Float.self) }
    }
    return Tensor(values, shape: shape)
  }
}

/// Where an array lies in the file of samples.
public struct Place: Decodable, Sendable {
  public let offset: Int
  public let shape: [Int]
}

/// The root of the package.
public func packageRoot(file: String = #filePath) -> URL {
  URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}
