import Convolution

/// What a person asks of a filter, beside its kernels.
public struct FilterRequest: Sendable {
  /// What the results become.
  public enum Range: String, Sendable, CaseIterable {
    /// Chosen by the kernels, and said: see ``Image/filtered(_:)``.
    case auto
    /// Cut off below black and above white.
    case clamp
    /// Without their sign, then cut off.
    case abs
    /// Stretched so that the least becomes black and the greatest white.
    case minmax
    /// Blue below zero, white at zero, red above it; the greatest magnitude is the deepest colour.
    case signed
    /// float32 in the input's own units, not rounded and not cut off.
    case raw
  }

  /// Which channels are filtered.
  public enum Channels: Sendable, Equatable {
    case all
    /// The image becomes grey first.
    case luma
    /// Only these of red (0), green (1) and blue (2); the others stay as they are.
    case some(Set<Int>)
  }

  /// In order; as correlation uses them.
  public var banks: [KernelBank]
  /// What stands beyond the edges. A constant is in the input's own units.
  public var border: PaddingMode
  /// Only pixels whose window lies inside the image: the result is smaller.
  public var isValid: Bool
  public var channels: Channels
  public var range: Range
  /// Added to every result, in the input's own units.
  public var bias: Double
  /// Whether light is filtered instead of sRGB's encoded values.
  public var isLinearLight: Bool
  /// Forces a method where the kernel allows it.
  public var method: LinearPlan.Method?

  public init(
    banks: [KernelBank], border: PaddingMode = .reflect, isValid: Bool = false, channels: Channels = .all,
    range: Range = .auto, bias: Double = 0, isLinearLight: Bool = false, method: LinearPlan.Method? = nil
  ) {
    self.banks = banks
    self.border = border
    self.isValid = isValid
    self.channels = channels
    self.range = range
    self.bias = bias
    self.isLinearLight = isLinearLight
    self.method = method
  }
}

/// Why an image cannot be filtered as asked.
public enum FilterError: Error, Equatable, CustomStringConvertible {
  case noSuchChannel(Int, channels: Int)
  case kernelLargerThanImage(kernel: String, image: String)
  case notFinite(count: Int)

  public var description: String {
    switch self {
    case .noSuchChannel(let channel, let channels):
      let names = ["red", "green", "blue"]
      return
        "there is no \(names[channel]) channel in an image of \(channels == 1 ? "grey" : "\(channels) channels"); "
        + "use --channels all"
    case .kernelLargerThanImage(let kernel, let image):
      return "the kernels reach over \(kernel) pixels, so an image of \(image) has no valid output; "
        + "use another --border, or a smaller kernel"
    case .notFinite(let count):
      return "\(count) results are NaN or infinite, as samples of the input are; clean the input, "
        + "or keep them with --range raw"
    }
  }
}
