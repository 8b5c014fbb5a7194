import Files
import Foundation
import TensorFiles
import Tensors
import Testing

/// Files that PyTorch and NumPy wrote (`Vectors/make.py`): the same numbers in every format.
@Suite struct TensorFilesTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors")

  private static func path(_ name: String) -> String { folder.appending(path: name).path }

  private static let base = (0..<24).map { Float($0) / 4 }

  private static let expected: [String: Tensor<Float>] = [
    "weight": Tensor(base, shape: [2, 3, 4]),
    "turned": Tensor((0..<24).map { base[$0 % 4 * 6 + $0 / 4] }, shape: [6, 4]),
    "part": Tensor(Array(base[5..<9]), shape: [4]),
    "half": Tensor(base[..<6].map { $0 / 8 }, shape: [6]),
    "bfloat": Tensor(Array(base[..<5]), shape: [5]),
    "double": Tensor(Array(base[..<3]), shape: [3]),
    "counter": Tensor([7], shape: []),
    "flags": Tensor([1, 0, 1], shape: [3]),
    "empty": Tensor([], shape: [0, 3]),
    "parameter": Tensor(Array(base[..<4]), shape: [4]),
  ]

  @Test(arguments: ["zip.pth", "legacy.pth"]) func checkpoints(name: String) throws {
    let file = try TensorFile(path: Self.path(name)).tensors
    #expect(
      file.map(\.name) == [
        "weight", "turned", "part", "half", "bfloat", "double", "counter", "flags", "empty", "parameter",
      ])
    for (name, tensor) in file { #expect(tensor == Self.expected[name], "\(name)") }
    #expect(try TensorFile(path: Self.path(name)).integers == ["counter", "flags"])
  }

  @Test(arguments: ["stored.npz", "deflated.npz"]) func arrays(name: String) throws {
    let file = try TensorFile(path: Self.path(name))
    let tensors = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.tensor) })
    #expect(tensors["weight"] == Self.expected["weight"])
    #expect(tensors["fortran"] == Tensor(Self.base, shape: [4, 6]))
    #expect(tensors["integers"] == Tensor([0, 1, 2, 3, 4], shape: [5]))
    #expect(tensors["scalar"] == Tensor([2.5], shape: []))
    #expect(file.integers == ["integers"])
  }

  /// Pickles that call functions are refused by the function's name, and nothing is called.
  @Test(arguments: ["evil.pth", "evil-legacy.pth"]) func codeIsRefused(name: String) throws {
    do {
      _ = try TensorFile(path: Self.path(name))
      Issue.record("\(name) was read")
    } catch {
      #expect("\(error)".contains("posix.system"))
    }
    #expect(!FileManager.default.fileExists(atPath: "/tmp/convolve-was-here"))
  }

  /// Tensors that stay where the file is in memory: they outlive the file's name, and what is written to them is theirs.
  @Test(arguments: ["zip.pth", "legacy.pth", "stored.npz", "deflated.npz"])
  func mappedFilesHoldTheSame(name: String) throws {
    let (copied, mapped) = (
      try TensorFile(path: Self.path(name)), try TensorFile(path: Self.path(name), mmap: true)
    )
    #expect(copied.tensors.map(\.name) == mapped.tensors.map(\.name))
    #expect(copied.tensors.map(\.tensor) == mapped.tensors.map(\.tensor))
  }

  @Test func mappedTensorsOutliveTheFile() throws {
    // Sizes of which some end near the end of a page, and the last is near the end of the file's last page.
    let tensors = [5000, 1, 1023, 40_000, 900, 124].enumerated().map { i, count in
      (name: "\(i)", tensor: Tensor((0..<count).map { Float($0 + i) }, shape: [count]))
    }
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).safetensors").path
    try Safetensors(tensors).write(to: path)
    var read = try TensorFile(path: path, mmap: true).tensors
    read[3].tensor[0] = -1
    #expect(try TensorFile(path: path).tensors.map(\.tensor) == tensors.map(\.tensor))
    #expect(read[3].tensor[0] == -1)
    read[3].tensor[0] = 3
    try Safetensors([("other", Tensor(zeros: [50_000]))]).write(to: path, replacing: true)
    try FileManager.default.removeItem(atPath: path)
    #expect(read.map(\.tensor) == tensors.map(\.tensor))
    // What is left is held by itself.
    let last = read.removeLast()
    read = []
    #expect(last.tensor == tensors[5].tensor)
  }

  @Test func writtenArraysAreReadAgain() throws {
    let tensors = Self.expected.sorted { $0.key < $1.key }.map { (name: $0.key, tensor: $0.value) }
    let back = try NumPyArrays(decoding: NumPyArrays(tensors).encoded, path: "test")
    #expect(back.tensors.map(\.name) == tensors.map(\.name))
    for ((_, a), (_, b)) in zip(back.tensors, tensors) { #expect(a == b) }
    let alone = NumPyArrays([("", Self.expected["weight"]!)])
    #expect(
      try NumPyArrays(decoding: alone.encoded, path: "test").tensors[0].tensor == Self.expected["weight"])
  }

  /// A list that holds a list and so on, deeper than any checkpoint; and one that is put into itself.
  @Test func deepPicklesAreRefused() throws {
    let deep =
      [0x80, 2] + [UInt8](repeating: UInt8(ascii: ")"), count: 1) + [UInt8](repeating: 0x85, count: 100_000)
    let own = [0x80, 2] + Array("]q\u{0}h\u{0}a.".utf8)
    for pickle in [deep + [UInt8(ascii: ".")], own] {
      let bytes = Self.legacy(object: pickle)
      #expect(throws: FileError.self) { try PyTorchCheckpoint(decoding: bytes, path: "test") }
    }
  }

  private static func legacy(object: [UInt8]) -> [UInt8] {
    [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
      + [0x80, 0x02, 0x4D, 0xE9, 0x03, 0x2E] + [0x80, 0x02, 0x7D, 0x2E] + object
  }

  /// How many elements a file's tensors have.
  private static func elements(_ name: String, _ bytes: [UInt8]) throws -> Int {
    switch name {
    case "safetensors":
      return try Safetensors(decoding: bytes, path: name).tensors.reduce(0) { $0 + $1.tensor.shape.count }
    case "zip.pth", "legacy.pth":
      return try PyTorchCheckpoint(decoding: bytes, path: name).tensors.reduce(0) {
        $0 + $1.tensor.shape.count
      }
    default:
      return try NumPyArrays(decoding: bytes, path: name).tensors.reduce(0) { $0 + $1.tensor.shape.count }
    }
  }

  /// Bytes changed, taken away, doubled: an error or tensors, never a crash. `CONVOLVE_FUZZ` sets the count for each format.
  @Test func mutatedFiles() throws {
    let count = ProcessInfo.processInfo.environment["CONVOLVE_FUZZ"].flatMap { Int($0) } ?? 400
    let safetensors = Safetensors([("a", Self.expected["weight"]!), ("b", Self.expected["part"]!)]).encoded
    var originals = [("safetensors", safetensors)]
    for name in ["zip.pth", "legacy.pth", "stored.npz", "deflated.npz"] {
      originals.append((name, try readFile(Self.path(name))))
    }
    var g = SeededGenerator(seed: 31)
    for (name, original) in originals {
      var (refused, read) = (0, 0)
      for _ in 0..<count {
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &g) where !bytes.isEmpty {
          let at = Int.random(in: 0..<bytes.count, using: &g)
          switch Int.random(in: 0..<6, using: &g) {
          case 0: bytes[at] = .random(in: .min ... .max, using: &g)
          case 1: bytes[at] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &g)
          case 2: bytes.removeSubrange(at...)
          case 3: bytes.removeSubrange(at..<min(bytes.count, at + .random(in: 1...16, using: &g)))
          case 4:
            let end = min(bytes.count, at + .random(in: 1...32, using: &g))
            bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &g))
          default:
            // Great numbers, where sizes stand.
            for i in at..<min(bytes.count, at + 4) {
              bytes[i] = [0xFF, 0x7F, 0x80, 0].randomElement(using: &g)!
            }
          }
        }
        do {
          let elements = try Self.elements(name, bytes)
          #expect(elements <= 8 * bytes.count)
          read += 1
        } catch {
          #expect(error is FileError)
          refused += 1
        }
      }
      #expect(refused + read == count)
      #expect(refused > 0, "\(name)")
    }
  }
}
