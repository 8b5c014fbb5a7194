extension Image {
  /// Decodes a file's bytes, in whatever format they are. EXIF orientation is applied.
  public init(decoding bytes: [UInt8], limits: DecodingLimits = DecodingLimits()) throws(ImageError) {
    guard bytes.count <= limits.bytes else { throw .tooManyBytes(bytes.count, limit: limits.bytes) }
    switch try ImageFormat(sniffing: bytes) {
    case .png: self = try decodePNG(bytes, limits: limits)
    case .jpeg: self = try decodeJPEG(bytes, limits: limits)
    case .webp: self = try decodeWebP(bytes, limits: limits)
    case .pnm: self = try decodePNM(bytes, limits: limits)
    case .npy: self = try decodeNPY(bytes, limits: limits)
    }
  }

  /// How an image is written.
  public struct EncodingOptions: Sendable, Equatable {
    /// JPEG and WebP: 1 to 100.
    public var quality: Int
    /// WebP without loss.
    public var isLossless: Bool
    /// PNG: zlib's 0 to 9.
    public var compressionLevel: Int

    public init(quality: Int = 90, isLossless: Bool = false, compressionLevel: Int = 2) {
      self.quality = quality
      self.isLossless = isLossless
      self.compressionLevel = compressionLevel
    }
  }

  /// The bytes of a file. A format that has no 16 bits, no float or no alpha gets 8 bits, or the colour over
  /// white: ``losses(in:)`` says so beforehand.
  public func encoded(as format: ImageFormat, options: EncodingOptions = EncodingOptions()) throws(ImageError)
    -> [UInt8]
  {
    switch format {
    case .png: return try encodePNG(self, options)
    case .jpeg: return try encodeJPEG(self, options)
    case .webp: return try encodeWebP(self, options)
    case .pnm: return try encodePNM(self)
    case .npy: return encodeNPY(self)
    }
  }

  /// What an image loses when it is written in a format, for a person to read.
  public func losses(in format: ImageFormat) -> [String] {
    var losses: [String] = []
    switch format {
    case .npy: break
    case .png: if type == .float32 { losses.append("PNG has no float samples: written with 16 bits") }
    case .pnm:
      if type == .float32 { losses.append("PNM has no float samples: written with 16 bits") }
      if hasAlpha { losses.append("PNM has no alpha: written over white") }
      if iccProfile != nil { losses.append("PNM has no colour profile: it is left out") }
    case .jpeg, .webp:
      if type != .uint8 { losses.append("\(format.name) has 8 bits a sample: written with 8") }
      if hasAlpha && format == .jpeg { losses.append("JPEG has no alpha: written over white") }
    }
    return losses
  }
}
