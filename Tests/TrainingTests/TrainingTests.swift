import Datasets
import Foundation
import Models
import Networks
import TensorFiles
import Tensors
import Testing

@testable import Training

/// Training on a small data set of bars: upright or lying, at random places, with noise.
@Suite struct TrainingTests {
  static func bars(_ count: Int, seed: UInt64) -> ImageArray {
    var g = SeededGenerator(seed: seed)
    var labels: [UInt8] = []
    let images = Tensor<UInt8>(unsafeUninitializedShape: [count, 1, 12, 12]) { out in
      for n in 0..<count {
        let label = UInt8.random(in: 0...1, using: &g)
        labels.append(label)
        let place = Int.random(in: 1...10, using: &g)
        for y in 0..<12 {
          for x in 0..<12 {
            let isBar = (label == 0 ? x : y) == place
            out.initializeElement(
              at: (n * 12 + y) * 12 + x, to: UInt8.random(in: 0...90, using: &g) + (isBar ? 120 : 0))
          }
        }
      }
    }
    return ImageArray(images: images, labels: labels, classNames: ["upright", "lying"])
  }

  final class Network: Layer {
    let layers = Sequential {
      Conv2d(1, 4, kernelSize: 3, padding: .symmetric(1), bias: false)
      BatchNorm2d(4)
      ReLU()
      MaxPool2d(2)
      Flatten()
      Dropout(0.2)
      Linear(144, 2)
    }
    func forward(_ x: Value) throws(GraphError) -> Value { try layers(x) }
  }

  static func data() -> DatasetFolder {
    DatasetFolder(training: bars(256, seed: 1), test: bars(64, seed: 2), mean: [0.2], deviation: [0.25])
  }

  static func options(epochs: Int = 4) -> TrainingOptions {
    var options = TrainingOptions()
    options.epochs = epochs
    options.batchSize = 32
    options.learningRate = 0.05
    options.augmentation = Augmentation(cropPadding: 1)
    options.averageDecay = 0.9
    return options
  }

  private func folder() -> String {
    NSTemporaryDirectory() + "convolve-training-\(UInt64.random(in: 0 ... .max))"
  }

  @Test func itLearns() throws {
    let trainer = try Trainer(Network(), data: Self.data(), options: Self.options())
    guard case .finished = try trainer.run() else {
      Issue.record("not finished")
      return
    }
    #expect(trainer.epochs.count == 4)
    #expect(trainer.epochs[3].testAccuracy! > 0.95)
  }

