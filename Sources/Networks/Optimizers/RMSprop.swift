import Tensors

/// Gradients divided by a running root mean square of themselves.
///
/// v = alpha * v + (1 - alpha) * g^2; b = momentum * b + g / (sqrt(v) + eps); p -= learningRate * b
/// - Source: T. Tieleman, G. Hinton, lecture 6.5 (2012); PyTorch `torch.optim.RMSprop`.
public struct RMSprop: Optimizer {
  public var learningRate: Double
  public var alpha: Double
  public var epsilon: Double
  public var weightDecay: Double
  public var momentum: Double
  public var memory = OptimizerMemory()

  public init(
    learningRate: Double = 0.01, alpha: Double = 0.99, epsilon: Double = 1e-8, weightDecay: Double = 0,
    momentum: Double = 0
  ) {
    self.learningRate = learningRate
    self.alpha = alpha
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.momentum = momentum
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public mutating func step<Scalar: FloatingScalar>(
    _ parameters: inout [Tensor<Scalar>], gradients: [Tensor<Scalar>]
  ) {
    memory.update(
      &parameters, gradients, slots: 2,
      Rule(
        rate: Scalar(learningRate), alpha: Scalar(alpha), rest: Scalar(1 - alpha), epsilon: Scalar(epsilon),
        decay: Scalar(weightDecay), momentum: Scalar(momentum)))
  }

  private struct Rule<Scalar: FloatingScalar>: UpdateRule {
    let rate: Scalar
    let alpha: Scalar
    let rest: Scalar
    let epsilon: Scalar
    let decay: Scalar
    let momentum: Scalar

    @inline(__always)
    func callAsFunction(_ p: inout Scalar, _ gradient: Scalar, _ v: inout Scalar, _ b: inout Scalar) {
      let g = gradient + decay * p
      v = alpha * v + rest * g * g
      b = momentum * b + g / (v.squareRoot() + epsilon)
      p -= rate * b
    }
  }
}
