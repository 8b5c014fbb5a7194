import Tensors

/// Stochastic gradient descent.
///
/// g = gradient + weightDecay * p; v = momentum * v + (1 - dampening) * g (v = g at the first step);
/// p -= learningRate * (v, or g + momentum * v with Nesterov's rule, or g without momentum)
/// - Source: PyTorch `torch.optim.SGD`.
public struct SGD: Optimizer {
  public var learningRate: Double
  public var momentum: Double
  public var dampening: Double
  public var weightDecay: Double
  public var nesterov: Bool
  public var memory = OptimizerMemory()

  public init(
    learningRate: Double, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false
  ) {
    self.learningRate = learningRate
    self.momentum = momentum
    self.dampening = dampening
    self.weightDecay = weightDecay
    self.nesterov = nesterov
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public mutating func step<Scalar: FloatingScalar>(
    _ parameters: inout [Tensor<Scalar>], gradients: [Tensor<Scalar>]
  ) {
    // The first step's v is g itself: v is 0, and nothing is dampened.
    memory.update(
      &parameters, gradients, slots: momentum == 0 ? 0 : 1,
      Rule(
        rate: Scalar(learningRate), decay: Scalar(weightDecay), momentum: Scalar(momentum),
        kept: Scalar(memory.steps == 0 ? 1 : 1 - dampening), ownPart: nesterov || momentum == 0 ? 1 : 0,
        momentumPart: momentum == 0 ? 0 : nesterov ? Scalar(momentum) : 1))
  }

  private struct Rule<Scalar: FloatingScalar>: UpdateRule {
    let rate: Scalar
    let decay: Scalar
    let momentum: Scalar
    let kept: Scalar
    /// Parts of g and of v in the step.
    let ownPart: Scalar
    let momentumPart: Scalar

    @inline(__always)
    func callAsFunction(_ p: inout Scalar, _ gradient: Scalar, _ v: inout Scalar, _: inout Scalar) {
      let g = gradient + decay * p
      v = momentum * v + kept * g
      p -= rate * (ownPart * g + momentumPart * v)
    }
  }
}
