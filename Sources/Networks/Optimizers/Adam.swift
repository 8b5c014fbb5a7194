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
    memory.update(
      &parameters, gradients, slots: 2,
      Rule(
        decay: decoupledWeightDecay ? 0 : Scalar(weightDecay),
        kept: decoupledWeightDecay ? Scalar(1 - learningRate * weightDecay) : 1, beta1: Scalar(betas.0),
        beta2: Scalar(betas.1), rest1: Scalar(1 - betas.0), rest2: Scalar(1 - betas.1),
        rate: Scalar(learningRate / (1 - Double.pow(betas.0, steps))),
        correction: Scalar((1 - Double.pow(betas.1, steps)).squareRoot()), epsilon: Scalar(epsilon)))
  }

  private struct Rule<Scalar: FloatingScalar>: UpdateRule {
    let decay: Scalar
    let kept: Scalar
    let beta1: Scalar
    let beta2: Scalar
    let rest1: Scalar
    let rest2: Scalar
    let rate: Scalar
    let correction: Scalar
    let epsilon: Scalar

    @inline(__always)
    func callAsFunction(_ p: inout Scalar, _ gradient: Scalar, _ m: inout Scalar, _ v: inout Scalar) {
      let g = gradient + decay * p
      m = beta1 * m + rest1 * g
      v = beta2 * v + rest2 * g * g
      p = p * kept - rate * m / (v.squareRoot() / correction + epsilon)
    }
  }
}
