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
  private var memory = Memory()
  private var steps = 0

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

  public mutating func step<Scalar: FloatingScalar>(
    _ parameters: inout [Tensor<Scalar>], gradients: [Tensor<Scalar>]
  ) {
    steps += 1
    let (isFirst, rate, momentum, dampening) = (steps == 1, learningRate, momentum, dampening)
    let (decay, nesterov) = (weightDecay, nesterov)
    memory.update(&parameters, gradients) { p, gradient, v in
      let g = gradient + decay * p
      if momentum == 0 { return p - rate * g }
      v.x = isFirst ? g : momentum * v.x + (1 - dampening) * g
      return p - rate * (nesterov ? g + momentum * v.x : v.x)
    }
  }
}
