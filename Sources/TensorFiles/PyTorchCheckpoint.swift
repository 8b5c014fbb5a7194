import Files
import Tensors

/// The tensors of a PyTorch checkpoint, as `torch.save(model.state_dict(), path)` writes it: a zip file, or the older run of
/// pickles.
///
/// Nothing in the file is executed. A state dict may stand under a name of its own (`state_dict`, `model` and so on), and
/// names may begin with `module.`, as parallel training leaves them: both are taken away.
///
/// - Source: PyTorch's `torch/serialization.py`.
public struct PyTorchCheckpoint: Sendable {
  /// In the file's order; numbers of every type as float32.
  public let tensors: [(name: String, tensor: Tensor<Float>)]
  /// Names whose elements are whole numbers.
  public let integers: Set<String>

  /// - Throws: `FileError` for a file that is missing, damaged or no checkpoint of tensors, and for one that would run code.
  public init(path: String) throws(FileError) {
    self = try withMappedFile(path) { (bytes) throws(FileError) in
      try PyTorchCheckpoint(decoding: bytes, path: path)
    }
  }

  /// - Parameters:
  ///   - bytes: a whole file.
  ///   - path: for errors.
  public init(decoding bytes: [UInt8], path: String) throws(FileError) {
    self = try bytes.withBytes { (bytes) throws(FileError) in
      try PyTorchCheckpoint(decoding: bytes, path: path)
    }
  }

  init(decoding bytes: UnsafeRawBufferPointer, path: String) throws(FileError) {
    var reader = Reader(path: path, room: 8 * bytes.count)
    if bytes.starts(with: [0x50, 0x4B]) {
      try reader.readZip(bytes)
    } else if bytes.starts(with: Self.legacyMagic) {
      try reader.readLegacy(bytes)
    } else {
      throw FileError(path, "is no PyTorch checkpoint: it is neither a zip file nor a run of pickles")
    }
    (tensors, integers) = (reader.tensors, reader.integers)
  }

  /// How files of the older format begin: a pickle of their magic number.
  static let legacyMagic: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]
}

/// A checkpoint being read.
private struct Reader {
  let path: String
  /// Elements that may still be made: tensors can be greater than their storage, but not without bounds.
  var room: Int
  var tensors: [(name: String, tensor: Tensor<Float>)] = []
  var integers: Set<String> = []

  init(path: String, room: Int) { (self.path, self.room) = (path, room) }

  mutating func readZip(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    let archive = try ZipArchive(bytes, path: path)
    var members: [String: ZipArchive.Member] = [:]
    for member in archive.members { members[member.name] = member }
    guard
      let pickle = archive.members.first(where: { $0.name == "data.pkl" || $0.name.hasSuffix("/data.pkl") })
    else { throw FileError(path, "is no PyTorch checkpoint: the zip file has no data.pkl") }
    let prefix = pickle.name.dropLast("data.pkl".count)
    if let order = members["\(prefix)byteorder"] {
      let isLittle = try archive.withContent(order) { (text) throws(FileError) in
        String(decoding: text, as: UTF8.self) == "little"
      }
      guard isLittle else { throw FileError(path, "was written big-endian, which is not read") }
    }
    let named = try archive.withContent(pickle) { (pickle) throws(FileError) in
      var unpickler = Unpickler(pickle, path: path)
      return try found(unpickler.load())
    }
    for (name, tensor) in named {
      guard let member = members["\(prefix)data/\(tensor.storage.key)"] else {
        throw FileError(path, "lacks the data of \(name); was it copied completely?")
      }
      try archive.withContent(member) { (data) throws(FileError) in try add(name, tensor, data) }
    }
  }

