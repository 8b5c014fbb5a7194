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
  public var memory = OptimizerMemory()

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

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public mutating func step<Scalar: FloatingScalar>(
    _ parameters: inout [Tensor<Scalar>], gradients: [Tensor<Scalar>]
  ) {
    let steps = memory.steps + 1
    let (decay, decoupled) = (Scalar(weightDecay), decoupledWeightDecay)
    let (beta1, beta2, epsilon) = (Scalar(betas.0), Scalar(betas.1), Scalar(epsilon))
    let (rest1, rest2) = (Scalar(1 - betas.0), Scalar(1 - betas.1))
    let rate = Scalar(learningRate / (1 - Double.pow(betas.0, steps)))
    let correction = Scalar((1 - Double.pow(betas.1, steps)).squareRoot())
    let shrink = Scalar(1 - learningRate * weightDecay)
    memory.update(&parameters, gradients, slots: 2) { p, gradient, m, v in
      let g = decoupled ? gradient : gradient + decay * p
      m = beta1 * m + rest1 * g
      v = beta2 * v + rest2 * g * g
      p = (decoupled ? p * shrink : p) - rate * m / (v.squareRoot() / correction + epsilon)
    }
  }
}
