import Convolution
import Foundation
@testable import Models
import Tensors
import Testing

/// Photos of random samples beside what Pillow's `Image.resize` makes of them (`Tests/Vectors/make_resize_vectors.py`).
@Suite struct PreprocessingTests {
  struct Case: Decodable {
    let input: [Int]
    let output: [Int]
    let filter: String
    let fnv1a: UInt32
    let first: [UInt8]
  }

  static func photo(height: Int, width: Int) -> Tensor<Float> {
    Tensor(
      (0..<3 * height * width).map { Float(UInt32(truncatingIfNeeded: ($0 + 1) * 2_654_435_761) >> 24) },
      shape: [1, 3, height, width])
  }

  @Test func photosAreResizedAsPillowDoes() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
      path: "Vectors/resize.json")
    let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: url))
    #expect(cases.count == 24)
    for item in cases {
      let photo = Self.photo(height: item.input[0], width: item.input[1])
      let resized = PhotoResampling(isCubic: item.filter == "bicubic")(
        photo, (item.output[0], item.output[1]))
      #expect(resized.shape == [1, 3, item.output[0], item.output[1]])
      let samples = resized.scalars.map { UInt8($0) }
      let hash = samples.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
      #expect(Array(samples.prefix(64)) == item.first, "\(item.input) to \(item.output), \(item.filter)")
      #expect(hash == item.fnv1a, "\(item.input) to \(item.output), \(item.filter)")
    }
  }

  @Test func photosThatCannotBeResizedAreRefused() {
    let torchvision = Preprocessing.torchvision
    for shape: Shape in [[1, 3, 1, 2_000_000], [1, 3, 2_000_000, 1]] {
      #expect(throws: GeometryError.self) {
        try torchvision(Tensor(repeating: 0, shape: shape), size: (224, 224))
      }
    }
    #expect(throws: GeometryError.self) {
      try Preprocessing(crop: .beforeResizing(fraction: 0.875), mean: [0, 0, 0])(
        Tensor(repeating: 0, shape: [1, 3, 1, 1]), size: (224, 224))
    }
  }
}
