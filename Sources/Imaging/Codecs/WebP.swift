import CWebP
import Convolution
import Tensors

/// Decodes a still WebP, lossy or lossless, by libwebp.
func decodeWebP(_ bytes: [UInt8], limits: DecodingLimits) throws(ImageError) -> Image {
  var features = WebPBitstreamFeatures()
  let status = WebPGetFeatures(bytes, bytes.count, &features)
  guard status == VP8_STATUS_OK else { throw webPError(status) }
  guard features.has_animation == 0 else {
    throw .unsupported(.webp, detail: "it is an animation; extract a frame first (webpmux -get frame 1)")
  }
  let channels = features.has_alpha != 0 ? 4 : 3
  let layout = SampleLayout(
    height: Int(features.height), width: Int(features.width), channels: channels, type: .uint8)
  try limits.check(width: layout.width, height: layout.height, channels: channels, bytesPerSample: 1)
  var config = WebPDecoderConfig()
  guard WebPInitDecoderConfig(&config) != 0 else {
    throw .unsupported(.webp, detail: "libwebp has another version than its headers; reinstall it")
  }
  let image = try Image.uninitialized(layout, iccProfile: webPChunk("ICCP", bytes)) {
    (pixels) throws(ImageError) in
    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB
    config.output.is_external_memory = 1
    config.output.u.RGBA.rgba = pixels.assumingMemoryBound(to: UInt8.self)
    config.output.u.RGBA.stride = Int32(layout.samplesPerRow)
    config.output.u.RGBA.size = layout.byteCount
    let status = WebPDecode(bytes, bytes.count, &config)
    guard status == VP8_STATUS_OK else { throw webPError(status) }
  }
  return image.oriented(webPChunk("EXIF", bytes).map(exifOrientation) ?? 1)
}

private func webPError(_ status: VP8StatusCode) -> ImageError {
  switch status {
  case VP8_STATUS_NOT_ENOUGH_DATA: .truncated(.webp, detail: "not enough data")
  case VP8_STATUS_SUSPENDED: .truncated(.webp, detail: "the picture data stops")
  case VP8_STATUS_BITSTREAM_ERROR: .corrupt(.webp, detail: "bitstream error")
  case VP8_STATUS_UNSUPPORTED_FEATURE: .unsupported(.webp, detail: "it uses a feature that libwebp lacks")
  case VP8_STATUS_OUT_OF_MEMORY: .unsupported(.webp, detail: "libwebp is out of memory")
  default: .corrupt(.webp, detail: "libwebp's status \(status.rawValue)")
  }
}

/// The payload of a chunk of the file's container.
private func webPChunk(_ name: String, _ bytes: [UInt8]) -> [UInt8]? {
  bytes.withUnsafeBufferPointer { bytes in
    var data = WebPData(bytes: bytes.baseAddress, size: bytes.count)
    guard let mux = WebPMuxCreate(&data, 0) else { return nil }
    defer { WebPMuxDelete(mux) }
    var chunk = WebPData()
    guard WebPMuxGetChunk(mux, name, &chunk) == WEBP_MUX_OK, let start = chunk.bytes, chunk.size > 0 else {
      return nil
    }
    return Array(UnsafeBufferPointer(start: start, count: chunk.size))
  }
}

func encodeWebP(_ image: Image, _ options: Image.EncodingOptions) throws(ImageError) -> [UInt8] {
  let image = image.converted(to: .uint8).inColor()
  guard image.width <= 16383, image.height <= 16383 else {
    throw .cannotEncode(
      .webp, detail: "\(image.width) x \(image.height) is larger than WebP's 16383 x 16383; write PNG")
  }
  let (width, height, stride) = (Int32(image.width), Int32(image.height), Int32(image.layout.samplesPerRow))
  let quality = Float(options.quality)
  var data: UnsafeMutablePointer<UInt8>?
  let size = image.withUnsafeBytes { pixels in
    let pixels = pixels.assumingMemoryBound(to: UInt8.self)
    switch (image.hasAlpha, options.isLossless) {
    case (true, true): return WebPEncodeLosslessRGBA(pixels, width, height, stride, &data)
    case (false, true): return WebPEncodeLosslessRGB(pixels, width, height, stride, &data)
    case (true, false): return WebPEncodeRGBA(pixels, width, height, stride, quality, &data)
    case (false, false): return WebPEncodeRGB(pixels, width, height, stride, quality, &data)
    }
  }
  defer { WebPFree(data) }
  guard size > 0, let data else { throw .cannotEncode(.webp, detail: "libwebp refused the picture") }
  let plain = UnsafeBufferPointer(start: data, count: size)
  guard let profile = image.iccProfile else { return Array(plain) }
  return try withProfile(profile, plain)
}

/// The same picture in a container that also holds a colour profile.
private func withProfile(_ profile: [UInt8], _ picture: UnsafeBufferPointer<UInt8>) throws(ImageError)
  -> [UInt8]
{
  var data = WebPData(bytes: picture.baseAddress, size: picture.count)
  guard let mux = WebPMuxCreate(&data, 1) else {
    throw .cannotEncode(.webp, detail: "libwebpmux refused the picture")
  }
  defer { WebPMuxDelete(mux) }
  let status = profile.withUnsafeBufferPointer { profile in
    var chunk = WebPData(bytes: profile.baseAddress, size: profile.count)
    return WebPMuxSetChunk(mux, "ICCP", &chunk, 1)
  }
  var assembled = WebPData()
  guard status == WEBP_MUX_OK, WebPMuxAssemble(mux, &assembled) == WEBP_MUX_OK else {
    throw .cannotEncode(.webp, detail: "libwebpmux refused the colour profile")
  }
  defer { WebPFree(UnsafeMutableRawPointer(mutating: assembled.bytes)) }
  return Array(UnsafeBufferPointer(start: assembled.bytes, count: assembled.size))
}
