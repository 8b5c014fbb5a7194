import Files

/// What a pickle can hold of a checkpoint.
enum PickleValue {
  case none
  case boolean(Bool)
  case integer(Int)
  case float(Double)
  case text(String)
  case tuple(PickleItems)
  case list(PickleItems)
  case dictionary(PickleItems)
  /// A class or function that is allowed, `module.name`.
  case global(String)
  case storage(PickledStorage)
  case tensor(PickledTensor)
}

/// The items of a tuple or list, or a dictionary's keys and values in turn.
final class PickleItems {
  fileprivate(set) var items: [PickleValue]
  /// How deep others are held in it.
  fileprivate var depth = 1
  /// Whether something holds it: then nothing more is put in, so that depths stay true and nothing holds itself.
  fileprivate var isHeld = false

  fileprivate init(_ items: [PickleValue]) { self.items = items }

  /// A dictionary's values by their names.
  var named: [(name: String, value: PickleValue)] {
    stride(from: 0, to: items.count - 1, by: 2).compactMap { i in
      if case .text(let name) = items[i] { return (name, items[i + 1]) }
      return nil
    }
  }
}

/// Elements that tensors share.
struct PickledStorage {
  let type: ElementType
  let key: String
  let count: Int
  /// The first element within the key's.
  let start: Int
}

/// A view of a storage.
struct PickledTensor {
  let storage: PickledStorage
  let offset: Int
  let sizes: [Int]
  let strides: [Int]
}

/// Reads pickles of tensors. It calls nothing: the few functions that rebuild tensors are known by name, and all else is
/// refused.
///
/// - Source: CPython's `pickletools.py`, which describes the opcodes; PyTorch's `torch/serialization.py`.
struct Unpickler {
  private enum Entry {
    case value(PickleValue)
    case mark
  }

  private let bytes: UnsafeRawBufferPointer
  private let path: String
  /// Where the next pickle starts.
  private(set) var position: Int
  private var stack: [Entry] = []
  private var memo: [Int: PickleValue] = [:]

  private static let storages: [String: ElementType] = [
    "FloatStorage": .F32, "DoubleStorage": .F64, "HalfStorage": .F16, "BFloat16Storage": .BF16,
    "LongStorage": .I64, "IntStorage": .I32, "ShortStorage": .I16, "CharStorage": .I8, "ByteStorage": .U8,
    "BoolStorage": .BOOL,
  ]

  private static let functions: Set<String> = [
    "collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_parameter", "torch.Size",
  ]

  private static let deepest = 64

  init(_ bytes: UnsafeRawBufferPointer, from position: Int = 0, path: String) {
    (self.bytes, self.position, self.path) = (bytes, position, path)
  }

  private func damaged(_ what: String) -> FileError {
    FileError(path, "is no valid checkpoint: \(what) at byte \(position)")
  }

  /// The next pickle.
  mutating func load() throws(FileError) -> PickleValue {
    (stack, memo) = ([], [:])
    while true {
      let opcode = try take(1).first!
      if opcode == UInt8(ascii: ".") { return try pop() }
      try run(opcode)
    }
  }

