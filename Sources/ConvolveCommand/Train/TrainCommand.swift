import ArgumentParser
import Convolve
import Foundation

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a network on a folder of images: a classifier, an autoencoder or a DCGAN.",
    discussion: """
      The data: a folder of MNIST's or Fashion-MNIST's four files (plain or .gz), of
      CIFAR-10's binary files, of NumPy's arrays (train-images.npy, uint8 of [N, H, W] or
      [N, C, H, W], train-labels.npy, test-images.npy, test-labels.npy), or of images as
      train/CLASS/*.png and test/CLASS/*.png.

      The run folder: config.json, network.json, metrics.jsonl, curves.svg and
      curves.png, last.safetensors and best.safetensors (PyTorch's parameter names),
      and checkpoint.safetensors, from which --resume goes on to the same bits as if
      nothing had happened. Ctrl-C saves and exits with 130.

      Examples:
        convolve train --model lenet5 --data /usr/share/datasets/fashion-mnist --out run
        convolve train --model resnet18 --width 16 --data photos --epochs 30 --flip --crop 4
        convolve train --out run --resume
      """)

  @Option(help: "The network: \(TrainableNetwork.names.joined(separator: ", ")).")
  var model: TrainableNetwork = .classifier(.lenet5)

  @Flag(help: "Sobel-filters the images first: for an autoencoder that is to see shapes.")
  var sobel = false

  @Option(help: ArgumentHelp("The length of an autoencoder's codes.", valueName: "numbers"))
  var code = 64

  @Option(help: ArgumentHelp("Channels of a ResNet's first blocks.", valueName: "channels"))
  var width = 64

  @Option(
    help: ArgumentHelp("The folder of the data set; with --resume, the run's own.", valueName: "folder"))
  var data: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("The run folder.", valueName: "folder"))
  var out = "run"

  @Option var epochs = 10
  @Option(help: "Images in a step.") var batch = 64
  @Option(help: "sgd, adam, adamw or rmsprop.") var optimizer: TrainingOptions.Rule = .sgd
  @Option(help: "The learning rate.") var lr = 0.05
  @Option var momentum = 0.9
  @Option var weightDecay = 5e-4
  @Option(help: "constant, cosine, onecycle, or step:EPOCHS:GAMMA.") var schedule = "cosine"
  @Option(help: ArgumentHelp("Epochs over which the learning rate rises.", valueName: "epochs"))
  var warmup = 0.0
  @Option(help: "The part of a target that is spread over all classes.") var labelSmoothing = 0.0
  @Option(help: ArgumentHelp("The greatest length of all gradients together.", valueName: "length"))
  var clip: Double?
  @Option(help: ArgumentHelp("The weight of the past in a running mean of the weights.", valueName: "decay"))
  var average: Double?
  @Option(help: ArgumentHelp("Cuts images from a border of so many zeros.", valueName: "pixels")) var crop = 0
  @Flag(help: "Mirrors half of the images.") var flip = false
  @Option(help: ArgumentHelp("How often a part of an image is erased, 0 to 1.", valueName: "share"))
  var erase = 0.0
  @Option(help: ArgumentHelp("How far brightness, contrast and saturation vary.", valueName: "share"))
  var jitter = 0.0
  @Option(help: ArgumentHelp("Stops after so many epochs without a better accuracy.", valueName: "epochs"))
  var patience: Int?
  @Option(
    help: ArgumentHelp("Keeps a step's tensors below so much memory, computing some again.", valueName: "MiB")
  )
  var memoryLimit: Int?
  @Option var seed: UInt64 = 0
  @Option(help: "Threads; all processors otherwise.") var threads: Int?
  @Flag(help: "Goes on from the run folder's checkpoint.") var resume = false
  @Flag(help: "Replaces a run that is in the folder.") var force = false
  @Flag(help: "The epochs as JSON on standard output.") var json = false

  func validate() throws {
    if !resume, data == nil { throw ValidationError("Missing --data: the folder of the data set.") }
    if parsedSchedule == nil {
      throw ValidationError(
        "The schedule \"\(schedule)\": give constant, cosine, onecycle or step:EPOCHS:GAMMA.")
    }
    if let memoryLimit, !(1...1 << 20).contains(memoryLimit) {
      throw ValidationError("--memory-limit \(memoryLimit): give MiB, from 1 to \(1 << 20).")
    }
    if let threads, !(1...ThreadPool.maximumThreads).contains(threads) {
      throw ValidationError("\(threads) threads: give 1 to \(ThreadPool.maximumThreads).")
    }
  }

  private var parsedSchedule: Schedule? {
    let parts = schedule.split(separator: ":")
    switch parts.first {
    case "constant": return .constant
    case "cosine": return .cosine
    case "onecycle": return .oneCycle
    case "step":
      guard parts.count == 3, let epochs = Int(parts[1]), epochs > 0, let gamma = Double(parts[2]) else {
        return nil
      }
      return .step(epochs: epochs, gamma: gamma)
    default: return nil
    }
  }

  private var options: TrainingOptions {
    var options = TrainingOptions()
    options.epochs = epochs
    options.batchSize = batch
    options.optimizer = optimizer
    options.learningRate = lr
    options.momentum = momentum
    options.weightDecay = weightDecay
    options.schedule = parsedSchedule!
    options.warmupEpochs = warmup
    options.labelSmoothing = labelSmoothing
    options.clipNorm = clip
    options.averageDecay = average
    options.augmentation = Augmentation(cropPadding: crop, flips: flip, erasing: erase, jitter: jitter)
    options.patience = patience
    options.memoryLimit = memoryLimit.map { $0 << 20 }
    options.seed = seed
    return options
  }

  func run() throws {
    if let threads { ThreadPool.setSharedThreadCount(threads) }
    do {
      try train()
    } catch let error as ExitCode {
      throw error
    } catch {
      Terminal.error("\(error)")
      throw ExitCode(1)
    }
  }

  private func train() throws {
    var (options, model, width, path) = (self.options, self.model, self.width, data ?? "")
    if resume {
      let description = try RunDescription(folder: out)
      options = try JSONDecoder().decode(TrainingOptions.self, from: Data(try readFile("\(out)/config.json")))
      guard let known = TrainableNetwork(argument: description.model) else {
        throw TrainingError.invalid(
          "\(out)/network.json names the network \(description.model), which is not known")
      }
      (model, width) = (known, description.width)
      path = data ?? description.data
    }
    if !resume, !force {
      for name in ["network.json", "generator.safetensors"] where isReadable("\(out)/\(name)") {
        throw FileError(
          out, "holds a run already; go on with --resume, replace it with --force, or name another with --out"
        )
      }
    }
    var data = try DatasetFolder(path)
    if model == .dcgan { return try trainGAN(data) }
    var description = RunDescription(model: model, width: width, data: data, path: path)
    if model == .autoencoder {
      let saved = resume ? try RunDescription(folder: out) : nil
      let isFiltered = saved?.isSobelFiltered ?? sobel
      (description.isSobelFiltered, description.codeLength) = (isFiltered, saved?.codeLength ?? code)
      (description.mean, description.deviation) = ([0], [1])
      data = DatasetFolder(
        training: isFiltered ? SobelFiltered(data.training) : data.training,
        test: isFiltered ? SobelFiltered(data.test) : data.test, mean: [0], deviation: [1])
    }
    let network = try description.network()
    let trainer = try Trainer(
      network, for: model == .autoencoder ? .reconstruction : .classification, data: data, options: options,
      folder: out, resumes: resume)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    if !resume {
      try writeFile(Array(try encoder.encode(description)), to: "\(out)/network.json", replacing: true)
    }
    let parameters = trainer.state.names.reduce(0) { $0 + (trainer.state[$1]?.shape.count ?? 0) }
    if !json {
      Terminal.print(
        "\(model.name): \(parameters) parameters, \(data.training.count) training and \(data.test.count) test "
          + "images of \(data.training.imageShape), \(data.training.classNames.count) classes")
      Terminal.print(
        "a step's tensors: \(trainer.memory.peak >> 20) MiB shared, \(trainer.memory.sum >> 20) MiB apart")
    }
    let line = TrainingLine()
    Interruption.catchSignal()
    let outcome = try trainer.run(
      progress: { line.draw($0) },
      epoch: { epoch in
        line.clear()
        if !json { Terminal.print(Self.text(epoch, of: options.epochs)) }
      },
      isCancelled: { Interruption.isWanted })
    line.clear()
    if json { Terminal.print(jsonText(trainer.epochs)) }
    switch outcome {
    case .finished: break
    case .stoppedEarly:
      if !json { Terminal.print("stopped: no better accuracy in \(options.patience ?? 0) epochs") }
    case .interrupted:
      Terminal.note("interrupted; go on with: convolve train --out \(out) --resume")
      throw ExitCode(130)
    }
    if json { return }
    func score(_ epoch: Trainer.Epoch) -> Double { epoch.testAccuracy ?? -epoch.testLoss }
    guard let best = trainer.epochs.max(by: { score($0) < score($1) }) else { return }
    let text =
      best.testAccuracy.map { String(format: "%.2f %% of the test images", $0 * 100) }
      ?? String(format: "a test loss of %.5f", best.testLoss)
    Terminal.print("best: \(text), after epoch \(best.epoch); in \(out)")
  }

  private func trainGAN(_ data: DatasetFolder) throws {
    let shape = data.training.imageShape
    guard shape[1] == shape[2], shape[1] % 4 == 0 else {
      throw TrainingError.invalid(
        "a DCGAN of images of \(shape): they must be square, their side divisible by 4")
    }
    let trainer = try GANTrainer(
      DCGAN(imageShape: shape, width: width), images: data.training, batchSize: batch, learningRate: lr,
      seed: seed, folder: out, resumes: resume)
    let bar = TrainingLine()
    Interruption.catchSignal()
    let isFinished = try trainer.run(
      epochs: epochs, progress: { bar.draw(batch: $0, of: $1, discriminator: $2, generator: $3) },
      epoch: { epoch in
        bar.clear()
        if json { return }
        Terminal.print(
          String(
            format: "epoch %d/%d  discriminator %.4f  generator %.4f  %.0f images/s  %.1f s", epoch.epoch,
            epochs,
            epoch.discriminatorLoss, epoch.generatorLoss, epoch.imagesPerSecond, epoch.seconds))
      }, isCancelled: { Interruption.isWanted })
    bar.clear()
    if json { Terminal.print(jsonText(trainer.epochs)) }
    if !isFinished {
      Terminal.note("interrupted; go on with the same command and --resume")
      throw ExitCode(130)
    }
    if !json { Terminal.print("samples in \(out)/samples-\(epochs).png") }
  }

  private static func text(_ e: Trainer.Epoch, of epochs: Int) -> String {
    func accuracy(_ name: String, _ value: Double?) -> String {
      value.map { String(format: "  \(name)accuracy %.2f %%", $0 * 100) } ?? ""
    }
    return String(format: "epoch %d/%d  loss %.4f", e.epoch, epochs, e.trainLoss)
      + accuracy("", e.trainAccuracy) + String(format: "  test loss %.4f", e.testLoss)
      + accuracy("test ", e.testAccuracy)
      + String(format: "  %.0f images/s  %.1f s", e.imagesPerSecond, e.seconds)
  }
}

extension TrainingOptions.Rule: ExpressibleByArgument {}
