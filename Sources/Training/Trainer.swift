import Datasets
import Files
import Foundation
import Networks
import TensorFiles
import Tensors

/// Trains a classifier or an autoencoder, and keeps what it does in a folder: `config.json`, `metrics.jsonl`, `curves.svg` and
/// `curves.png`, `last.safetensors`, `best.safetensors`, and `checkpoint.safetensors` to go on from.
public final class Trainer {
  /// What a network is trained for.
  public enum Task: Sendable {
    /// Logits `[N, classes]`, by the cross-entropy.
    case classification
    /// The images themselves, 0 to 1, by the squared difference.
    case reconstruction
  }

  /// What an epoch came to; accuracies are a classifier's.
  public struct Epoch: Sendable, Codable {
    public let epoch: Int
    public let trainLoss: Double
    public let trainAccuracy: Double?
    public let testLoss: Double
    public let testAccuracy: Double?
    public let learningRate: Double
    public let seconds: Double
    public let imagesPerSecond: Double
  }

  /// Where an epoch stands.
  public struct Progress: Sendable {
    public let epoch: Int
    public let epochs: Int
    public let batch: Int
    public let batches: Int
    /// Means of the epoch so far.
    public let loss: Double
    public let accuracy: Double?
    public let imagesPerSecond: Double
    /// Of the whole training.
    public let secondsLeft: Double
  }

  /// How it ended.
  public enum Outcome: Sendable {
    case finished
    /// No better accuracy for the epochs that were allowed.
    case stoppedEarly
    /// Asked to stop; the checkpoint says where.
    case interrupted
  }

  public let options: TrainingOptions
  public let folder: String?
  private let training: DataLoader
  private let test: DataLoader
  private let program: TrainingProgram
  private let task: Task
  /// The classifier that is evaluated, or the autoencoder's loss on a batch.
  private let classifier: Classifier?
  private let reconstruction: Program?
  private let classes: Int
  private var optimizer: any Optimizer
  private var checkpoint = Checkpoint()
  private var history: [Epoch] = []

  /// - Parameters:
  ///   - network: of `[N, C, H, W]` to what the task takes.
  ///   - task: what it is trained for.
  ///   - data: whose images have the shape that the network takes.
  ///   - options: how to train.
  ///   - initial: weights to begin with; initialised by the seed where nil.
  ///   - folder: where the run is kept; nowhere where nil. Made if it is not there.
  ///   - resumes: whether the folder's checkpoint is gone on from.
  /// - Throws: `GraphError`, ``TrainingError`` or `FileError`.
  public init(
    _ network: any Layer, for task: Task = .classification, data: DatasetFolder, options: TrainingOptions,
    initial: StateDict? = nil,
    folder: String? = nil, resumes: Bool = false
  ) throws {
    try options.validate()
    (self.options, self.folder, self.task) = (options, folder, task)
    let batch = options.batchSize
    guard data.training.count >= batch else {
      throw TrainingError.invalid(
        "a batch size of \(batch) for \(data.training.count) training images: make it smaller")
    }
    training = DataLoader(
      data.training, batchSize: batch, shuffles: true, seed: options.seed, augmentation: options.augmentation,
      mean: data.mean, deviation: data.deviation)
    test = DataLoader(data.test, batchSize: batch, mean: data.mean, deviation: data.deviation)
    let shape = data.training.imageShape
    let graph = Graph(network, mode: .training)
    let images = graph.input("images", Shape([batch] + shape.dimensions))
    let targets = graph.input("targets", [batch])
    let output = try network(images)
    switch task {
    case .classification:
      let loss = try output.crossEntropy(targets, labelSmoothing: options.labelSmoothing)
      program = try TrainingProgram(
        graph, loss: loss, others: [output], seed: options.seed,
        memoryLimit: options.memoryLimit)
      classes = output.shape[1]
      guard classes >= data.training.classNames.count else {
        throw TrainingError.invalid(
          "a network of \(classes) classes for data of \(data.training.classNames.count)")
      }
      (classifier, reconstruction) = (try Classifier(network, imageShape: shape, batchSize: batch), nil)
    case .reconstruction:
      program = try TrainingProgram(
        graph, loss: try output.meanSquaredError(images), seed: options.seed,
        memoryLimit: options.memoryLimit)
      classes = 0
      let graph = Graph(network)
      let images = graph.input("images", Shape([batch] + shape.dimensions))
      (classifier, reconstruction) = (
        nil, try Program(graph, outputs: [try network(images).meanSquaredError(images)])
      )
    }
    optimizer = options.makeOptimizer()
    try program.program.load(initial ?? StateDict(initializing: graph.parameters, seed: options.seed))
    if let folder {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      if resumes {
        try resume(folder)
      } else {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try writeFile(Array(try encoder.encode(options)), to: "\(folder)/config.json", replacing: true)
        try writeFile([], to: "\(folder)/metrics.jsonl", replacing: true)
      }
    }
  }

