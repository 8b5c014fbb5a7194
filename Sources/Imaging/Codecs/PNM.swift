import Convolution
import Tensors

// PBM, PGM and PPM: a few numbers in text, then samples in text (P1 to P3) or bytes (P4 to P6).
// Source: netpbm's pbm(5), pgm(5), ppm(5).

func decodePNM(_ bytes: [UInt8], limits: DecodingLimits) throws(ImageError) -> Image {
  var text = PNMText(bytes)
  let kind = Int(bytes[1]) - 0x30
  let isBitmap = kind == 1 || kind == 4
  let channels = kind == 3 || kind == 6 ? 3 : 1
  let width = try text.number("width")
  let height = try text.number("height")
  let greatest = isBitmap ? 1 : try text.number("greatest sample")
  guard width >= 1, height >= 1 else {
    throw .corrupt(.pnm, detail: "its size is \(width) x \(height)")
  }
  guard (1...65535).contains(greatest) else {
    throw .corrupt(.pnm, detail: "its greatest sample is \(greatest), not 1 to 65535")
  }
  let type: SampleType = greatest > 255 ? .uint16 : .uint8
  try limits.check(width: width, height: height, channels: channels, bytesPerSample: type.byteCount)
  let count = width * height * channels
  // One blank ends the header; raw samples follow at once.
  if kind >= 4 { text.position += 1 }
  let stored = greatest > 255 ? 2 : 1
  let needed = kind == 4 ? (width + 7) / 8 * height : kind > 4 ? count * stored : count
  guard bytes.count - min(bytes.count, text.position) >= needed else {
    throw .truncated(
      .pnm, detail: "\(max(0, bytes.count - text.position)) bytes of samples instead of \(needed)")
  }
  let full = Int(type.maximum)
  var samples = [UInt16](repeating: 0, count: count)
  for i in 0..<count {
    var value: Int
    switch kind {
    case 1: value = try text.bit()
    case 4:
      let byte = bytes[text.position + i / width * ((width + 7) / 8) + i % width / 8]
      value = Int(byte >> UInt8(7 - i % width % 8)) & 1
    case 2, 3: value = try text.number("sample")
    default:
      let offset = text.position + i * stored
      value = stored == 1 ? Int(bytes[offset]) : Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
    }
    guard value <= greatest else {
      throw .corrupt(.pnm, detail: "sample \(value) is above its own greatest, \(greatest)")
    }
    // In a bitmap, 1 is black.
    if isBitmap { value = 1 - value }
    samples[i] = UInt16(greatest == full ? value : (value * full + greatest / 2) / greatest)
  }
  let shape: Shape = [height, width, channels]
  return type == .uint8
    ? Image(.uint8(Tensor(samples.map { UInt8($0) }, shape: shape)))
    : Image(.uint16(Tensor(samples, shape: shape)))
}

/// The numbers in a header, between blanks and comments.
private struct PNMText {
  let bytes: [UInt8]
  var position = 2

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private mutating func skipBlanks() {
    while position < bytes.count {
      if bytes[position] == 0x23 {  // a comment goes to the end of its line
        while position < bytes.count, bytes[position] != 0x0A { position += 1 }
      } else if bytes[position] == 0x20 || (0x09...0x0D).contains(bytes[position]) {
        position += 1
      } else {
        return
      }
    }
  }

  mutating func number(_ name: String) throws(ImageError) -> Int {
    skipBlanks()
    var value = 0
    let start = position
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
      value = value * 10 + Int(bytes[position] - 0x30)
      guard value < 1 << 31 else { throw .corrupt(.pnm, detail: "its \(name) is absurdly large") }
      position += 1
    }
    guard position > start else {
      if position >= bytes.count { throw .truncated(.pnm, detail: "no \(name)") }
      throw .corrupt(.pnm, detail: "its \(name) is not a number")
    }
    return value
  }

  mutating func bit() throws(ImageError) -> Int {
    skipBlanks()
    guard position < bytes.count else { throw .truncated(.pnm, detail: "too few bits") }
    guard bytes[position] == 0x30 || bytes[position] == 0x31 else {
      throw .corrupt(.pnm, detail: "a bit is neither 0 nor 1")
    }
    position += 1
    return Int(bytes[position - 1] - 0x30)
  }
}

/// A raw PGM or PPM, of 8 bits or of 16, most significant byte first.
func encodePNM(_ image: Image) throws(ImageError) -> [UInt8] {
  let image = (image.type == .float32 ? image.converted(to: .uint16) : image).overWhite()
  let kind = image.channels == 1 ? "P5" : "P6"
  var bytes = Array("\(kind)\n\(image.width) \(image.height)\n\(Int(image.type.maximum))\n".utf8)
  switch image.samples {
  case .uint8(let tensor): tensor.withUnsafeBufferPointer { bytes += $0 }
  case .uint16(let tensor):
    bytes.reserveCapacity(bytes.count + 2 * tensor.shape.count)
    tensor.withUnsafeBufferPointer {
      for sample in $0 {
        bytes.append(UInt8(sample >> 8))
        bytes.append(UInt8(sample & 255))
      }
    }
  case .float32: preconditionFailure("floats were converted to 16 bits")
  }
  return bytes
}
