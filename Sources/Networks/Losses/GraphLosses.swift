import Convolution
import Tensors

// Losses as graph: from values, to one number. Those of the same names over tensors are the definitions.

extension Value {
  private func reduced(_ reduction: Reduction) throws(GraphError) -> Value {
    try (reduction == .mean ? mean() : sum()).reshaped([])
  }

  /// The cross-entropy between these logits, `[N, C, ...]`, and true classes.
  /// - Parameters:
  ///   - targets: `[N, ...]`, class numbers; a number that is no class counts for nothing.
  ///   - labelSmoothing: the part of a target that is spread over all classes, 0 to 1.
  ///   - classWeights: `[C]`, ones where nil.
  /// - Source: PyTorch `cross_entropy` with the reduction `mean`.
  public func crossEntropy(
    _ targets: Value, labelSmoothing: Double = 0, classWeights: [Double]? = nil
  ) throws(GraphError) -> Value {
    guard shape.rank >= 2, targets.shape == Shape([shape[0]] + shape.dimensions[2...]) else {
      throw GraphError(
        "targets of shape \(targets.shape) for logits of \(shape): they must be [N, ...] and [N, C, ...]")
    }
    guard (0...1).contains(labelSmoothing) else {
      throw GraphError("a label smoothing of \(labelSmoothing): it must be from 0 to 1")
    }
    let classes = shape[1]
    let logp = try logSoftmax(axis: 1)
    var target = try targets.apply(Operators.OneHot(classes: classes))
    guard let classWeights else {
      let total = try target.sum().reshaped([])
      if labelSmoothing > 0 {
        // Of samples that have a class.
        let spread = try target.sum(axes: [1]).scaled(by: labelSmoothing / Double(classes)).broadcast(
          to: shape)
        target = try target.scaled(by: 1 - labelSmoothing) + spread
      }
      return try (target * logp).sum().reshaped([]).scaled(by: -1) / total
    }
    guard classWeights.count == classes else {
      throw GraphError("\(classWeights.count) class weights for \(classes) classes")
    }
    let weights = graph.constant(
      Tensor(
        classWeights.map { Float($0) },
        shape: Shape([1, classes] + [Int](repeating: 1, count: shape.rank - 2))))
    let own = try target * weights
    let total = try own.sum().reshaped([])
    var shares = try own.scaled(by: 1 - labelSmoothing)
    if labelSmoothing > 0 {
      shares = try shares + target.sum(axes: [1]) * weights.scaled(by: labelSmoothing / Double(classes))
    }
    return try (shares * logp).sum().reshaped([]).scaled(by: -1) / total
  }

  /// The squared difference: (x - target)^2. PyTorch `mse_loss`.
  public func meanSquaredError(_ target: Value, reduction: Reduction = .mean) throws(GraphError) -> Value {
    let difference = try self - target
    return try (difference * difference).reduced(reduction)
  }

  /// |x - target|. PyTorch `l1_loss`.
  public func l1Loss(_ target: Value, reduction: Reduction = .mean) throws(GraphError) -> Value {
    try (self - target).abs().reduced(reduction)
  }

  /// d^2 / 2 where |d| is at most delta, delta * (|d| - delta / 2) elsewhere, d = x - target. PyTorch `huber_loss`.
  public func huberLoss(_ target: Value, delta: Double = 1, reduction: Reduction = .mean) throws(GraphError)
    -> Value
  {
    // With c = min(|d|, delta): c * (|d| - c / 2).
    let size = try (self - target).abs()
    let clipped = try size - size.scaled(by: 1, adding: -delta).activated(.relu)
    return try (clipped * (size - clipped.scaled(by: 0.5))).reduced(reduction)
  }

  /// The binary cross-entropy of sigmoid(x): max(x, 0) - x * target + log(1 + e^-|x|).
  /// PyTorch `binary_cross_entropy_with_logits`.
  public func binaryCrossEntropy(_ target: Value, reduction: Reduction = .mean) throws(GraphError) -> Value {
    try (activated(.softplus) - self * target).reduced(reduction)
  }

  /// target * (log target - x), x being the logarithm of probabilities; 0 where the target is 0. PyTorch `kl_div`.
  /// - Parameters:
  ///   - target: probabilities, all above 0.
  ///   - reduction: mean or sum.
  public func klDivergence(_ target: Value, reduction: Reduction = .mean) throws(GraphError) -> Value {
    try (target * (target.log() - self)).reduced(reduction)
  }
}
