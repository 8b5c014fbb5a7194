import Convolve

/// One layer's speed beside the machine's limits.
struct LayerMeasurement: Encodable {
  let layer: String
  let threads: Int
  let batch: Int
  let algorithm: String
  let milliseconds: Double
  /// Billions of operations a second, counted by the definition, so that transforms can pass the roof.
  let rate: Double
  /// Operations for each byte of input, weights and output.
  let intensity: Double
  /// Of the most that the machine can do at this intensity.
  let percentOfRoof: Double
  let percentOfPeak: Double
  let weightBytes: Int
  let workspaceBytes: Int
  /// Rates of a forward call that packs its weights, as in training, and of the two gradients.
  var packing: Double?
  var inputGradient: Double?
  var weightGradient: Double?
  /// Reckoned cycles of every algorithm that has an answer, for one sample's group.
  var estimates: [String: Double]?

  /// What is measured, and how.
  struct Settings {
    var batch = 1
    var seconds = 0.2
    var errorBudget = ConvolutionPlan.ErrorBudget.default
    var algorithm: ConvolutionPlan.Algorithm?
    var measuresGradients = false
    var explains = false
  }

  init(
    _ layer: BenchLayer, _ settings: Settings, _ limits: MachineLimits, tuning: inout ConvolutionTuning?
  ) throws {
    var generator = SeededGenerator(seed: 1)
    let geometry = try layer.geometry(batch: settings.batch)
    let weight = Tensor<Float>.random(in: -1...1, shape: layer.weight, using: &generator)
    let options = ConvolutionPlan.Options(errorBudget: settings.errorBudget, algorithm: settings.algorithm)
    let plan =
      layer.isTransposed
      ? try ConvolutionPlan(transposing: geometry, weight: weight, options: options)
      : settings.algorithm == nil && tuning != nil
        ? try tuning!.plan(geometry, weight: weight, errorBudget: settings.errorBudget)
        : try ConvolutionPlan(geometry, weight: weight, options: options)
    let x = Tensor<Float>.random(in: -1...1, shape: plan.inputShape, using: &generator)
    var y = try plan(x)
    let operations = try layer.gigaflops() * Double(settings.batch)
    func measured(_ body: () throws -> Void) throws -> Double {
      operations / (try medianTime(seconds: settings.seconds, body))
    }
    let rate = try measured { try plan(x, into: &y) }
    self.layer = layer.name
    threads = limits.threads
    batch = settings.batch
    algorithm = plan.algorithm.rawValue
    milliseconds = operations / rate * 1e3
    self.rate = rate
    intensity = operations * 1e9 / (try layer.bytes(batch: settings.batch))
    percentOfRoof = 100 * rate / limits.roof(intensity: intensity)
    percentOfPeak = 100 * rate / limits.peak
    (weightBytes, workspaceBytes) = (plan.weightBytes, plan.workspaceBytes)
    if settings.explains, !layer.isTransposed {
      estimates = Dictionary(
        uniqueKeysWithValues: ConvolutionPlan.estimatedCycles(geometry, errorBudget: settings.errorBudget).map
        {
          ($0.algorithm.rawValue, $0.cycles.rounded())
        })
    }
    guard settings.measuresGradients, !layer.isTransposed else { return }
    let upstream = Tensor<Float>.random(in: -1...1, shape: plan.outputShape, using: &generator)
    let budget = settings.errorBudget
    packing = try measured { _ = try conv(x, weight: weight, layer.options, errorBudget: budget) }
    inputGradient = try measured {
      _ = try convInputGradient(
        upstream: upstream, weight: weight, inputShape: x.shape, layer.options, errorBudget: budget)
    }
    weightGradient = try measured {
      _ = try convWeightGradient(upstream: upstream, input: x, weightShape: weight.shape, layer.options)
    }
  }
}
