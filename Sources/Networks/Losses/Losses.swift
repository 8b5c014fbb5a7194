import Convolution
import RealModule
import Tensors

/// How the losses of a batch become one number.
public enum Reduction: Sendable, Hashable {
  /// Their mean (weighted by the targets' class weights, where there are any).
  case mean
  case sum
}

/// A loss and its gradient with respect to the network's output.
public struct LossGradient<Scalar: FloatingScalar>: Sendable {
  public let loss: Scalar
  public let gradient: Tensor<Scalar>
}

/// The cross-entropy between predicted and true classes.
///
/// loss[n] = -weight[t] * ((1 - s) * logp[t] + s / C * sum over c of weight[c] / weight[t] * logp[c]), with
/// logp = log softmax of the logits, t the target and s the smoothing.
/// - Parameters:
///   - logits: `[N, C, ...]`
///   - targets: `[N, ...]`, class numbers.
///   - labelSmoothing: the part of a target that is spread over all classes, 0 to 1.
///   - classWeights: `[C]`, ones where nil.
///   - reduction: mean or sum.
/// - Throws: `GeometryError` for shapes that do not fit, and a target that is no class.
/// - Source: PyTorch `cross_entropy`.
public func crossEntropy<Scalar: FloatingScalar>(
  _ logits: Tensor<Scalar>, targets: Tensor<Int64>, labelSmoothing: Double = 0, classWeights: [Double]? = nil,
  reduction: Reduction = .mean
) throws(GeometryError) -> LossGradient<Scalar> {
  guard logits.shape.rank >= 2 else {
    throw .invalid("logits of shape \(logits.shape): they must be [N, C, ...]")
  }
  let (n, classes) = (logits.shape[0], logits.shape[1])
  let places = logits.shape.dimensions[2...].reduce(1, *)
  guard targets.shape == Shape([n] + logits.shape.dimensions[2...]) else {
    throw .invalid("targets of shape \(targets.shape) for logits of \(logits.shape): they must be [N, ...]")
  }
  guard (0...1).contains(labelSmoothing) else {
    throw .invalid("a label smoothing of \(labelSmoothing): it must be from 0 to 1")
  }
  guard classWeights.map({ $0.count == classes }) ?? true else {
    throw .invalid("\(classWeights!.count) class weights for \(classes) classes")
  }
  if let wrong = targets.scalars.first(where: { $0 < 0 || $0 >= classes }) {
    throw .outOfRange("target", Int(wrong), "from 0 to below \(classes), the number of classes")
  }
  let logp = try logSoftmax(logits, axis: 1).scalars
  let weights = classWeights ?? [Double](repeating: 1, count: classes)
  let spread = labelSmoothing / Double(classes)
  let classTargets = targets.scalars
  var (loss, total) = (0.0, 0.0)
  var gradient = [Double](repeating: 0, count: logp.count)
  for (i, target) in classTargets.enumerated() {
    let start = i / places * classes * places + i % places
    let target = Int(target)
    total += weights[target]
    // The weight of each class in this sample's loss.
    var shares = weights.map { $0 * spread }
    shares[target] += weights[target] * (1 - labelSmoothing)
    let sum = shares.reduce(0, +)
    for (c, share) in shares.enumerated() {
      let log = Double(logp[start + c * places])
      if share != 0 { loss -= share * log }
      gradient[start + c * places] = Double.exp(log) * sum - share
    }
  }
  let divisor = reduction == .mean ? total : 1
  return LossGradient(
    loss: Scalar(loss / divisor), gradient: Tensor(gradient.map { Scalar($0 / divisor) }, shape: logits.shape)
  )
}

/// The squared difference: (x - target)^2.
/// - Parameters:
///   - prediction: of any shape.
///   - target: of the same shape.
///   - reduction: mean or sum.
/// - Throws: `GeometryError` where the shapes differ.
/// - Source: PyTorch `mse_loss`.
public func meanSquaredError<Scalar: FloatingScalar>(
  _ prediction: Tensor<Scalar>, target: Tensor<Scalar>, reduction: Reduction = .mean
) throws(GeometryError) -> LossGradient<Scalar> {
  try elementwise(prediction, target, reduction) { x, t in ((x - t) * (x - t), 2 * (x - t)) }
}

/// The binary cross-entropy of sigmoid(x): max(x, 0) - x * target + log(1 + e^-|x|).
/// - Parameters:
///   - logits: of any shape.
///   - target: of the same shape, 0 to 1.
///   - reduction: mean or sum.
/// - Throws: `GeometryError` where the shapes differ.
/// - Source: PyTorch `binary_cross_entropy_with_logits`.
public func binaryCrossEntropy<Scalar: FloatingScalar>(
  logits: Tensor<Scalar>, target: Tensor<Scalar>, reduction: Reduction = .mean
) throws(GeometryError) -> LossGradient<Scalar> {
  try elementwise(logits, target, reduction) { x, t in
    (max(x, 0) - x * t + Double.log(onePlus: Double.exp(-abs(x))), 1 / (1 + Double.exp(-x)) - t)
  }
}

private func elementwise<Scalar: FloatingScalar>(
  _ x: Tensor<Scalar>, _ target: Tensor<Scalar>, _ reduction: Reduction,
  _ body: (Double, Double) -> (loss: Double, slope: Double)
) throws(GeometryError) -> LossGradient<Scalar> {
  guard x.shape == target.shape else {
    throw .invalid("a target of shape \(target.shape) for a prediction of \(x.shape): they must be equal")
  }
  let divisor = reduction == .mean ? Double(x.shape.count) : 1
  var loss = 0.0
  let gradient = zip(x.scalars, target.scalars).map { x, t in
    let (value, slope) = body(Double(x), Double(t))
    loss += value
    return Scalar(slope / divisor)
  }
  return LossGradient(loss: Scalar(loss / divisor), gradient: Tensor(gradient, shape: x.shape))
}
