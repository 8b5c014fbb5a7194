import Files
import Foundation
import Tensors

/// A safetensors file: tensors by name, and text beside them.
///
/// - Source: https://github.com/huggingface/safetensors, the format's description.
public struct Safetensors: Sendable {
  /// In the file's order.
  public var tensors: [(name: String, tensor: Tensor<Float>)]
  /// Text by name: `__metadata__`.
  public var metadata: [String: String]
  /// Names whose tensors are written as 64-bit integers.
  public var integers: Set<String> = []

  public init(_ tensors: [(name: String, tensor: Tensor<Float>)], metadata: [String: String] = [:]) {
    (self.tensors, self.metadata) = (tensors, metadata)
  }

  /// The header's greatest length, as in the reference implementation.
  private static let headerLimit = 100_000_000

  /// Reads a file; numbers of every type become float32.
  /// - Throws: `FileError` for a file that is missing, or is not one whole safetensors file.
  public init(path: String) throws(FileError) {
    try self.init(decoding: try readFile(path), path: path)
  }

  /// - Parameters:
  ///   - bytes: a whole file.
  ///   - path: for errors.
  public init(decoding bytes: [UInt8], path: String) throws(FileError) {
    func damaged(_ what: String) -> FileError { FileError(path, "is no valid safetensors file: \(what)") }
    guard bytes.count >= 8 else {
      throw damaged("it has \(bytes.count) bytes, less than the length of its header")
    }
    let length = bytes[..<8].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(min(Self.headerLimit, bytes.count - 8)) else {
      throw damaged("a header of \(length) bytes in a file of \(bytes.count)")
    }
    let start = 8 + Int(length)
    guard bytes.count > 8, bytes[8] == UInt8(ascii: "{"),
      let object = try? JSONSerialization.jsonObject(with: Data(bytes[8..<start])),
      let header = object as? [String: Any]
    else { throw damaged("its header is no JSON object") }
    var found: [(name: String, tensor: Tensor<Float>, begin: Int)] = []
    metadata = [:]
    for (name, value) in header {
      if name == "__metadata__" {
        guard let texts = value as? [String: String] else { throw damaged("__metadata__ must hold texts") }
        metadata = texts
        continue
      }
      guard let entry = value as? [String: Any], let type = entry["dtype"] as? String,
        let sizes = entry["shape"] as? [Int], let offsets = entry["data_offsets"] as? [Int],
        offsets.count == 2
      else { throw damaged("\(name) needs dtype, shape and data_offsets") }
      guard let element = ElementType(rawValue: type) else {
        throw damaged(
          "\(name) has the type \(type); known are \(ElementType.allCases.map(\.rawValue).joined(separator: ", "))"
        )
      }
      var count = 1
      for size in sizes {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard size >= 0, !overflow else { throw damaged("\(name) has the shape \(sizes)") }
        count = product
      }
      let (byteCount, overflow) = count.multipliedReportingOverflow(by: element.size)
      guard !overflow, offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= bytes.count - start,
        offsets[1] - offsets[0] == byteCount
      else {
        throw damaged(
          "\(name), \(type) of \(sizes), at \(offsets[0]) to \(offsets[1]) of \(bytes.count - start) bytes")
      }
      let scalars = element.floats(bytes[start + offsets[0]..<start + offsets[1]], count: count)
      found.append((name, Tensor(scalars, shape: Shape(sizes)), offsets[0]))
    }
    // Data follow one another without holes.
    found.sort { ($0.begin, $0.name) < ($1.begin, $1.name) }
    tensors = found.map { ($0.name, $0.tensor) }
  }

  /// The file's bytes.
  public var encoded: [UInt8] {
    var entries: [String] = []
    if !metadata.isEmpty { entries.append("\"__metadata__\":\(Self.json(metadata))") }
    var offset = 0
    for (name, tensor) in tensors {
      let isInteger = integers.contains(name)
      let end = offset + tensor.shape.count * (isInteger ? 8 : 4)
      let sizes = tensor.shape.dimensions.map(String.init).joined(separator: ",")
      entries.append(
        "\(Self.json(name)):{\"dtype\":\"\(isInteger ? "I64" : "F32")\",\"shape\":[\(sizes)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var header = Array("{\(entries.joined(separator: ","))}".utf8)
    while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 + header.count + offset)
    withUnsafeBytes(of: UInt64(header.count).littleEndian) { bytes += $0 }
    bytes += header
    for (name, tensor) in tensors {
      if integers.contains(name) {
        for value in tensor.scalars { withUnsafeBytes(of: Int64(value).littleEndian) { bytes += $0 } }
      } else {
        tensor.withUnsafeBufferPointer { scalars in
          #if _endian(little)
            bytes += UnsafeRawBufferPointer(scalars)
          #else
            for value in scalars { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 } }
          #endif
        }
      }
    }
    return bytes
  }

  /// Writes the file whole: beside its place, synced, then renamed.
  public func write(to path: String, replacing: Bool = false) throws(FileError) {
    try writeFile(encoded, to: path, replacing: replacing)
  }

  private static func json(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Texts are always JSON.
    return String(decoding: try! encoder.encode(value), as: UTF8.self)
  }
}

/// The numbers that a file can hold.
private enum ElementType: String, CaseIterable {
  case F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL

  var size: Int {
    switch self {
    case .F64, .I64, .U64: 8
    case .F32, .I32, .U32: 4
    case .F16, .BF16, .I16, .U16: 2
    case .I8, .U8, .BOOL: 1
    }
  }

  func floats(_ bytes: ArraySlice<UInt8>, count: Int) -> [Float] {
    bytes.withUnsafeBytes { bytes in
      func read<Number: FixedWidthInteger>(_: Number.Type, _ body: (Number) -> Float) -> [Float] {
        (0..<count).map { i in
          body(
            Number(
              littleEndian: bytes.loadUnaligned(
                fromByteOffset: i * MemoryLayout<Number>.size, as: Number.self)))
        }
      }
      return switch self {
      case .F64: read(UInt64.self) { Float(Double(bitPattern: $0)) }
      case .F32: read(UInt32.self) { Float(bitPattern: $0) }
      case .F16: read(UInt16.self) { Self.float(half: $0) }
      case .BF16: read(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
      case .I64: read(Int64.self) { Float($0) }
      case .I32: read(Int32.self) { Float($0) }
      case .I16: read(Int16.self) { Float($0) }
      case .I8: read(Int8.self) { Float($0) }
      case .U64: read(UInt64.self) { Float($0) }
      case .U32: read(UInt32.self) { Float($0) }
      case .U16: read(UInt16.self) { Float($0) }
      case .U8: read(UInt8.self) { Float($0) }
      case .BOOL: read(UInt8.self) { $0 == 0 ? 0 : 1 }
      }
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
