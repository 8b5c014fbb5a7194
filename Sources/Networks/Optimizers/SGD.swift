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
    let (isFirst, rate, momentum) = (memory.steps == 0, Scalar(learningRate), Scalar(momentum))
    let (kept, decay, nesterov) = (Scalar(1 - dampening), Scalar(weightDecay), nesterov)
    if momentum == 0 {
      memory.update(&parameters, gradients, slots: 0) { p, gradient, _, _ in p -= rate * (gradient + decay * p) }
      return
    }
    memory.update(&parameters, gradients, slots: 1) { p, gradient, v, _ in
      let g = gradient + decay * p
      v = isFirst ? g : momentum * v + kept * g
      p -= rate * (nesterov ? g + momentum * v : v)
    }
  }
}
