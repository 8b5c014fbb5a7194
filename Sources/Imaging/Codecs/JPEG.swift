import CTurboJPEG
import Convolution
import Tensors

/// Decodes a JPEG by libjpeg-turbo: grey stays grey, YCbCr, CMYK and YCCK become RGB.
func decodeJPEG(_ bytes: [UInt8], limits: DecodingLimits) throws(ImageError) -> Image {
  guard let decoder = tjInitDecompress() else {
    throw .unsupported(.jpeg, detail: "libjpeg-turbo cannot be set up")
  }
  defer { tjDestroy(decoder) }
  var (width, height, subsampling, colorspace) = (Int32(0), Int32(0), Int32(0), Int32(0))
  guard
    tjDecompressHeader3(decoder, bytes, UInt(bytes.count), &width, &height, &subsampling, &colorspace) == 0
  else { throw jpegError(decoder) }
  let isCMYK = colorspace == TJCS_CMYK.rawValue || colorspace == TJCS_YCCK.rawValue
  let isGray = colorspace == TJCS_GRAY.rawValue
  let format = isCMYK ? TJPF_CMYK : isGray ? TJPF_GRAY : TJPF_RGB
  let layout = SampleLayout(
    height: Int(height), width: Int(width), channels: isCMYK ? 4 : isGray ? 1 : 3, type: .uint8)
  try limits.check(width: layout.width, height: layout.height, channels: layout.channels, bytesPerSample: 1)
  let markers = JPEGMarkers(bytes)
  // A profile of inks says nothing about the RGB that comes out.
  let profile = isCMYK ? nil : markers.iccProfile
  var image = try Image.uninitialized(layout, iccProfile: profile) { (pixels) throws(ImageError) in
    let flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS
    let status = tjDecompress2(
      decoder, bytes, UInt(bytes.count), pixels.assumingMemoryBound(to: UInt8.self), width,
      Int32(layout.samplesPerRow), height, format.rawValue, flags)
    if status != 0, !isHarmless(decoder) { throw jpegError(decoder) }
  }
  if isCMYK, case .uint8(let cmyk) = image.samples {
    image = Image(.uint8(rgb(fromCMYK: cmyk, isInverted: markers.hasAdobe)))
  }
  return image.oriented(markers.exif.map(exifOrientation) ?? 1)
}

/// Inks as Adobe stores them, inverted (255 is no ink), multiply to light directly.
private func rgb(fromCMYK cmyk: Tensor<UInt8>, isInverted: Bool) -> Tensor<UInt8> {
  cmyk.withUnsafeBufferPointer { source in
    Tensor(unsafeUninitializedShape: [cmyk.shape[0], cmyk.shape[1], 3]) { destination in
      let flip: UInt8 = isInverted ? 0 : 255
      for pixel in 0..<source.count / 4 {
        let black = Int(source[4 * pixel + 3] ^ flip)
        for c in 0..<3 {
          let light = (Int(source[4 * pixel + c] ^ flip) * black + 127) / 255
          destination.initializeElement(at: 3 * pixel + c, to: UInt8(light))
        }
      }
    }
  }
}

private func jpegMessage(_ handle: tjhandle) -> String {
  let text = String(cString: tjGetErrorStr2(handle))
  let prefixes = ["tjDecompress2(): ", "tjDecompressHeader3(): ", "tjCompress2(): "]
  let prefix = prefixes.first { text.hasPrefix($0) } ?? ""
  return String(text.dropFirst(prefix.count))
}

private func jpegError(_ handle: tjhandle) -> ImageError {
  let text = jpegMessage(handle)
  if text.contains("Premature end") || text.contains("Empty input") {
    return .truncated(.jpeg, detail: text)
  }
  if text.contains("precision") || text.contains("Unsupported") || text.contains("not supported") {
    return .unsupported(.jpeg, detail: text)
  }
  return .corrupt(.jpeg, detail: text)
}

/// Oddities that cameras and editors leave, which do not touch the pixels.
private func isHarmless(_ handle: tjhandle) -> Bool {
  guard tjGetErrorCode(handle) == TJERR_WARNING.rawValue else { return false }
  let text = jpegMessage(handle)
  return text.contains("extraneous bytes") || text.contains("Unknown Adobe")
    || text.contains("Inconsistent progression") || text.contains("thumbnail")
}

func encodeJPEG(_ image: Image, _ options: Image.EncodingOptions) throws(ImageError) -> [UInt8] {
  let image = image.converted(to: .uint8).overWhite()
  guard image.width <= 65500, image.height <= 65500 else {
    throw .cannotEncode(
      .jpeg, detail: "\(image.width) x \(image.height) is larger than JPEG's 65500 x 65500; write PNG")
  }
  guard let encoder = tjInitCompress() else {
    throw .cannotEncode(.jpeg, detail: "libjpeg-turbo cannot be set up")
  }
  defer { tjDestroy(encoder) }
  var data: UnsafeMutablePointer<UInt8>?
  var size = UInt(0)
  defer { tjFree(data) }
  let isGray = image.channels == 1
  let subsampling = isGray ? TJSAMP_GRAY : options.quality >= 90 ? TJSAMP_444 : TJSAMP_420
  let status = image.withUnsafeBytes {
    tjCompress2(
      encoder, $0.assumingMemoryBound(to: UInt8.self), Int32(image.width), Int32(image.layout.samplesPerRow),
      Int32(image.height), (isGray ? TJPF_GRAY : TJPF_RGB).rawValue, &data, &size,
      Int32(subsampling.rawValue),
      Int32(options.quality), TJFLAG_ACCURATEDCT)
  }
  guard status == 0, let data else { throw .cannotEncode(.jpeg, detail: jpegMessage(encoder)) }
  let bytes = UnsafeBufferPointer(start: data, count: Int(size))
  guard let profile = image.iccProfile else { return Array(bytes) }
  // After the first two bytes, the start of image, and before everything else.
  return bytes.prefix(2) + JPEGMarkers.segments(forICCProfile: profile) + bytes.dropFirst(2)
}
