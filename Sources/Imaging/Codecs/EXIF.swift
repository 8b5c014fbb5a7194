import Tensors

/// The orientation (1 to 8) that EXIF data asks for; 1, upright, where it has none or is not understood.
///
/// - Source: EXIF 2.3, 4.6.4 tag 274; TIFF 6.0, section 2.
func exifOrientation(_ exif: [UInt8]) -> Int {
  let header = Array("Exif".utf8) + [0, 0]
  let tiff = exif.starts(with: header) ? Array(exif.dropFirst(6)) : exif
  guard tiff.count >= 8 else { return 1 }
  let isLittleEndian: Bool
  switch (tiff[0], tiff[1]) {
  case (0x49, 0x49): isLittleEndian = true
  case (0x4D, 0x4D): isLittleEndian = false
  default: return 1
  }
  func number(_ offset: Int, _ size: Int) -> Int? {
    guard offset >= 0, offset + size <= tiff.count else { return nil }
    let bytes = tiff[offset..<offset + size]
    let ordered = isLittleEndian ? Array(bytes.reversed()) : Array(bytes)
    return ordered.reduce(0) { $0 << 8 | Int($1) }
  }
  guard number(2, 2) == 42, let directory = number(4, 4), let count = number(directory, 2) else { return 1 }
  for entry in 0..<count {
    let offset = directory + 2 + 12 * entry
    guard let tag = number(offset, 2) else { return 1 }
    if tag == 274, let value = number(offset + 8, 2), (1...8).contains(value) { return value }
  }
  return 1
}

extension Image {
  /// Turned and mirrored from an EXIF orientation to upright.
  func oriented(_ orientation: Int) -> Image {
    guard (2...8).contains(orientation) else { return self }
    switch samples {
    case .uint8(let tensor): return Image(.uint8(tensor.oriented(orientation)), iccProfile: iccProfile)
    case .uint16(let tensor): return Image(.uint16(tensor.oriented(orientation)), iccProfile: iccProfile)
    case .float32(let tensor): return Image(.float32(tensor.oriented(orientation)), iccProfile: iccProfile)
    }
  }
}

extension Tensor {
  /// `[H, W, C]` upright: orientations from 5 on swap rows and columns.
  fileprivate func oriented(_ orientation: Int) -> Tensor {
    let (height, width, channels) = (shape[0], shape[1], shape[2])
    let isTransposed = orientation >= 5
    let (newHeight, newWidth) = isTransposed ? (width, height) : (height, width)
    return withUnsafeBufferPointer { source in
      Tensor(unsafeUninitializedShape: [newHeight, newWidth, channels]) { destination in
        var i = 0
        for y in 0..<newHeight {
          for x in 0..<newWidth {
            let (row, column): (Int, Int)
            switch orientation {
            case 2: (row, column) = (y, width - 1 - x)
            case 3: (row, column) = (height - 1 - y, width - 1 - x)
            case 4: (row, column) = (height - 1 - y, x)
            case 5: (row, column) = (x, y)
            case 6: (row, column) = (height - 1 - x, y)
            case 7: (row, column) = (height - 1 - x, width - 1 - y)
            default: (row, column) = (x, width - 1 - y)
            }
            let pixel = (row * width + column) * channels
            for c in 0..<channels {
              destination.initializeElement(at: i, to: source[pixel + c])
              i += 1
            }
          }
        }
      }
    }
  }
}