  mutating func readLegacy(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var unpickler = Unpickler(bytes, path: path)
    for _ in 0..<3 { _ = try unpickler.load() }  // the magic number, the protocol, the system
    let named = try found(unpickler.load())
    guard let keys = Unpickler.texts(try unpickler.load()) else {
      throw FileError(path, "is no valid checkpoint: it does not list its storages")
    }
    var types: [String: ElementType] = [:]
    for (_, tensor) in named { types[tensor.storage.key] = tensor.storage.type }
    var data: [String: UnsafeRawBufferPointer] = [:]
    var position = unpickler.position
    for key in keys {
      guard let type = types[key] else {
        throw FileError(
          path, "holds the storage \(key), which no tensor reads: it cannot be told how long it is")
      }
      guard bytes.count - position >= 8 else {
        throw FileError(path, "ends before the storage \(key); was it copied completely?")
      }
      let count = Int(Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Int64.self)))
      let (size, overflow) = count.multipliedReportingOverflow(by: type.size)
      guard count >= 0, !overflow, size <= bytes.count - position - 8 else {
        throw FileError(
          path, "has \(bytes.count - position - 8) bytes left for a storage of \(count) elements")
      }
      data[key] = UnsafeRawBufferPointer(rebasing: bytes[position + 8..<position + 8 + size])
      position += 8 + size
    }
    for (name, tensor) in named {
      guard let data = data[tensor.storage.key] else {
        throw FileError(path, "lacks the data of \(name); was it copied completely?")
      }
      try add(name, tensor, data)
    }
  }

  /// Keys under which checkpoints hold their state dict.
  private static let wrappers = [
    "state_dict", "model_state_dict", "model_state", "model", "net", "module", "params", "ema",
  ]

  private func found(_ value: PickleValue) throws(FileError) -> [(name: String, tensor: PickledTensor)] {
    guard case .dictionary(let items) = value else {
      throw FileError(path, "holds no dictionary of tensors; save it with torch.save(model.state_dict())")
    }
    func tensors(_ items: PickleItems) -> [(name: String, tensor: PickledTensor)] {
      items.named.compactMap { name, value in
        if case .tensor(let tensor) = value { return (name, tensor) }
        return nil
      }
    }
    var result = tensors(items)
    if result.isEmpty {
      for key in Self.wrappers where result.isEmpty {
        if case .dictionary(let inner)? = items.named.first(where: { $0.name == key })?.value {
          result = tensors(inner)
        }
      }
    }
    guard !result.isEmpty else {
      let names = items.named.prefix(8).map(\.name).joined(separator: ", ")
      throw FileError(
        path, "holds no tensors by name; its dictionary has \(names.isEmpty ? "nothing" : names)")
    }
    let prefix = "module."
    if result.allSatisfy({ $0.name.hasPrefix(prefix) }) {
      result = result.map { (String($0.name.dropFirst(prefix.count)), $0.tensor) }
    }
    return result
  }

  private mutating func add(
    _ name: String, _ tensor: PickledTensor, _ data: UnsafeRawBufferPointer
  ) throws(FileError) {
    let type = tensor.storage.type
    let available = data.count / type.size
    func wrong(_ what: String) -> FileError { FileError(path, "has the tensor \(name) \(what)") }
    var count = 1
    // The furthest element that the strides reach.
    var last = tensor.offset
    var isEmpty = false
    for (size, stride) in zip(tensor.sizes, tensor.strides) {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      let (reach, tooFar) = max(0, size - 1).multipliedReportingOverflow(by: stride)
      guard size >= 0, stride >= 0, !overflow, !tooFar else {
        throw wrong("of the sizes \(tensor.sizes) and strides \(tensor.strides)")
      }
      isEmpty = isEmpty || size == 0
      count = product
      let (sum, beyond) = last.addingReportingOverflow(reach)
      guard !beyond else { throw wrong("of the sizes \(tensor.sizes) and strides \(tensor.strides)") }
      last = sum
    }
    let (furthest, overflow) = last.addingReportingOverflow(tensor.storage.start)
    guard tensor.offset >= 0, !overflow, isEmpty || furthest < available else {
      throw wrong("that reads element \(last) of a storage of \(available)")
    }
    guard count <= room else { throw wrong("of \(tensor.sizes), far more elements than the file holds") }
    room -= count
    let shape = Shape(tensor.sizes)
    let first = tensor.storage.start + tensor.offset
    if isEmpty || tensor.isContiguous {
      let bytes = isEmpty ? data[0..<0] : data[first * type.size..<(first + count) * type.size]
      tensors.append((name, type.tensor(UnsafeRawBufferPointer(rebasing: bytes), shape)))
    } else {
      let values = Tensor<Float>(unsafeUninitializedShape: shape) { out in
        var place = [Int](repeating: 0, count: tensor.sizes.count)
        var from = first
        for i in 0..<count {
          out.initializeElement(at: i, to: type.float(data, from))
          for axis in place.indices.reversed() {
            place[axis] += 1
            from += tensor.strides[axis]
            if place[axis] < tensor.sizes[axis] { break }
            from -= place[axis] * tensor.strides[axis]
            place[axis] = 0
          }
        }
      }
      tensors.append((name, values))
    }
    if type.isInteger { integers.insert(name) }
  }
}

extension PickledTensor {
  fileprivate var isContiguous: Bool {
    var expected = 1
    for (size, stride) in zip(sizes, strides).reversed() where size != 1 {
      if stride != expected { return false }
      expected *= size
    }
    return true
  }
}
