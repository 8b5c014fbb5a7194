import Files
import Imaging
import Tensors

/// NumPy's arrays: one in an `.npy` file, or several by name in an `.npz`.
///
/// - Source: NumPy's `numpy/lib/format.py`.
public struct NumPyArrays: Sendable {
  /// In the file's order; an `.npy` file's has no name.
  public var tensors: [(name: String, tensor: Tensor<Float>)]
  /// Names whose elements are whole numbers.
  public private(set) var integers: Set<String> = []

  public init(_ tensors: [(name: String, tensor: Tensor<Float>)]) { self.tensors = tensors }

  /// - Throws: `FileError` for a file that is missing, damaged or has elements that are no numbers.
  public init(path: String) throws(FileError) {
    self = try withMappedFile(path) { (bytes) throws(FileError) in
      try NumPyArrays(decoding: bytes, path: path)
    }
  }

  /// - Parameters:
  ///   - bytes: a whole file.
  ///   - path: for errors.
  public init(decoding bytes: [UInt8], path: String) throws(FileError) {
    self = try bytes.withBytes { (bytes) throws(FileError) in
      try NumPyArrays(decoding: bytes, path: path)
    }
  }

  init(decoding bytes: UnsafeRawBufferPointer, path: String) throws(FileError) {
    tensors = []
    guard bytes.starts(with: [0x50, 0x4B]) else {
      try add("", bytes, path)
      return
    }
    let archive = try ZipArchive(bytes, path: path)
    for member in archive.members where member.name.hasSuffix(".npy") {
      let name = String(member.name.dropLast(4))
      var array = NumPyArrays([])
      try archive.withContent(member) { (content) throws(FileError) in
        try array.add(name, content, "\(path), \(member.name)")
      }
      tensors += array.tensors
      integers.formUnion(array.integers)
    }
  }

  private static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]

  private static let types: [String: ElementType] = [
    "f8": .F64, "f4": .F32, "f2": .F16, "i8": .I64, "i4": .I32, "i2": .I16, "i1": .I8, "u8": .U64, "u4": .U32,
    "u2": .U16, "u1": .U8, "b1": .BOOL,
  ]

  private mutating func add(_ name: String, _ bytes: UnsafeRawBufferPointer, _ path: String) throws(FileError)
  {
    guard bytes.starts(with: Self.magic) else { throw FileError(path, "is no .npy file") }
    let header: NPYHeader
    do { header = try NPYHeader(Array(bytes.prefix(1 << 16))) } catch { throw FileError(path, "\(error)") }
    guard let type = Self.types[String(header.type.dropFirst())], header.type.first != ">" || type.size == 1
    else {
      throw FileError(
        path,
        "has elements of type \(header.type): little-endian numbers are read; save it with astype(\"<f4\")")
    }
    var count = 1
    for size in header.shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow else { throw FileError(path, "has the shape \(header.shape)") }
      count = product
    }
    let (size, overflow) = count.multipliedReportingOverflow(by: type.size)
    guard !overflow, bytes.count - header.dataOffset == size else {
      throw FileError(
        path,
        "has \(bytes.count - header.dataOffset) bytes for a shape of \(header.shape); was it copied completely?"
      )
    }
    let data = UnsafeRawBufferPointer(rebasing: bytes[header.dataOffset...])
    let isReversed = header.isFortranOrder && header.shape.count > 1
    var tensor = type.tensor(data, Shape(isReversed ? header.shape.reversed() : header.shape))
    if isReversed { tensor = tensor.transposed(Array(header.shape.indices.reversed())) }
    tensors.append((name, tensor))
    if type.isInteger { integers.insert(name) }
  }

  /// An `.npy` file of one array, or an `.npz` of several.
  public var encoded: [UInt8] {
    if tensors.count == 1, tensors[0].name.isEmpty { return Self.npy(tensors[0].tensor) }
    return zipFile(tensors.map { ("\($0.name).npy", Self.npy($0.tensor)) })
  }

  /// Writes the file whole: beside its place, synced, then renamed.
  public func write(to path: String, replacing: Bool = false) throws(FileError) {
    try writeFile(encoded, to: path, replacing: replacing)
  }

  private static func npy(_ tensor: Tensor<Float>) -> [UInt8] {
    let sizes = tensor.shape.dimensions.map(String.init).joined(separator: ", ")
    let tuple = tensor.shape.rank == 1 ? "(\(sizes),)" : "(\(sizes))"
    var header = "{'descr': '<f4', 'fortran_order': False, 'shape': \(tuple), }"
    // Data starts on a 64-byte boundary.
    header += String(repeating: " ", count: (64 - (header.utf8.count + 11) % 64) % 64) + "\n"
    var bytes =
      magic + [1, 0, UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)] + Array(header.utf8)
    tensor.withUnsafeBufferPointer { bytes += UnsafeRawBufferPointer($0) }
    return bytes
  }
}
