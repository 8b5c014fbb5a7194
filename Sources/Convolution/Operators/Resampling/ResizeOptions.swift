/// How the samples of a resized tensor are found.
public struct ResizeOptions: Sendable, Hashable {
  public enum Interpolation: Sendable, Hashable {
    case nearest(Rounding)
    case linear
    /// With the parameter a of R. G. Keys' kernel (1981): -0.75 in PyTorch, ONNX and OpenCV, -0.5 in TensorFlow
    /// and Pillow.
    case cubic(a: Double)
  }

  /// To which of its two neighbours a coordinate goes.
  public enum Rounding: Sendable, Hashable {
    case floor
    case ceil
    /// Halves go down.
    case preferFloor
    /// Halves go up.
    case preferCeil
  }

  /// Where output i of `out` lies among the inputs, with scale = out / in unless scales are given.
  public enum Coordinates: Sendable, Hashable {
    /// (i + 0.5) / scale - 0.5: samples are areas.
    case halfPixel
    /// Half pixels about the middle, where a scale does not give a whole number of outputs.
    case halfPixelSymmetric
    /// Half pixels; 0 for a single output.
    case pytorchHalfPixel
    /// i * (in - 1) / (out - 1): samples are points, the corners stay where they are. Where scales are given, out is
    /// in * scale, whole or not, as in ONNX; PyTorch goes by the sizes alone.
    case alignCorners
    /// i / scale
    case asymmetric
    /// (i + 0.5) / scale
    case tfHalfPixelForNearest
    /// From `start` to `end` of each axis, 0 to 1 being all of it; `extrapolation` beyond the input.
    case cropAndResize(regions: [Region], extrapolation: Double)
  }

  /// A part of one axis, 0 to 1 being all of it.
  public struct Region: Sendable, Hashable {
    public var start: Double
    public var end: Double

    public init(_ start: Double, _ end: Double) {
      self.start = start
      self.end = end
    }
  }

  public var interpolation: Interpolation
  public var coordinates: Coordinates
  /// Beyond the input, samples have no weight, and the others' weights sum to 1; otherwise the edge is repeated.
  public var excludeOutside: Bool
  /// Where it shrinks, the kernel is widened to the distance of outputs, so that no input goes unseen.
  public var antialias: Bool

  public init(
    _ interpolation: Interpolation, _ coordinates: Coordinates = .halfPixel, excludeOutside: Bool = false,
    antialias: Bool = false
  ) {
    self.interpolation = interpolation
    self.coordinates = coordinates
    self.excludeOutside = excludeOutside
    self.antialias = antialias
  }

  /// PyTorch's `nearest`.
  public static let nearest = ResizeOptions(.nearest(.floor), .asymmetric)
  /// PyTorch's `nearest-exact`, Pillow's and scikit-image's nearest.
  public static let nearestExact = ResizeOptions(.nearest(.preferCeil), .halfPixel)
  /// PyTorch's `linear`, `bilinear` and `trilinear`, OpenCV's `INTER_LINEAR`.
  public static let linear = ResizeOptions(.linear)
  /// PyTorch's `bicubic`, OpenCV's `INTER_CUBIC`.
  public static let cubic = ResizeOptions(.cubic(a: -0.75))
  /// PyTorch's `bilinear` with `antialias`, Pillow's bilinear.
  public static let linearAntialiased = ResizeOptions(.linear, excludeOutside: true, antialias: true)
  /// PyTorch's `bicubic` with `antialias`, Pillow's bicubic.
  public static let cubicAntialiased = ResizeOptions(.cubic(a: -0.5), excludeOutside: true, antialias: true)
}
