/// What a planned convolution does to its outputs before they leave the caches.
///
/// A batch norm of inference is folded into the weights instead: ``RunningStatistics/folded(intoWeight:bias:scale:shift:epsilon:)``.
public struct Epilogue: Sendable, Hashable {
  /// Max pooling of planes, of windows that are two outputs apart.
  public enum MaxPooling: Sendable, Hashable, CaseIterable {
    /// PyTorch's `max_pool2d(x, 2)`.
    case window2
    /// PyTorch's `max_pool2d(x, 3, stride=2, padding=1)`.
    case window3

    /// The same as an operator.
    public var options: PoolingGeometry.Options {
      switch self {
      case .window2: .init(kernel: [2])
      case .window3: .init(kernel: [3], stride: [2], padding: .symmetric(1))
      }
    }

    /// What some windows are, where they are one of these.
    package init?(_ geometry: PoolingGeometry) {
      let found = Self.allCases.first {
        geometry.rank == 2
          && geometry
            == (try? PoolingGeometry(
              input: [geometry.batch, geometry.channels, geometry.input[1], geometry.input[2]], $0.options))
      }
      guard let found else { return nil }
      self = found
    }

    /// Windows along so many outputs.
    func count(_ outputs: Int) -> Int { self == .window2 ? outputs / 2 : (outputs + 1) / 2 }
  }

  /// Applied after the bias, and after the residual where one is given.
  public var activation: Activation?
  /// The maximums that are put out instead. An activation that never falls may be applied to the maximum alone, which is the same
  /// but for the function's rounding.
  public var maxPooling: MaxPooling?

  public init(activation: Activation? = nil, maxPooling: MaxPooling? = nil) {
    self.activation = activation
    self.maxPooling = maxPooling
  }
}
