import CImageCodecs
import Convolution

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Decodes a PNG of any kind by libpng: 8-bit, or 16-bit where the file has 16.
func decodePNG(_ bytes: [UInt8], limits: DecodingLimits) throws(ImageError) -> Image {
  var reader = ConvolvePNGReader()
  let result: Result<Image, ImageError> = bytes.withUnsafeBufferPointer { bytes in
    defer { convolve_png_close(&reader) }
    guard convolve_png_open(&reader, bytes.baseAddress!, bytes.count) == 0 else {
      return .failure(pngError(reader))
    }
    let layout = SampleLayout(
      height: Int(reader.height), width: Int(reader.width), channels: Int(reader.channels),
      type: reader.bitDepth == 16 ? .uint16 : .uint8)
    let profile = reader.profile.map { Array(UnsafeBufferPointer(start: $0, count: Int(reader.profileSize))) }
    let exif = reader.exif.map { Array(UnsafeBufferPointer(start: $0, count: Int(reader.exifSize))) }
    return Result { () throws(ImageError) in
      try limits.check(
        width: layout.width, height: layout.height, channels: layout.channels,
        bytesPerSample: layout.type.byteCount)
      let image = try Image.uninitialized(layout, iccProfile: profile) { (pixels) throws(ImageError) in
        guard convolve_png_read(&reader, pixels.assumingMemoryBound(to: UInt8.self)) == 0 else {
          throw pngError(reader)
        }
      }
      return image.oriented(exif.map(exifOrientation) ?? 1)
    }
  }
  return try result.get()
}

private func pngError(_ reader: ConvolvePNGReader) -> ImageError {
  let text = pngMessage(reader.message)
  // libpng's own words for data that stops, in the file and inside its compressed stream.
  let endsEarly = ["ends early", "Not enough", "unexpected end", "Read Error"]
  if endsEarly.contains(where: { text.contains($0) }) { return .truncated(.png, detail: text) }
  return .corrupt(.png, detail: text)
}

/// The text in a C array of `CONVOLVE_PNG_MESSAGE` characters.
private func pngMessage<Characters>(_ message: Characters) -> String {
  withUnsafeBytes(of: message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

func encodePNG(_ image: Image, _ options: Image.EncodingOptions) throws(ImageError) -> [UInt8] {
  let image = image.type == .float32 ? image.converted(to: .uint16) : image
  var writer = ConvolvePNGWriter()
  writer.width = UInt32(image.width)
  writer.height = UInt32(image.height)
  writer.channels = UInt32(image.channels)
  writer.bitDepth = image.type == .uint16 ? 16 : 8
  writer.compressionLevel = Int32(options.compressionLevel)
  defer { free(writer.data) }
  let profile = image.iccProfile ?? []
  let status = profile.withUnsafeBufferPointer { profile in
    if !profile.isEmpty {
      writer.profile = profile.baseAddress
      writer.profileSize = UInt32(profile.count)
    }
    return image.withUnsafeBytes { convolve_png_write(&writer, $0.assumingMemoryBound(to: UInt8.self)) }
  }
  guard status == 0 else { throw .cannotEncode(.png, detail: pngMessage(writer.message)) }
  return Array(UnsafeBufferPointer(start: writer.data, count: writer.size))
}