  /// Stopped in the middle of an epoch and gone on from the file, the weights have the same bits.
  @Test func resumedIsUnbroken() throws {
    let (whole, broken) = (folder(), folder())
    defer { for path in [whole, broken] { try? FileManager.default.removeItem(atPath: path) } }
    var options = Self.options(epochs: 3)
    options.optimizer = .adamw
    options.learningRate = 0.003
    let unbroken = try Trainer(Network(), data: Self.data(), options: options, folder: whole)
    _ = try unbroken.run()
    var batches = 0
    let first = try Trainer(Network(), data: Self.data(), options: options, folder: broken)
    let outcome = try first.run(isCancelled: {
      batches += 1
      return batches == 13
    })
    guard case .interrupted = outcome else {
      Issue.record("not interrupted")
      return
    }
    let second = try Trainer(Network(), data: Self.data(), options: options, folder: broken, resumes: true)
    _ = try second.run()
    #expect(second.state == unbroken.state)
    let files = try [whole, broken].map { try Safetensors(path: $0 + "/last.safetensors").state }
    #expect(files[0] == files[1])
    #expect(second.epochs.map(\.trainLoss) == unbroken.epochs.map(\.trainLoss))
    for name in ["config.json", "metrics.jsonl", "curves.svg", "curves.png", "best.safetensors"] {
      #expect(FileManager.default.fileExists(atPath: "\(broken)/\(name)"))
    }
    options.batchSize = 16
    #expect(throws: TrainingError.self) {
      try Trainer(Network(), data: Self.data(), options: options, folder: broken, resumes: true)
    }
  }

  @Test func divergenceIsToldWithAdvice() throws {
    var options = Self.options()
    options.learningRate = 1e30
    let trainer = try Trainer(Network(), data: Self.data(), options: options)
    let error = #expect(throws: TrainingError.self) { try trainer.run() }
    #expect(error?.description.contains("lower the learning rate") == true)
  }

  @Test func safetensorsRoundTrip() throws {
    var g = SeededGenerator(seed: 5)
    var file = Safetensors(
      [
        ("a.weight", .randomNormal(shape: [3, 0, 2], using: &g)), ("b", .randomNormal(shape: [7], using: &g)),
        ("n\"1", Tensor([42], shape: [])),
      ], metadata: ["about": "a\nline"])
    file.integers = ["n\"1"]
    let bytes = file.encoded
    let back = try Safetensors(decoding: bytes, path: "test")
    #expect(back.metadata == file.metadata)
    #expect(back.state == file.state)
    for cut in [0, 7, 8, 20, bytes.count - 1] {
      #expect(throws: (any Error).self) { try Safetensors(decoding: Array(bytes[..<cut]), path: "test") }
    }
  }

  /// The same batches whatever the place they begin at.
  @Test func batchesDependOnTheEpochAlone() throws {
    let loader = DataLoader(
      Self.bars(50, seed: 3), batchSize: 8, shuffles: true, seed: 9,
      augmentation: Augmentation(cropPadding: 2, flips: true, erasing: 0.5, jitter: 0.3))
    var all: [DataLoader.Batch] = []
    try loader.forEachBatch(epoch: 2) { batch, _ in
      all.append(batch)
      return true
    }
    #expect(all.count == 6)
    var later: [DataLoader.Batch] = []
    try loader.forEachBatch(epoch: 2, from: 4) { batch, _ in
      later.append(batch)
      return true
    }
    #expect(later.map(\.images) == all[4...].map(\.images))
    #expect(later.map(\.labels) == all[4...].map(\.labels))
    #expect(try loader.batch(0..<8, epoch: 1).images != loader.batch(0..<8, epoch: 2).images)
  }

  /// A DCGAN's training, broken off in its second epoch and taken up again, comes to the same bits as an unbroken one.
  @Test func gansResumeToTheSameBits() throws {
    let images = Self.bars(64, seed: 3)
    let (whole, broken) = (folder(), folder())
    defer { for path in [whole, broken] { try? FileManager.default.removeItem(atPath: path) } }
    func trainer(_ folder: String, resumes: Bool = false) throws -> GANTrainer {
      try GANTrainer(
        DCGAN(imageShape: images.imageShape, width: 4), images: images, batchSize: 16, folder: folder,
        resumes: resumes)
    }
    #expect(try trainer(whole).run(epochs: 3))
    var batches = 0
    #expect(
      try !trainer(broken).run(
        epochs: 3,
        isCancelled: {
          batches += 1
          return batches == 6
        }))
    let resumed = try trainer(broken, resumes: true)
    #expect(try resumed.run(epochs: 3))
    #expect(resumed.epochs.map(\.epoch) == [1, 2, 3])
    for file in ["generator.safetensors", "discriminator.safetensors", "checkpoint.safetensors"] {
      let (a, b) = (
        try Data(contentsOf: .init(filePath: "\(whole)/\(file)")),
        try Data(contentsOf: .init(filePath: "\(broken)/\(file)"))
      )
      #expect(a == b, "\(file)")
    }
    #expect(throws: TrainingError.self) {
      try GANTrainer(
        DCGAN(imageShape: images.imageShape, width: 4), images: images, batchSize: 32, folder: whole,
        resumes: true)
    }
  }
}
