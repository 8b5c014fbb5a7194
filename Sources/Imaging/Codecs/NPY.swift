import Convolution
import Tensors

// NumPy's array file, versions 1 to 3. Source: numpy.lib.format.

/// Decodes `[H, W]` or `[H, W, C]` of uint8, uint16, float32 or float64 (which becomes float32).
func decodeNPY(_ bytes: [UInt8], limits: DecodingLimits) throws(ImageError) -> Image {
  let header = try NPYHeader(bytes)
  guard !header.isFortranOrder else {
    throw .unsupported(.npy, detail: "columns come first; save it with numpy.ascontiguousarray")
  }
  let isImage = header.shape.count == 2 || (header.shape.count == 3 && header.shape[2] <= 4)
  guard isImage, header.shape.allSatisfy({ $0 >= 1 }) else {
    throw .unsupported(.npy, detail: "its shape \(header.shape) is not an image: [H, W] or [H, W, 1 to 4]")
  }
  let (height, width) = (header.shape[0], header.shape[1])
  let channels = header.shape.count == 3 ? header.shape[2] : 1
  let stored: Int
  switch header.type {
  case "|u1", "<u1", "=u1": stored = 1
  case "<u2": stored = 2
  case "<f4": stored = 4
  case "<f8": stored = 8
  default:
    throw .unsupported(
      .npy,
      detail: "its samples are \(header.type); uint8, uint16, float32 and float64, little-endian, are read")
  }
  try limits.check(width: width, height: height, channels: channels, bytesPerSample: stored)
  let shape: Shape = [height, width, channels]
  let present = bytes.count - header.dataOffset
  guard present >= shape.count * stored else {
    throw .truncated(.npy, detail: "\(present) bytes of samples instead of \(shape.count * stored)")
  }
  return bytes.withUnsafeBytes { raw in
    let data = raw.baseAddress! + header.dataOffset
    func read<Stored: BitwiseCopyable, Scalar: TensorScalar>(
      _: Stored.Type, _ convert: (Stored) -> Scalar
    ) -> Tensor<Scalar> {
      Tensor(unsafeUninitializedShape: shape) { elements in
        for i in elements.indices {
          let value = data.loadUnaligned(fromByteOffset: i * MemoryLayout<Stored>.size, as: Stored.self)
          elements.initializeElement(at: i, to: convert(value))
        }
      }
    }
    switch stored {
    case 1: return Image(.uint8(read(UInt8.self) { $0 }))
    case 2: return Image(.uint16(read(UInt16.self) { $0 }))
    case 4: return Image(.float32(read(Float.self) { $0 }))
    default: return Image(.float32(read(Double.self) { Float($0) }))
    }
  }
}

/// The dictionary before the data.
package struct NPYHeader {
  package let type: String
  package let isFortranOrder: Bool
  package let shape: [Int]
  package let dataOffset: Int

  package init(_ bytes: [UInt8]) throws(ImageError) {
    guard bytes.count >= 10 else { throw .truncated(.npy, detail: "no header") }
    let version = bytes[6]
    guard (1...3).contains(version) else {
      throw .unsupported(.npy, detail: "version \(version); 1 to 3 are read")
    }
    let start = version == 1 ? 10 : 12
    guard bytes.count >= start else { throw .truncated(.npy, detail: "no header") }
    let length = (8..<start).reversed().reduce(0) { $0 << 8 | Int(bytes[$1]) }
    guard bytes.count - start >= length else { throw .truncated(.npy, detail: "half a header") }
    let text = String(decoding: bytes[start..<start + length], as: UTF8.self)
    func value(_ key: String) throws(ImageError) -> Substring {
      for quote in ["'", "\""] {
        let pieces = text.split(
          separator: "\(quote)\(key)\(quote):", maxSplits: 1, omittingEmptySubsequences: false)
        if pieces.count == 2 { return pieces[1].drop { $0 == " " } }
      }
      throw .corrupt(.npy, detail: "its header has no \(key)")
    }
    let descr = try value("descr")
    guard let quote = descr.first, quote == "'" || quote == "\"" else {
      throw .unsupported(.npy, detail: "its elements are records")
    }
    type = String(descr.dropFirst().prefix { $0 != quote })
    isFortranOrder = try value("fortran_order").hasPrefix("True")
    let tuple = try value("shape")
    guard tuple.first == "(", let end = tuple.firstIndex(of: ")") else {
      throw .corrupt(.npy, detail: "its shape is not a tuple")
    }
    var sizes: [Int] = []
    for part in tuple[tuple.index(after: tuple.startIndex)..<end].split(separator: ",") {
      let digits = part.filter { $0 != " " }
      if digits.isEmpty { continue }
      guard let size = Int(digits), size >= 0, size < 1 << 31 else {
        throw .corrupt(.npy, detail: "its shape has the size \(part)")
      }
      sizes.append(size)
    }
    shape = sizes
    dataOffset = start + length
  }
}

/// float32 `[H, W]` for one channel, otherwise `[H, W, C]`; integer images keep their type.
func encodeNPY(_ image: Image) -> [UInt8] {
  let type: String
  switch image.type {
  case .uint8: type = "|u1"
  case .uint16: type = "<u2"
  case .float32: type = "<f4"
  }
  let shape =
    image.channels == 1
    ? "(\(image.height), \(image.width))" : "(\(image.height), \(image.width), \(image.channels))"
  var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
  // Data starts on a 64-byte boundary.
  let unpadded = 10 + header.utf8.count + 1
  header += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
  var bytes: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0]
  bytes += [UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)]
  bytes += Array(header.utf8)
  image.withUnsafeBytes { bytes += UnsafeRawBufferPointer(start: $0, count: image.layout.byteCount) }
  return bytes
}
