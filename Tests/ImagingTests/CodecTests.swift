import Convolution
import Foundation
@testable import Imaging
import TestSupport
import Tensors
import Testing

/// Files of every kind, made by other programs (Tests/Vectors/make_corpus.py), and what those decode.
@Suite struct CodecTests {
  struct Case: Decodable {
    let file: String
    let type: String
    let tolerance: Float
    let icc: Bool
    let pixels: Place
  }

  static func corpus(_ name: String) throws -> [UInt8] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Corpus")
    return try [UInt8](Data(contentsOf: folder.appendingPathComponent(name)))
  }

  /// Samples in the image's own units.
  static func floats(_ image: Image) -> [Float] {
    switch image.samples {
    case .uint8(let t): t.scalars.map { Float($0) }
    case .uint16(let t): t.scalars.map { Float($0) }
    case .float32(let t): t.scalars
    }
  }

  @Test func everyFileDecodes() throws {
    let vectors = try Vectors<[Case]>("corpus")
    #expect(vectors.cases.count == 41)
    for item in vectors.cases {
      let image = try Image(decoding: try Self.corpus(item.file))
      let expected = vectors.tensor(item.pixels)
      #expect(image.shape == expected.shape, "\(item.file)")
      #expect(image.type.rawValue == item.type, "\(item.file)")
      #expect((image.iccProfile != nil) == item.icc, "\(item.file)")
      guard image.shape == expected.shape else { continue }
      let worst = zip(Self.floats(image), expected.scalars).map { abs($0 - $1) }.max()!
      #expect(worst <= item.tolerance, "\(item.file): \(worst)")
    }
  }

  @Test func formatsWithoutLossComeBack() throws {
    for file in [
      "rgb.png", "gray.png", "rgba.png", "gray-alpha.png", "rgb16.png", "rgba16.png", "gray16.png",
    ] {
      let image = try Image(decoding: try Self.corpus(file))
      for level in [0, 3, 9] {
        let bytes = try image.encoded(as: .png, options: .init(compressionLevel: level))
        #expect(try Image(decoding: bytes) == image, "\(file) as PNG")
      }
      #expect(
        try Self.floats(Image(decoding: image.encoded(as: .npy))) == Self.floats(image), "\(file) as NPY")
      if !image.hasAlpha {
        let pnm = try Image(decoding: image.encoded(as: .pnm))
        #expect(Self.floats(pnm) == Self.floats(image), "\(file) as PNM")
      }
    }
    let image = try Image(decoding: try Self.corpus("alpha.webp"))
    #expect(try Image(decoding: image.encoded(as: .webp, options: .init(isLossless: true))) == image)
  }

  @Test func profilesAreKept() throws {
    let image = try Image(decoding: try Self.corpus("rgb.png"))
    let profile = try #require(image.iccProfile)
    for format in [ImageFormat.png, .jpeg, .webp] {
      #expect(try Image(decoding: image.encoded(as: format)).iccProfile == profile, "\(format)")
    }
    // Larger than one JPEG segment.
    let large = Image(image.samples, iccProfile: (0..<150_000).map { UInt8(truncatingIfNeeded: $0 * $0) })
    #expect(try Image(decoding: large.encoded(as: .jpeg)).iccProfile == large.iccProfile)
  }

  @Test func lossyFormatsComeClose() throws {
    let image = try Image(decoding: try Self.corpus("rgb.png"))
    for format in [ImageFormat.jpeg, .webp] {
      let back = try Image(decoding: image.encoded(as: format, options: .init(quality: 95)))
      let difference = zip(Self.floats(back), Self.floats(image)).map { abs($0 - $1) }.reduce(0, +)
      #expect(difference / Float(image.shape.count) < 8, "\(format)")
    }
  }

  @Test func alphaGoesOverWhiteWhereThereIsNone() throws {
    let image = Image(.uint8(Tensor([100, 0, 0, 0, 100, 0, 0, 255], shape: [1, 2, 4])))
    let pnm = try Image(decoding: image.encoded(as: .pnm))
    #expect(Self.floats(pnm) == [255, 255, 255, 100, 0, 0])
    #expect(image.losses(in: .jpeg) == ["JPEG has no alpha: written over white"])
  }

  @Test func truncatedFilesAreErrorsOfTheirFormat() throws {
    let names = [
      "rgb.png", "palette.png", "interlaced16.png", "rgb.jpg", "progressive.jpg", "cmyk.jpg", "lossless.webp",
      "lossy.webp", "alpha.webp", "raw.ppm", "plain.ppm", "raw16.ppm", "raw.pbm", "plain.pbm", "float.npy",
      "shorts.npy",
    ]
    for name in names {
      let bytes = try Self.corpus(name)
      for percent in [1, 10, 30, 50, 70, 90, 97] {
        let part = Array(bytes[..<(bytes.count * percent / 100)])
        do throws(ImageError) {
          _ = try Image(decoding: part)
          Issue.record("\(name) at \(percent) % decoded")
        } catch {
          #expect(!error.description.contains("\n"), "one line")
        }
      }
    }
  }

  @Test func absurdSizesAreRefusedBeforeMemoryIsTaken() throws {
    // A PNG of 45 bytes that claims 100,000 x 100,000 pixels.
    var png = try Self.corpus("gray.png")
    png.replaceSubrange(16..<24, with: [0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0])
    png.replaceSubrange(29..<33, with: crc32(png[12..<29]))
    #expect(throws: ImageError.tooManyPixels(width: 100_000, height: 100_000, limit: 1 << 28)) {
      try Image(decoding: png)
    }
    #expect(throws: ImageError.tooManyBytes(3 * 23 * 31, limit: 2000)) {
      try Image(decoding: try Self.corpus("palette.png"), limits: .init(bytes: 2000))
    }
    #expect(throws: ImageError.self) { try Image(decoding: Array("P5 99999999 99999999 255\n".utf8)) }
    #expect(throws: ImageError.self) {
      try Image(decoding: try Self.corpus("rgb.jpg"), limits: .init(pixels: 100))
    }
    #expect(throws: ImageError.self) {
      try Image(decoding: try Self.corpus("lossy.webp"), limits: .init(pixels: 100))
    }
  }

  private func crc32(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var crc: UInt32 = ~0
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    crc = ~crc
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: crc >> $0) }
  }

  @Test func formatsAreSniffedNotNamed() throws {
    #expect(try ImageFormat(sniffing: try Self.corpus("rgb.png")) == .png)
    #expect(throws: ImageError.empty) { try Image(decoding: []) }
    #expect(throws: ImageError.self) { try Image(decoding: Array("GIF89a...........".utf8)) }
    #expect(throws: ImageError.unknownExtension("photo.tiff")) { try ImageFormat(path: "a/photo.tiff") }
    #expect(try ImageFormat(path: "x.y/photo.JPG") == .jpeg)
  }

  @Test func orientationsFromEitherByteOrder() {
    let little: [UInt8] = [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]
    let big: [UInt8] = [0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0]
    #expect(exifOrientation(little) == 6)
    #expect(exifOrientation(Array("Exif\0\0".utf8) + big) == 8)
    #expect(exifOrientation(Array(little.dropLast(8))) == 1)
    #expect(exifOrientation([]) == 1)
  }
}
