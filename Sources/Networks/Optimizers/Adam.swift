import RealModule
import Tensors

/// Adam, and AdamW where the weight decay is decoupled.
///
/// m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2;
/// p -= learningRate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
/// - Source: D. P. Kingma, J. Ba (2015); I. Loshchilov, F. Hutter, "Decoupled weight decay regularization" (2019);
///   PyTorch `torch.optim.Adam` and `AdamW`.
public struct Adam: Optimizer {
  public var learningRate: Double
  public var betas: (Double, Double)
  public var epsilon: Double
  public var weightDecay: Double
  /// Decay shrinks the parameters themselves (AdamW) instead of being added to the gradients.
  public var decoupledWeightDecay: Bool
  private var memory = Memory()
  private var steps = 0

  public init(
    learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0, decoupledWeightDecay: Bool = false
  ) {
    self.learningRate = learningRate
    self.betas = betas
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.decoupledWeightDecay = decoupledWeightDecay
  }

  public mutating func step<Scalar: FloatingScalar>(
    _ parameters: inout [Tensor<Scalar>], gradients: [Tensor<Scalar>]
  ) {
    steps += 1
    let (rate, decay, epsilon, decoupled) = (learningRate, weightDecay, epsilon, decoupledWeightDecay)
    let (beta1, beta2) = betas
    let (correction1, correction2) = (1 - Double.pow(beta1, steps), 1 - Double.pow(beta2, steps))
    memory.update(&parameters, gradients) { p, gradient, moments in
      let g = decoupled ? gradient : gradient + decay * p
      moments.x = beta1 * moments.x + (1 - beta1) * g
      moments.y = beta2 * moments.y + (1 - beta2) * g * g
      let shrunk = decoupled ? p * (1 - rate * decay) : p
      return shrunk - rate * moments.x / correction1 / ((moments.y / correction2).squareRoot() + epsilon)
    }
  }
}
