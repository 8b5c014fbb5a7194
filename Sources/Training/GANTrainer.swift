import Datasets
import Files
import Foundation
import Imaging
import Models
import Networks
import TensorFiles
import Tensors

/// Trains a `DCGAN`: the discriminator to tell images from generated ones, the generator to be taken for images; and keeps
/// `generator.safetensors`, `discriminator.safetensors`, `checkpoint.safetensors`, `metrics.jsonl` and a sheet of samples for
/// each epoch in a folder.
public final class GANTrainer {
  /// What an epoch came to: mean losses.
  public struct Epoch: Sendable, Codable {
    public let epoch: Int
    public let discriminatorLoss: Double
    public let generatorLoss: Double
    public let seconds: Double
    public let imagesPerSecond: Double
  }

  private let network: DCGAN
  private let data: DataLoader
  private let folder: String
  private let discriminating: TrainingProgram
  private let generating: TrainingProgram
  private let sampler: Program
  private var discriminatorRule: Adam
  private var generatorRule: Adam
  private let noise: Tensor<Float>
  private let seed: UInt64
  private let options: String
  public private(set) var epochs: [Epoch] = []
  /// Where the training of each part stands; the discriminator's counts the epochs and batches.
  private var discriminatorPoint = Checkpoint()
  private var generatorPoint = Checkpoint()

  /// Samples on a sheet: a square of them.
  private static let sheetSide = 8

  /// - Parameters:
  ///   - network: both parts.
  ///   - images: of the network's shape.
  ///   - batchSize: images in a step.
  ///   - learningRate: Adam's, with betas of 0.5 and 0.999, as in the paper.
  ///   - seed: of the weights' start, the order and the noise.
  ///   - folder: where the run is kept; made if it is not there.
  ///   - resumes: whether the run in the folder goes on, to the same bits as an unbroken one.
  public init(
    _ network: DCGAN, images: any Dataset, batchSize: Int = 64, learningRate: Double = 2e-4, seed: UInt64 = 0,
    folder: String, resumes: Bool = false
  ) throws {
    guard images.imageShape == network.imageShape, images.count >= batchSize else {
      throw TrainingError.invalid(
        "\(images.count) images of \(images.imageShape) for a network of \(network.imageShape) in batches of \(batchSize)"
      )
    }
    (self.network, self.folder, self.seed) = (network, folder, seed)
    // Samples from -1 to 1, as tanh puts them out.
    data = DataLoader(images, batchSize: batchSize, shuffles: true, seed: seed, mean: [0.5], deviation: [0.5])
    let imageShape = Shape([batchSize] + network.imageShape.dimensions)
    let noiseShape: Shape = [batchSize, network.noiseLength, 1, 1]
    func names(_ graph: Graph, _ prefix: String) -> Set<String> {
      Set(graph.parameters.map(\.name).filter { $0.hasPrefix(prefix) })
    }
    do {
      let graph = Graph(network, mode: .training)
      let real = try network.discriminator(graph.input("images", imageShape))
      let fake = try network.discriminator(network.generator(graph.input("noise", noiseShape)))
      let (ones, zeros) = (
        graph.constant(Tensor(repeating: 1, shape: real.shape)), graph.constant(Tensor(zeros: fake.shape))
      )
      let loss = try real.binaryCrossEntropy(ones) + fake.binaryCrossEntropy(zeros)
      discriminating = try TrainingProgram(graph, loss: loss, frozen: names(graph, "generator."), seed: seed)
      try discriminating.program.load(StateDict(initializing: graph.parameters, seed: seed))
    }
    do {
      let graph = Graph(network, mode: .training)
      let fake = try network.discriminator(network.generator(graph.input("noise", noiseShape)))
      let loss = try fake.binaryCrossEntropy(graph.constant(Tensor(repeating: 1, shape: fake.shape)))
      generating = try TrainingProgram(graph, loss: loss, frozen: names(graph, "discriminator."), seed: seed)
      try generating.program.load(discriminating.program.state)
    }
    let graph = Graph(network)
    let count = Self.sheetSide * Self.sheetSide
    let z = graph.input("noise", [count, network.noiseLength, 1, 1])
    sampler = try Program(graph, outputs: [try network.generator(z)])
    var generator = SeededGenerator(seed: seed ^ 0x5EED)
    noise = .randomNormal(shape: z.shape, using: &generator)
    discriminatorRule = Adam(learningRate: learningRate, betas: (0.5, 0.999))
    generatorRule = Adam(learningRate: learningRate, betas: (0.5, 0.999))
    options = "batch \(batchSize), learning rate \(learningRate), seed \(seed)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    if resumes { try resume() }
  }

  private func resume() throws {
    let path = "\(folder)/checkpoint.safetensors"
    let file = try Safetensors(path: path)
    discriminatorPoint = try Checkpoint(
      file, "discriminator.", path: path, parameterNames: discriminating.parameterNames)
    generatorPoint = try Checkpoint(file, "generator.", path: path, parameterNames: generating.parameterNames)
    guard discriminatorPoint.options == options else {
      throw TrainingError.mismatch(
        "\(path) was trained with \(discriminatorPoint.options); resume with the same")
    }
    try discriminating.program.load(discriminatorPoint.state)
    try generating.program.load(generatorPoint.state)
    (discriminatorRule.memory, generatorRule.memory) = (discriminatorPoint.memory, generatorPoint.memory)
    epochs = try readLines(Epoch.self, from: "\(folder)/metrics.jsonl").filter {
      $0.epoch <= discriminatorPoint.epoch
    }
  }

