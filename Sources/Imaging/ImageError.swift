/// Why an image cannot be read or written. Descriptions name the cause and what to do; the file is named by
/// `FileError`.
public enum ImageError: Error, Equatable, CustomStringConvertible {
  case empty
  case unknownFormat(start: [UInt8])
  case unknownExtension(String)
  case truncated(ImageFormat, detail: String)
  case corrupt(ImageFormat, detail: String)
  case unsupported(ImageFormat, detail: String)
  case tooManyPixels(width: Int, height: Int, limit: Int)
  case tooManyBytes(Int, limit: Int)
  case cannotEncode(ImageFormat, detail: String)

  public var description: String {
    switch self {
    case .empty: "the file is empty; was it copied completely?"
    case .unknownFormat(let start):
      "not an image of a known format (PNG, JPEG, WebP, PPM/PGM, NPY): it starts with "
        + start.prefix(8).map { String($0, radix: 16) }.joined(separator: " ")
        + "; convert it to PNG first"
    case .unknownExtension(let name):
      "the format of \"\(name)\" cannot be told from its name; end it in .png, .jpg, .webp, .ppm, .pgm or .npy, "
        + "or give --format"
    case .truncated(let format, let detail):
      "the \(format.name) file ends early (\(printable(detail))); copy or download it again"
    case .corrupt(let format, let detail):
      "the \(format.name) file is damaged (\(printable(detail))); copy or download it again, or repair it"
    case .unsupported(let format, let detail):
      "this kind of \(format.name) is not supported: \(printable(detail))"
    case .tooManyPixels(let width, let height, let limit):
      "\(width) x \(height) pixels are more than the limit of \(limit); raise it with --max-pixels "
        + "if the file is to be trusted"
    case .tooManyBytes(let bytes, let limit):
      "\(bytes) bytes are more than the limit of \(limit); raise it with --max-bytes if the file is to be trusted"
    case .cannotEncode(let format, let detail): "cannot be written as \(format.name): \(printable(detail))"
    }
  }
}

/// One line of text, also where a damaged file wrote it.
func printable(_ text: String) -> String {
  String(
    String.UnicodeScalarView(
      text.unicodeScalars.prefix(400).map { $0.properties.generalCategory == .control ? "?" : $0 }))
}

/// What a decoder may use, so that a small file cannot claim all memory.
public struct DecodingLimits: Sendable, Equatable {
  public var pixels: Int
  /// For the file, and for the decoded samples.
  public var bytes: Int

  public init(pixels: Int = 1 << 28, bytes: Int = 2 << 30) {
    self.pixels = pixels
    self.bytes = bytes
  }

  /// - Throws: where an image of this layout is beyond the limits. Sizes are at least 1.
  func check(width: Int, height: Int, channels: Int, bytesPerSample: Int) throws(ImageError) {
    let (count, overflow) = width.multipliedReportingOverflow(by: height)
    guard !overflow, count <= pixels else {
      throw .tooManyPixels(width: width, height: height, limit: pixels)
    }
    let (size, tooLarge) = count.multipliedReportingOverflow(by: channels * bytesPerSample)
    guard !tooLarge, size <= bytes else { throw .tooManyBytes(tooLarge ? .max : size, limit: bytes) }
  }
}
