import Datasets
import Networks

/// How a classifier is trained.
public struct TrainingOptions: Sendable, Codable, Hashable {
  public enum Rule: String, Sendable, Codable, CaseIterable {
    case sgd, adam, adamw, rmsprop
  }

  public var epochs = 10
  public var batchSize = 64
  public var optimizer = Rule.sgd
  public var learningRate = 0.05
  /// Of SGD and RMSprop.
  public var momentum = 0.9
  public var nesterov = false
  public var weightDecay = 5e-4
  public var schedule = Schedule.cosine
  public var warmupEpochs = 0.0
  /// The part of a target that is spread over all classes.
  public var labelSmoothing = 0.0
  /// The greatest length of all gradients together; no limit where nil.
  public var clipNorm: Double?
  /// The weight of the past in a running mean of the weights, which is what is evaluated and kept; none where nil.
  public var averageDecay: Double?
  public var augmentation = Augmentation()
  /// Epochs without a better test accuracy after which it stops; never where nil.
  public var patience: Int?
  /// Bytes that the tensors of a step may share; above it, cheap ones are computed again in the backward pass. No limit
  /// where nil.
  public var memoryLimit: Int?
  /// Of the weights' start, of the order of images, of augmentation and dropout.
  public var seed: UInt64 = 0

  public init() {}

  /// - Throws: ``TrainingError`` for a number that makes no sense.
  func validate() throws(TrainingError) {
    func require(_ condition: Bool, _ message: String) throws(TrainingError) {
      if !condition { throw .invalid(message) }
    }
    try require(epochs > 0, "\(epochs) epochs: train for at least 1")
    try require(batchSize > 0, "a batch size of \(batchSize): it must be at least 1")
    try require(
      learningRate > 0 && learningRate.isFinite, "a learning rate of \(learningRate): it must be above 0")
    try require((0..<1).contains(momentum), "a momentum of \(momentum): it must be from 0 to below 1")
    try require(weightDecay >= 0, "a weight decay of \(weightDecay): it must not be negative")
    try require(
      (0..<1).contains(labelSmoothing), "a label smoothing of \(labelSmoothing): it must be from 0 to below 1"
    )
    try require(warmupEpochs >= 0, "a warm-up of \(warmupEpochs) epochs: it must not be negative")
    try require(clipNorm ?? 1 > 0, "gradients clipped to \(clipNorm ?? 0): the limit must be above 0")
    try require(
      averageDecay.map { (0..<1).contains($0) } ?? true, "an average's decay must be from 0 to below 1")
  }

  func makeOptimizer() -> any Optimizer {
    switch optimizer {
    case .sgd:
      SGD(learningRate: learningRate, momentum: momentum, weightDecay: weightDecay, nesterov: nesterov)
    case .adam: Adam(learningRate: learningRate, weightDecay: weightDecay)
    case .adamw: Adam(learningRate: learningRate, weightDecay: weightDecay, decoupledWeightDecay: true)
    case .rmsprop: RMSprop(learningRate: learningRate, weightDecay: weightDecay, momentum: momentum)
    }
  }
}

/// Why a training cannot start or go on.
public enum TrainingError: Error, CustomStringConvertible {
  case invalid(String)
  /// The loss is not a number any more, or has exploded.
  case diverged(epoch: Int, step: Int, loss: Float, learningRate: Double)
  /// A checkpoint that does not belong to this training.
  case mismatch(String)

  public var description: String {
    switch self {
    case .invalid(let message), .mismatch(let message): message
    case .diverged(let epoch, let step, let loss, let rate):
      "the loss became \(loss) at step \(step) of epoch \(epoch), with a learning rate of \(rate): lower the learning "
        + "rate (by ten, to begin with), add a warm-up, or clip gradients; the last checkpoint is from before"
    }
  }
}