  /// Trains up to some epoch.
  /// - Parameters:
  ///   - count: epochs, with those that are done.
  ///   - progress: told after every batch: its number, batches of an epoch, both losses so far.
  ///   - report: told after every epoch.
  ///   - isCancelled: asked after every batch.
  /// - Returns: whether it came to its end; otherwise it is kept where it stands.
  public func run(
    epochs count: Int, progress: (Int, Int, Double, Double) -> Void = { _, _, _, _ in },
    epoch report: (Epoch) -> Void = { _ in }, isCancelled: () -> Bool = { false }
  ) throws -> Bool {
    while discriminatorPoint.epoch < count {
      let number = discriminatorPoint.epoch + 1
      let start = ContinuousClock.now
      var (discriminatorLoss, generatorLoss) = (discriminatorPoint.lossSum, generatorPoint.lossSum)
      var isStopped = false
      let first = discriminatorPoint.batch
      try data.forEachBatch(epoch: number, from: first) { batch, k in
        var generator = SeededGenerator(seed: seed &+ UInt64(number) << 32 &+ UInt64(k))
        func fillNoise(_ program: TrainingProgram) throws {
          let values = Tensor<Float>.randomNormal(
            shape: [batch.labels.count, network.noiseLength], using: &generator)
          try program.fill("noise") { to in
            values.withUnsafeBufferPointer { _ = to.update(fromContentsOf: $0) }
          }
        }
        try discriminating.fill("images") { to in
          batch.images.withUnsafeBufferPointer { _ = to.update(fromContentsOf: $0) }
        }
        try fillNoise(discriminating)
        let first = try discriminating.run()
        discriminating.step(&discriminatorRule)
        discriminating.copyParameters(to: generating) { $0.hasPrefix("discriminator.") }
        try fillNoise(generating)
        let second = try generating.run()
        generating.step(&generatorRule)
        generating.copyParameters(to: discriminating) { $0.hasPrefix("generator.") }
        guard first.isFinite, second.isFinite else {
          throw TrainingError.diverged(
            epoch: number, step: k + 1, loss: first + second, learningRate: generatorRule.learningRate)
        }
        discriminatorLoss += Double(first)
        generatorLoss += Double(second)
        progress(k + 1, data.batchCount, discriminatorLoss / Double(k + 1), generatorLoss / Double(k + 1))
        (discriminatorPoint.batch, discriminatorPoint.lossSum) = (k + 1, discriminatorLoss)
        generatorPoint.lossSum = generatorLoss
        isStopped = isCancelled()
        return !isStopped
      }
      if isStopped {
        try save()
        return false
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      let batches = Double(data.batchCount)
      let epoch = Epoch(
        epoch: number, discriminatorLoss: discriminatorLoss / batches, generatorLoss: generatorLoss / batches,
        seconds: seconds, imagesPerSecond: (batches - Double(first)) * Double(data.batchSize) / seconds)
      epochs.append(epoch)
      (discriminatorPoint.epoch, discriminatorPoint.batch, discriminatorPoint.lossSum) = (number, 0, 0)
      generatorPoint.lossSum = 0
      try keep()
      report(epoch)
    }
    return true
  }

  private func save() throws {
    (discriminatorPoint.state, generatorPoint.state) = (
      discriminating.program.state, generating.program.state
    )
    (discriminatorPoint.memory, generatorPoint.memory) = (discriminatorRule.memory, generatorRule.memory)
    discriminatorPoint.options = options
    let first = discriminatorPoint.parts("discriminator.", parameterNames: discriminating.parameterNames)
    let second = generatorPoint.parts("generator.", parameterNames: generating.parameterNames)
    try Safetensors(
      first.tensors + second.tensors, metadata: first.numbers.merging(second.numbers) { $1 }
    ).write(to: "\(folder)/checkpoint.safetensors", replacing: true)
  }

  private func keep() throws {
    try save()
    let state = generating.program.state
    for part in ["generator", "discriminator"] {
      let tensors = state.names.filter { $0.hasPrefix(part + ".") }.map {
        (String($0.dropFirst(part.count + 1)), state[$0]!)
      }
      try Safetensors(StateDict(tensors)).write(to: "\(folder)/\(part).safetensors", replacing: true)
    }
    try writeLines(epochs, to: "\(folder)/metrics.jsonl")
    try samples().write(to: "\(folder)/samples-\(epochs.count).png", replacing: true)
  }

  /// A sheet of images made of the same noise every time.
  public func samples() throws -> Image {
    try sampler.load(generating.program.state, isComplete: false)
    let images = try sampler.run(["noise": noise])[0]
    return contactSheet(images, columns: Self.sheetSide, low: -1, high: 1, scale: 2)
  }
}
