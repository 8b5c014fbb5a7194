/// What a planned convolution does to its outputs before they leave the caches.
///
/// A batch norm of inference is folded into the weights instead: ``RunningStatistics/folded(intoWeight:bias:scale:shift:epsilon:)``.
public struct Epilogue: Sendable, Hashable {
  /// Applied after the bias, and after the residual where one is given.
  public var activation: Activation?
  /// Whether the maximum of every 2x2 outputs, 2 apart, is put out instead: PyTorch's `max_pool2d(x, 2)`. An activation that
  /// never falls is applied to the maximum alone, which is the same but for the function's rounding.
  public var maxPools: Bool

  public init(activation: Activation? = nil, maxPools: Bool = false) {
    self.activation = activation
    self.maxPools = maxPools
  }
}
