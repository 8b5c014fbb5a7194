import Datasets
import Files
import Foundation
import Imaging
import Tensors
import Testing

/// Data sets as files, whole and damaged.
@Suite struct DatasetTests {
  private static func folder() throws -> String {
    let path = NSTemporaryDirectory() + "convolve-data-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  private static func idx(_ sizes: [Int], _ bytes: [UInt8]) -> [UInt8] {
    [0, 0, 8, UInt8(sizes.count)]
      + sizes.flatMap { size in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) } } + bytes
  }

  /// Three images of 2x2 for training and one for the test.
  private static func write(_ folder: String) throws {
    try writeFile(idx([3, 2, 2], Array(0..<12)), to: "\(folder)/train-images-idx3-ubyte")
    try writeFile(idx([3], [7, 0, 9]), to: "\(folder)/train-labels-idx1-ubyte")
    try writeFile(idx([1, 2, 2], [255, 0, 51, 102]), to: "\(folder)/t10k-images-idx3-ubyte")
    try writeFile(idx([1], [3]), to: "\(folder)/t10k-labels-idx1-ubyte")
  }

  @Test func idxFilesAreRead() throws {
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Self.write(folder)
    let data = try DatasetFolder(folder)
    #expect(data.training.count == 3 && data.test.count == 1)
    #expect(data.training.imageShape == [1, 2, 2])
    #expect((0..<3).map { data.training.label($0) } == [7, 0, 9])
    let batch = try DataLoader(data.test, batchSize: 1).batch(0..<1)
    #expect(batch.images.scalars.map { ($0 * 255).rounded() } == [255, 0, 51, 102])
  }

  @Test func damagedIDXFilesAreNamed() throws {
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Self.write(folder)
    let images = "\(folder)/train-images-idx3-ubyte"
    for (bytes, word) in [
      (Array(Self.idx([3, 2, 2], Array(0..<12)).dropLast()), "copied completely"),
      ([1, 2, 3, 4], "two zero bytes"),
      ([0, 0, 13, 1, 0, 0, 0, 0], "type 13"), ([0x1F, 0x8B, 8, 0], "gzip"),
      (Self.idx([0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF], []), "copied completely"),
      (Self.idx([2, 2, 2], Array(0..<8)), "3 labels for 2 images"),
    ] {
      try writeFile(bytes, to: images, replacing: true)
      let error = #expect(throws: FileError.self) { try DatasetFolder(folder) }
      #expect(error?.description.contains(word) == true, "\(error?.description ?? "") without \(word)")
    }
    try Self.write2(folder, labels: [7, 10, 9])
    let error = #expect(throws: FileError.self) { try DatasetFolder(folder) }
    #expect(error?.description.contains("label 10") == true)
  }

  private static func write2(_ folder: String, labels: [UInt8]) throws {
    try writeFile(idx([3, 2, 2], Array(0..<12)), to: "\(folder)/train-images-idx3-ubyte", replacing: true)
    try writeFile(idx([3], labels), to: "\(folder)/train-labels-idx1-ubyte", replacing: true)
  }

  @Test func cifarRecordsAreRead() throws {
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (i, name) in ((1...5).map { "data_batch_\($0).bin" } + ["test_batch.bin"]).enumerated() {
      let record = [UInt8(i)] + (0..<3072).map { UInt8(truncatingIfNeeded: $0 / 1024 + 10 * i) }
      try writeFile(record + record, to: "\(folder)/\(name)")
    }
    let data = try DatasetFolder(folder)
    #expect(data.training.count == 10 && data.test.count == 2)
    #expect(data.training.label(9) == 4)
    let image = try DataLoader(data.training, batchSize: 1).batch(9..<10).images
    #expect(image.shape == [1, 3, 32, 32])
    #expect((image[0, 2, 31, 31] * 255).rounded() == 42)
    try writeFile([1, 2, 3], to: "\(folder)/test_batch.bin", replacing: true)
    #expect(throws: FileError.self) { try DatasetFolder(folder) }
  }

  @Test func numpysArraysAreRead() throws {
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func npy(_ type: String, _ shape: String, _ bytes: [UInt8]) -> [UInt8] {
      let header = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }\n"
      return [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
        + bytes
    }
    for part in ["train", "test"] {
      try writeFile(npy("|u1", "(2, 1, 2)", [1, 2, 3, 255]), to: "\(folder)/\(part)-images.npy")
      try writeFile(npy("<i4", "(2,)", [2, 0, 0, 0, 1, 0, 0, 0]), to: "\(folder)/\(part)-labels.npy")
    }
    let data = try DatasetFolder(folder)
    #expect(data.training.imageShape == [1, 1, 2] && data.training.classNames.count == 3)
    #expect(data.test.label(0) == 2 && data.test.label(1) == 1)
    let images = try DataLoader(data.test, batchSize: 2).batch(0..<2).images
    #expect(images.scalars[3] == 1)
    for (name, bytes, word) in [
      ("test-labels", npy("<i4", "(2,)", [2, 0, 0, 0, 3, 0, 0, 0]), "label 3"),
      ("test-labels", npy("<i4", "(2,)", [2, 0, 0, 0]), "copied completely"),
      ("test-labels", npy("<f4", "(2,)", [2, 0, 0, 0, 3, 0, 0, 0]), "integers"),
      ("test-images", npy("<u2", "(2, 1, 1)", [1, 2, 3, 4]), "uint8"), ("test-images", [1, 2, 3], "no .npy"),
    ] {
      try writeFile(bytes, to: "\(folder)/\(name).npy", replacing: true)
      let error = #expect(throws: FileError.self) { try DatasetFolder(folder) }
      #expect(error?.description.contains(word) == true, "\(error?.description ?? "") without \(word)")
    }
  }

  @Test func foldersOfImagesAreRead() throws {
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(throws: FileError.self) { try DatasetFolder(folder) }
    for (part, classes) in [("train", ["cat", "dog"]), ("val", ["cat", "dog"])] {
      for (c, name) in classes.enumerated() {
        let path = "\(folder)/\(part)/\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        // Those for the test are larger, and are brought to the training's size.
        let side = part == "train" ? 4 : 8
        let image = Image(.uint8(Tensor(repeating: UInt8(100 * c), shape: [side, side, 3])))
        try image.write(to: "\(path)/1.png")
      }
    }
    let data = try DatasetFolder(folder)
    #expect(data.training.classNames == ["cat", "dog"])
    #expect(data.training.imageShape == [3, 4, 4] && data.test.imageShape == [3, 4, 4])
    let dog = try DataLoader(data.test, batchSize: 1).batch(1..<2)
    #expect(dog.labels == [1])
    #expect(dog.images.scalars.allSatisfy { abs($0 * 255 - 100) < 0.01 })
    try writeFile([1, 2, 3], to: "\(folder)/val/dog/1.png", replacing: true)
    #expect(throws: (any Error).self) { try DataLoader(data.test, batchSize: 1).batch(1..<2) }
  }

  /// The gradient's length of a ramp is its slope's, a quarter of eight times the difference of neighbours two apart.
  @Test func sobelOfARamp() {
    var samples = (0..<25).map { Float($0 % 5) * 0.1 }
    samples.withUnsafeMutableBufferPointer { SobelFiltered.apply(to: $0, [1, 5, 5]) }
    for y in 0..<5 {
      for x in 1..<4 { #expect(abs(samples[5 * y + x] - 0.2) < 1e-6) }
      #expect(abs(samples[5 * y] - 0.1) < 1e-6)
    }
  }
}
