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
    self = try withMappedFile(path) { (bytes) throws(FileError) in
      try Safetensors(decoding: bytes, path: path)
    }
  }

  /// - Parameters:
  ///   - bytes: a whole file.
  ///   - path: for errors.
  public init(decoding bytes: [UInt8], path: String) throws(FileError) {
    self = try bytes.withBytes { (bytes) throws(FileError) in
      try Safetensors(decoding: bytes, path: path)
    }
  }

  init(decoding bytes: UnsafeRawBufferPointer, path: String) throws(FileError) {
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
      let object = try? JSONSerialization.jsonObject(
        with: Data(UnsafeRawBufferPointer(rebasing: bytes[8..<start]))),
      let header = object as? [String: Any]
    else { throw damaged("its header is no JSON object") }
    struct Entry {
      let name: String
      let type: ElementType
      let shape: Shape
      let range: Range<Int>
    }
    var found: [Entry] = []
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
      found.append(Entry(name: name, type: element, shape: Shape(sizes), range: offsets[0]..<offsets[1]))
    }
    // Data follow one another, without holes, to the file's end: a name that stands twice would leave one.
    found.sort {
      ($0.range.lowerBound, $0.range.upperBound, $0.name) < (
        $1.range.lowerBound, $1.range.upperBound, $1.name
      )
    }
    var end = 0
    for entry in found {
      guard entry.range.lowerBound == end else {
        throw damaged("\(entry.name) begins at \(entry.range.lowerBound), where \(end) was expected")
      }
      end = entry.range.upperBound
    }
    guard end == bytes.count - start else {
      throw damaged("its tensors end at \(end) of \(bytes.count - start) bytes")
    }
    tensors = found.map { entry in
      let part = bytes[start + entry.range.lowerBound..<start + entry.range.upperBound]
      return (entry.name, entry.type.tensor(UnsafeRawBufferPointer(rebasing: part), entry.shape))
    }
    integers = Set(found.filter(\.type.isInteger).map(\.name))
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