  private var optionsText: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var comparable = options
    // A longer training may go on from a shorter one where nothing depends on its end.
    if comparable.schedule == .constant { comparable.epochs = 0 }
    return String(decoding: (try? encoder.encode(comparable)) ?? Data(), as: UTF8.self)
  }

  private func resume(_ folder: String) throws {
    let path = "\(folder)/checkpoint.safetensors"
    checkpoint = try Checkpoint(path: path, parameterNames: program.parameterNames)
    guard checkpoint.options == optionsText else {
      throw TrainingError.mismatch(
        "\(path) was trained with other options; resume with those of \(folder)/config.json: \(checkpoint.options)"
      )
    }
    try program.program.load(checkpoint.state)
    program.runs = checkpoint.runs
    optimizer.memory = checkpoint.memory
    history = try readLines(Epoch.self, from: "\(folder)/metrics.jsonl").filter {
      $0.epoch <= checkpoint.epoch
    }
  }

  /// The epochs that are done.
  public var epochs: [Epoch] { history }

  /// The weights that are evaluated: the running mean where there is one.
  public var state: StateDict { checkpoint.average ?? program.program.state }

  /// Bytes of the memory that the step's tensors share, and what they would take apart.
  public var memory: (peak: Int, sum: Int) { (program.program.peakBytes, program.program.tensorBytes) }

  /// Trains to the end.
  /// - Parameters:
  ///   - progress: told after every batch.
  ///   - report: told after every epoch.
  ///   - isCancelled: asked after every batch; where it says true, the training is saved as it stands.
  /// - Throws: ``TrainingError`` for a loss that diverges; `FileError` where the run cannot be kept.
  public func run(
    progress: (Progress) -> Void = { _ in }, epoch report: (Epoch) -> Void = { _ in },
    isCancelled: () -> Bool = { false }
  ) throws -> Outcome {
    while checkpoint.epoch < options.epochs {
      let start = ContinuousClock.now
      let firstBatch = checkpoint.batch
      var isStopped = false
      var rate = options.learningRate
      try training.forEachBatch(epoch: checkpoint.epoch, from: checkpoint.batch) { batch, k in
        rate = try step(batch)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let images = Double((k + 1 - firstBatch) * options.batchSize)
        let batchesLeft = (options.epochs - checkpoint.epoch) * training.batchCount - k - 1
        let seen = Double(checkpoint.batch * options.batchSize)
        progress(
          Progress(
            epoch: checkpoint.epoch + 1, epochs: options.epochs, batch: k + 1, batches: training.batchCount,
            loss: checkpoint.lossSum / Double(checkpoint.batch),
            accuracy: classes > 0 ? Double(checkpoint.correct) / seen : nil,
            imagesPerSecond: images / max(seconds, 1e-9),
            secondsLeft: seconds / Double(k + 1 - firstBatch) * Double(batchesLeft)))
        isStopped = isCancelled()
        return !isStopped
      }
      if isStopped {
        try save()
        return .interrupted
      }
      try finishEpoch(rate, start, images: (training.batchCount - firstBatch) * options.batchSize)
      report(history[history.count - 1])
      if let patience = options.patience, checkpoint.epoch - checkpoint.bestEpoch >= patience {
        return .stoppedEarly
      }
    }
    return .finished
  }

  /// One step.
  /// - Returns: its learning rate.
  private func step(_ batch: DataLoader.Batch) throws -> Double {
    try program.fill("images") { to in
      batch.images.withUnsafeBufferPointer { _ = to.update(fromContentsOf: $0) }
    }
    if classes > 0 {
      try program.fill("targets") { to in for i in to.indices { to[i] = Float(batch.labels[i]) } }
    }
    let loss = try program.run()
    let factor = options.schedule.factor(
      step: checkpoint.steps, stepsPerEpoch: training.batchCount, epochs: options.epochs,
      warmupEpochs: options.warmupEpochs)
    optimizer.learningRate = options.learningRate * factor
    guard loss.isFinite, loss < 1e4 else {
      throw TrainingError.diverged(
        epoch: checkpoint.epoch + 1, step: checkpoint.steps + 1, loss: loss,
        learningRate: optimizer.learningRate)
    }
    if let limit = options.clipNorm { program.clipGradients(norm: limit) }
    program.step(&optimizer)
    checkpoint.steps += 1
    checkpoint.batch += 1
    checkpoint.lossSum += Double(loss)
    if classes > 0 { countCorrect(batch) }
    if let decay = options.averageDecay { average(decay) }
    return optimizer.learningRate
  }

  private func countCorrect(_ batch: DataLoader.Batch) {
    program.withOther(0, count: options.batchSize * classes) { logits in
      for (i, label) in batch.labels.enumerated() {
        let row = logits[i * classes..<(i + 1) * classes]
        // The first greatest is the prediction.
        if row.firstIndex(of: row.max()!) == i * classes + label { checkpoint.correct += 1 }
      }
    }
  }

  /// The test loss, and a classifier's accuracy.
  private func evaluate() throws -> (loss: Double, accuracy: Double?) {
    if let classifier {
      try classifier.load(state)
      let evaluation = try classifier.evaluate(test)
      return (evaluation.loss, evaluation.accuracy)
    }
    try reconstruction!.load(state)
    var sum = 0.0
    try test.forEachBatch(epoch: 0) { batch, _ in
      sum += Double(try reconstruction!.run(["images": batch.images])[0].scalars[0])
      return true
    }
    return (sum / Double(max(1, test.batchCount)), nil)
  }

  private func average(_ decay: Double) {
    let now = program.program.state
    guard let last = checkpoint.average else {
      checkpoint.average = now
      return
    }
    // Early on, the mean forgets its start faster.
    let steps = Double(checkpoint.steps)
    let keep = Float(min(decay, (1 + steps) / (10 + steps)))
    checkpoint.average = StateDict(
      now.names.map { name in
        let mean = zip(last[name]!.scalars, now[name]!.scalars).map { $0 * keep + $1 * (1 - keep) }
        return (name, Tensor(mean, shape: now[name]!.shape))
      })
  }

  private func finishEpoch(_ rate: Double, _ start: ContinuousClock.Instant, images: Int) throws {
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let evaluation = try evaluate()
    let seen = Double(checkpoint.batch * options.batchSize)
    // What is best: the greatest accuracy, or the least loss.
    let score = evaluation.accuracy ?? -evaluation.loss
    let epoch = Epoch(
      epoch: checkpoint.epoch + 1, trainLoss: checkpoint.lossSum / Double(checkpoint.batch),
      trainAccuracy: classes > 0 ? Double(checkpoint.correct) / seen : nil, testLoss: evaluation.loss,
      testAccuracy: evaluation.accuracy, learningRate: rate, seconds: seconds,
      imagesPerSecond: Double(images) / seconds)
    history.append(epoch)
    checkpoint.epoch += 1
    (checkpoint.batch, checkpoint.lossSum, checkpoint.correct) = (0, 0, 0)
    let isBest = score > checkpoint.bestScore
    if isBest { (checkpoint.bestScore, checkpoint.bestEpoch) = (score, checkpoint.epoch) }
    guard let folder else { return }
    try save()
    if isBest { try Safetensors(state).write(to: "\(folder)/best.safetensors", replacing: true) }
    try writeLines(history, to: "\(folder)/metrics.jsonl")
    let curves = TrainingCurves(history)
    try writeFile(Array(curves.svg.utf8), to: "\(folder)/curves.svg", replacing: true)
    try curves.image.write(to: "\(folder)/curves.png", replacing: true)
  }

  private func save() throws {
    checkpoint.state = program.program.state
    checkpoint.memory = optimizer.memory
    checkpoint.runs = program.runs
    checkpoint.options = optionsText
    guard let folder else { return }
    try checkpoint.write(to: "\(folder)/checkpoint.safetensors", parameterNames: program.parameterNames)
    try Safetensors(state).write(to: "\(folder)/last.safetensors", replacing: true)
  }
}