  private mutating func run(_ opcode: UInt8) throws(FileError) {
    switch opcode {
    case 0x80: _ = try take(1)  // PROTO
    case 0x95: _ = try take(8)  // FRAME
    case UInt8(ascii: "("): stack.append(.mark)
    case UInt8(ascii: "N"): push(.none)
    case 0x88: push(.boolean(true))
    case 0x89: push(.boolean(false))
    case UInt8(ascii: "J"): push(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))
    case UInt8(ascii: "K"): push(.integer(try number(1)))
    case UInt8(ascii: "M"): push(.integer(try number(2)))
    case 0x8A: push(.integer(try long(number(1))))  // LONG1
    case UInt8(ascii: "G"):
      let bits = try take(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      push(.float(Double(bitPattern: bits)))
    case UInt8(ascii: "X"): push(.text(try text(number(4))))
    case 0x8C, UInt8(ascii: "U"): push(.text(try text(number(1))))  // and Python 2's texts
    case UInt8(ascii: "T"): push(.text(try text(number(4))))
    case UInt8(ascii: "]"): push(.list(PickleItems([])))
    case UInt8(ascii: "}"): push(.dictionary(PickleItems([])))
    case UInt8(ascii: ")"): push(.tuple(PickleItems([])))
    case UInt8(ascii: "t"): push(.tuple(try holding(popToMark())))
    case UInt8(ascii: "l"): push(.list(try holding(popToMark())))
    case 0x85: push(.tuple(try holding([pop()])))
    case 0x86:
      let second = try pop()
      push(.tuple(try holding([pop(), second])))
    case 0x87:
      let (third, second) = (try pop(), try pop())
      push(.tuple(try holding([pop(), second, third])))
    case UInt8(ascii: "a"): try extend([pop()])
    case UInt8(ascii: "e"): try extend(popToMark())
    case UInt8(ascii: "s"):
      let value = try pop()
      try extend([pop(), value])
    case UInt8(ascii: "u"): try extend(popToMark())
    case UInt8(ascii: "0"): _ = try pop()
    case UInt8(ascii: "q"): memo[try number(1)] = try top()
    case UInt8(ascii: "r"): memo[try number(4)] = try top()
    case 0x94: memo[memo.count] = try top()  // MEMOIZE
    case UInt8(ascii: "h"): try recall(number(1))
    case UInt8(ascii: "j"): try recall(number(4))
    case UInt8(ascii: "c"): push(.global(try allowed(line(), line())))
    case 0x93:  // STACK_GLOBAL
      guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
        throw damaged("a name that is no text")
      }
      push(.global(try allowed(module, name)))
    case UInt8(ascii: "Q"): push(.storage(try storage(pop())))
    case UInt8(ascii: "R"): try call()
    case UInt8(ascii: "b"): _ = try pop()  // BUILD: attributes of an ordered dictionary, as its versions
    default: throw damaged("the opcode \(opcode), which checkpoints of tensors do not have,")
    }
  }

  // MARK: the stack

  private mutating func push(_ value: PickleValue) { stack.append(.value(value)) }

  private mutating func pop() throws(FileError) -> PickleValue {
    guard case .value(let value)? = stack.popLast() else { throw damaged("nothing to take from the stack") }
    return value
  }

  private func top() throws(FileError) -> PickleValue {
    guard case .value(let value)? = stack.last else { throw damaged("nothing to remember") }
    return value
  }

  private mutating func popToMark() throws(FileError) -> [PickleValue] {
    var values: [PickleValue] = []
    while let entry = stack.popLast() {
      guard case .value(let value) = entry else { return values.reversed() }
      values.append(value)
    }
    throw damaged("a stack without a mark")
  }

  private mutating func recall(_ key: Int) throws(FileError) {
    guard let value = memo[key] else { throw damaged("the memory \(key), which is empty,") }
    push(value)
  }

  private func holding(_ items: [PickleValue]) throws(FileError) -> PickleItems {
    let result = PickleItems([])
    try put(items, into: result)
    return result
  }

  private func put(_ values: [PickleValue], into container: PickleItems) throws(FileError) {
    guard !container.isHeld else { throw damaged("a list that is changed after it was put into another") }
    for value in values {
      switch value {
      case .tuple(let items), .list(let items), .dictionary(let items):
        guard items !== container, items.depth < Self.deepest else {
          throw damaged("lists within lists, more than \(Self.deepest) deep,")
        }
        items.isHeld = true
        container.depth = max(container.depth, items.depth + 1)
      default: break
      }
    }
    container.items += values
  }

  /// Puts values into the list or dictionary on top.
  private mutating func extend(_ values: [PickleValue]) throws(FileError) {
    switch try top() {
    case .list(let items): try put(values, into: items)
    case .dictionary(let items):
      guard values.count % 2 == 0 else { throw damaged("a key without a value") }
      try put(values, into: items)
    default: throw damaged("items for something that is no list")
    }
  }

  // MARK: bytes

  private mutating func take(_ count: Int) throws(FileError) -> Slice<UnsafeRawBufferPointer> {
    guard count >= 0, count <= bytes.count - position else { throw damaged("its end") }
    defer { position += count }
    return bytes[position..<position + count]
  }

  private mutating func number(_ size: Int) throws(FileError) -> Int {
    try take(size).reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  private mutating func text(_ count: Int) throws(FileError) -> String {
    String(decoding: try take(count), as: UTF8.self)
  }

  private mutating func long(_ count: Int) throws(FileError) -> Int {
    let digits = try take(count)
    // Longer ones are numbers of the format's, whose last bits tell them.
    var value: UInt64 = digits.last.map { $0 >= 0x80 } ?? false ? .max : 0
    for byte in digits.reversed() { value = value << 8 | UInt64(byte) }
    return Int(truncatingIfNeeded: value)
  }

  private mutating func line() throws(FileError) -> String {
    var end = position
    while end < bytes.count, bytes[end] != 10 { end += 1 }
    let result = try text(end - position)
    _ = try take(1)
    return result
  }

  // MARK: what is rebuilt

  private func allowed(_ module: String, _ name: String) throws(FileError) -> String {
    let full = "\(module).\(name)"
    if Self.functions.contains(full) || module == "torch" && Self.storages[name] != nil { return full }
    throw FileError(
      path,
      "asks for \(full), which could run code: only tensors are read. Save it again with torch.save(model.state_dict())"
    )
  }

  private func storage(_ id: PickleValue) throws(FileError) -> PickledStorage {
    guard case .tuple(let parts) = id, parts.items.count >= 5, case .text("storage") = parts.items[0],
      case .global(let name) = parts.items[1], let type = Self.storages[String(name.dropFirst(6))],
      case .text(let key) = parts.items[2], case .integer(let count) = parts.items[4], count >= 0
    else { throw damaged("a reference that is no tensor storage") }
    var start = 0
    // In older files a part of the storage: its own key, first element and size.
    if parts.items.count > 5, case .tuple(let view) = parts.items[5] {
      guard view.items.count == 3, case .integer(let offset) = view.items[1], offset >= 0 else {
        throw damaged("a view that is no part of a storage")
      }
      start = offset
    }
    return PickledStorage(type: type, key: key, count: count, start: start)
  }

  private mutating func call() throws(FileError) {
    guard case .tuple(let arguments) = try pop(), case .global(let name) = try pop() else {
      throw damaged("a call of something that is no function")
    }
    let items = arguments.items
    switch name {
    case "collections.OrderedDict": push(.dictionary(PickleItems([])))
    case "torch.Size":
      guard let sizes = items.first else { throw damaged("a size without numbers") }
      push(sizes)
    case "torch._utils._rebuild_parameter":
      guard case .tensor(let tensor)? = items.first else { throw damaged("a parameter without a tensor") }
      push(.tensor(tensor))
    case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor":
      guard items.count >= 4, case .storage(let storage) = items[0], case .integer(let offset) = items[1],
        let sizes = Self.integers(items[2]), let strides = Self.integers(items[3]),
        sizes.count == strides.count
      else { throw damaged("a tensor without storage, offset, size or stride") }
      push(.tensor(PickledTensor(storage: storage, offset: offset, sizes: sizes, strides: strides)))
    default: throw damaged("a call of \(name)")
    }
  }

  private static func integers(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let items) = value else { return nil }
    let numbers = items.items.compactMap { item -> Int? in
      if case .integer(let number) = item { return number }
      return nil
    }
    return numbers.count == items.items.count ? numbers : nil
  }
}

extension Unpickler {
  /// Keys of storages, as a list of texts.
  static func texts(_ value: PickleValue) -> [String]? {
    guard case .list(let items) = value else { return nil }
    let texts = items.items.compactMap { item -> String? in
      if case .text(let text) = item { return text }
      return nil
    }
    return texts.count == items.items.count ? texts : nil
  }
}
