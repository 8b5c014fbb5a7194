import Files
import Tensors

/// The numbers that a file can hold.
enum ElementType: String, CaseIterable, Sendable {
  case F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL

  /// Whether elements are whole numbers.
  var isInteger: Bool { ![.F64, .F32, .F16, .BF16].contains(self) }

  /// Bytes of an element.
  var size: Int {
    switch self {
    case .F64, .I64, .U64: 8
    case .F32, .I32, .U32: 4
    case .F16, .BF16, .I16, .U16: 2
    case .I8, .U8, .BOOL: 1
    }
  }

  /// `shape.count` elements side by side: where they are, if their file lends them as they are.
  /// - Precondition: the bytes are as many as they take.
  func tensor(_ bytes: UnsafeRawBufferPointer, _ shape: Shape) -> Tensor<Float> {
    precondition(bytes.count == shape.count * size)
    defer { MappedFile.forgetPages(of: bytes) }
    #if _endian(little)
      if self == .F32, let base = bytes.baseAddress,
        Int(bitPattern: base) % MemoryLayout<Float>.alignment == 0,
        let file = MappedFile.lending(bytes, slack: Tensor<Float>.slack)
      {
        let memory = UnsafeMutableRawPointer(mutating: base).assumingMemoryBound(to: Float.self)
        return Tensor(borrowing: memory, shape: shape, from: file)
      }
    #endif
    return Tensor(unsafeUninitializedShape: shape) { out in
      guard let out = out.baseAddress else { return }
      #if _endian(little)
        if self == .F32, shape.count > 0 {
          let (from, to) = (bytes.baseAddress!, UnsafeMutableRawPointer(out))
          // New pages are cleared as they are written, which takes longer than to copy them: by all threads.
          let piece = 2 << 20
          ThreadPool.shared.parallelFor((bytes.count + piece - 1) / piece) { i in
            let start = i * piece
            (to + start).copyMemory(from: from + start, byteCount: min(piece, bytes.count - start))
          }
          return
        }
      #endif
      for i in 0..<shape.count { (out + i).initialize(to: float(bytes, i)) }
    }
  }

  /// Element `i` of some that lie side by side.
  @inline(__always)
  func float(_ bytes: UnsafeRawBufferPointer, _ i: Int) -> Float {
    func read<Number: FixedWidthInteger>(_: Number.Type) -> Number {
      Number(
        littleEndian: bytes.loadUnaligned(fromByteOffset: i * MemoryLayout<Number>.size, as: Number.self))
    }
    return switch self {
    case .F64: Float(Double(bitPattern: read(UInt64.self)))
    case .F32: Float(bitPattern: read(UInt32.self))
    case .F16: Self.float(half: read(UInt16.self))
    case .BF16: Float(bitPattern: UInt32(read(UInt16.self)) << 16)
    case .I64: Float(read(Int64.self))
    case .I32: Float(read(Int32.self))
    case .I16: Float(read(Int16.self))
    case .I8: Float(read(Int8.self))
    case .U64: Float(read(UInt64.self))
    case .U32: Float(read(UInt32.self))
    case .U16: Float(read(UInt16.self))
    case .U8: Float(read(UInt8.self))
    case .BOOL: read(UInt8.self) == 0 ? 0 : 1
    }
  }

  private static func float(half: UInt16) -> Float {
    let (sign, exponent, fraction) = (half >> 15, half >> 10 & 0x1F, half & 0x3FF)
    let magnitude: Float =
      switch exponent {
      case 0: Float(fraction) * 0x1p-24
      case 0x1F: fraction == 0 ? .infinity : .nan
      default: Float(bitPattern: UInt32(exponent + 112) << 23 | UInt32(fraction) << 13)
      }
    return sign == 0 ? magnitude : -magnitude
  }
}
