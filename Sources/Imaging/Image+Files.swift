@_exported import Files
import Tensors

extension Image {
  /// Reads an image file of any known format, or standard input for `-`.
  public init(path: String, limits: DecodingLimits = DecodingLimits()) throws(FileError) {
    let bytes = try readFile(path, limit: limits.bytes)
    do throws(ImageError) {
      self = try Image(decoding: bytes, limits: limits)
    } catch {
      throw FileError(path == "-" ? "standard input" : path, "\(error)")
    }
  }

  /// Writes an image file in the format that its name asks for.
  public func write(
    to path: String, as format: ImageFormat? = nil, options: EncodingOptions = EncodingOptions(),
    replacing: Bool = false
  ) throws(FileError) {
    let bytes: [UInt8]
    do throws(ImageError) {
      let format = if let format { format } else { try ImageFormat(path: path) }
      bytes = try encoded(as: format, options: options)
    } catch {
      throw FileError(path, "\(error)")
    }
    try writeFile(bytes, to: path, replacing: replacing)
  }
}
