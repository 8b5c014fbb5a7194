/// The file formats that images are read from and written to.
public enum ImageFormat: String, Sendable, CaseIterable {
  case png
  case jpeg
  case webp
  /// PBM, PGM and PPM, plain and raw.
  case pnm
  /// NumPy's array file: float32 results without rounding.
  case npy

  public var name: String {
    switch self {
    case .png: "PNG"
    case .jpeg: "JPEG"
    case .webp: "WebP"
    case .pnm: "PNM"
    case .npy: "NPY"
    }
  }

  /// The format that a file's first bytes announce, whatever its name says.
  public init(sniffing bytes: some Collection<UInt8>) throws(ImageError) {
    let start = Array(bytes.prefix(16))
    guard !start.isEmpty else { throw .empty }
    if start.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
      self = .png
    } else if start.starts(with: [0xFF, 0xD8]) {
      self = .jpeg
    } else if start.starts(with: Array("RIFF".utf8)), start.dropFirst(8).starts(with: Array("WEBP".utf8)) {
      self = .webp
    } else if start.count >= 2, start[0] == 0x50, (0x31...0x36).contains(start[1]) {
      self = .pnm
    } else if start.starts(with: [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) {
      self = .npy
    } else {
      throw .unknownFormat(start: start)
    }
  }

  /// The format that a file's name asks for.
  public init(path: String) throws(ImageError) {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    guard let dot = name.lastIndex(of: ".") else { throw .unknownExtension(name) }
    guard let format = ImageFormat(name: String(name[name.index(after: dot)...])) else {
      throw .unknownExtension(name)
    }
    self = format
  }

  /// A format by its usual extension.
  public init?(name: String) {
    switch name.lowercased() {
    case "png": self = .png
    case "jpg", "jpeg", "jpe", "jfif": self = .jpeg
    case "webp": self = .webp
    case "ppm", "pgm", "pbm", "pnm": self = .pnm
    case "npy": self = .npy
    default: return nil
    }
  }
}
