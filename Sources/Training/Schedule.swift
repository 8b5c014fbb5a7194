import Foundation

/// The learning rate over a training, as a factor of the one that was asked for.
public enum Schedule: Sendable, Hashable, Codable {
  case constant
  /// Times gamma after every `epochs`. PyTorch's `StepLR`.
  case step(epochs: Int, gamma: Double)
  /// Half a cosine from 1 to 0. PyTorch's `CosineAnnealingLR`.
  case cosine
  /// Up to 1 from 1/25 over the first 30 %, by half a cosine, then down to 1/250,000. PyTorch's `OneCycleLR`.
  case oneCycle

  /// - Parameters:
  ///   - step: steps taken, from 0.
  ///   - stepsPerEpoch: steps of an epoch.
  ///   - epochs: of the whole training.
  ///   - warmupEpochs: over which the factor rises from 0 in a line, before anything else.
  public func factor(step: Int, stepsPerEpoch: Int, epochs: Int, warmupEpochs: Double = 0) -> Double {
    let total = Double(max(1, stepsPerEpoch * epochs))
    let warmup = warmupEpochs * Double(stepsPerEpoch)
    if Double(step) < warmup { return (Double(step) + 1) / warmup }
    let done = (Double(step) - warmup) / max(1, total - warmup)
    func between(_ a: Double, _ b: Double, _ t: Double) -> Double { b + (a - b) * (1 + cos(.pi * t)) / 2 }
    switch self {
    case .constant: return 1
    case .step(let epochs, let gamma):
      return pow(gamma, Double(step / max(1, stepsPerEpoch) / max(1, epochs)))
    case .cosine: return between(1, 0, done)
    case .oneCycle:
      return done < 0.3 ? between(1 / 25, 1, done / 0.3) : between(1, 1 / 250_000, (done - 0.3) / 0.7)
    }
  }
}
