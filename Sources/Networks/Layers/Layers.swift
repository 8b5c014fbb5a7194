import Convolution
import Tensors

/// A fully connected layer: `[N, inFeatures]` to `[N, outFeatures]`; PyTorch's `Linear`.
public final class Linear: Layer {
  public let inFeatures: Int
  public let outFeatures: Int
  public let bias: Bool
  public let initializer: Initializer?

  public init(_ inFeatures: Int, _ outFeatures: Int, bias: Bool = true, initializer: Initializer? = nil) {
    (self.inFeatures, self.outFeatures, self.bias) = (inFeatures, outFeatures, bias)
    self.initializer = initializer
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    let bound = 1 / Double(max(1, inFeatures)).squareRoot()
    let weight = try x.graph.parameter(
      "weight", of: self, [outFeatures, inFeatures], initializer ?? .uniform(bound: bound))
    let bias =
      bias ? try x.graph.parameter("bias", of: self, [outFeatures], .uniform(bound: bound)) : nil
    return try x.apply(Operators.Linear(), weight, bias)
  }
}

/// An activation of every element.
public final class ActivationLayer: Layer {
  public let activation: Activation
  public init(_ activation: Activation) { self.activation = activation }
  public func forward(_ x: Value) throws(GraphError) -> Value { try x.activated(activation) }
}

// Activations under PyTorch's names, to stand among layers.

/// max(x, 0)
public func ReLU() -> ActivationLayer { ActivationLayer(.relu) }
public func ReLU6() -> ActivationLayer { ActivationLayer(.relu6) }
public func LeakyReLU(_ negativeSlope: Double = 0.01) -> ActivationLayer {
  ActivationLayer(.leakyRelu(slope: negativeSlope))
}
public func ELU(alpha: Double = 1) -> ActivationLayer { ActivationLayer(.elu(alpha: alpha)) }
public func GELU() -> ActivationLayer { ActivationLayer(.gelu) }
public func SiLU() -> ActivationLayer { ActivationLayer(.silu) }
public func Hardswish() -> ActivationLayer { ActivationLayer(.hardswish) }
public func Tanh() -> ActivationLayer { ActivationLayer(.tanh) }
public func Sigmoid() -> ActivationLayer { ActivationLayer(.sigmoid) }
public func Softplus() -> ActivationLayer { ActivationLayer(.softplus) }

/// Exponentials over their sum along an axis.
public final class Softmax: Layer {
  public let axis: Int
  public init(axis: Int = 1) { self.axis = axis }
  public func forward(_ x: Value) throws(GraphError) -> Value { try x.softmax(axis: axis) }
}

/// The greatest of every window; of planes, and of other ranks alike.
public final class MaxPool2d: Layer {
  public let options: PoolingGeometry.Options

  public init(
    _ kernelSize: PerAxis, stride: PerAxis? = nil, padding: Padding = .valid, dilation: PerAxis = 1,
    ceilMode: Bool = false
  ) {
    options = .init(
      kernel: kernelSize.values, stride: stride?.values, padding: padding, dilation: dilation.values,
      ceilMode: ceilMode)
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    try x.apply(Operators.MaxPool(options: options))
  }
}

/// The average of every window.
public final class AvgPool2d: Layer {
  public let options: PoolingGeometry.Options
  public let divisor: AverageDivisor

  public init(
    _ kernelSize: PerAxis, stride: PerAxis? = nil, padding: Padding = .valid, ceilMode: Bool = false,
    divisor: AverageDivisor = .paddedWindow
  ) {
    options = .init(kernel: kernelSize.values, stride: stride?.values, padding: padding, ceilMode: ceilMode)
    self.divisor = divisor
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    try x.apply(Operators.AveragePool(options: options, divisor: divisor))
  }
}

/// Averages over as many windows as are asked for.
public final class AdaptiveAvgPool2d: Layer {
  public let outputSize: PerAxis
  public init(_ outputSize: PerAxis) { self.outputSize = outputSize }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    try x.apply(Operators.AdaptiveAveragePool(outputSize: outputSize.values))
  }
}

/// All axes from `startAxis` on as one.
public final class Flatten: Layer {
  public let startAxis: Int
  public init(startAxis: Int = 1) { self.startAxis = startAxis }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    guard (0...x.shape.rank).contains(startAxis) else {
      throw GraphError(
        "a tensor of shape \(x.shape) has no axis \(startAxis) to flatten from", layer: x.graph.layer)
    }
    let dimensions = x.shape.dimensions
    return try x.reshaped(Shape(dimensions[..<startAxis] + [dimensions[startAxis...].reduce(1, *)]))
  }
}

/// The samples' axes under another shape: `[N, ...]` to `[N] + shape`.
public final class Unflatten: Layer {
  public let shape: Shape
  public init(_ shape: Shape) { self.shape = shape }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    try x.reshaped(Shape([x.shape[0]] + shape.dimensions))
  }
}

/// In training, elements become 0 with probability p, and others are divided by 1 - p.
public final class Dropout: Layer {
  public let probability: Double
  public init(_ probability: Double = 0.5) {
    precondition((0..<1).contains(probability), "a dropout of \(probability): it must be from 0 to below 1")
    self.probability = probability
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    guard x.graph.mode == .training, probability > 0 else { return x }
    let mask = Operators.DropoutMask(shape: x.shape, probability: probability, place: x.index)
    return try x * x.graph.apply(mask, [])
  }
}

/// Planes made larger by nearest or linear interpolation.
public final class Upsample: Layer {
  public enum Interpolation: Sendable {
    case nearest
    case bilinear
  }
  public let scale: Int
  public let interpolation: Interpolation

  public init(scale: Int, interpolation: Interpolation = .nearest) {
    (self.scale, self.interpolation) = (scale, interpolation)
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    let options = interpolation == .nearest ? ResizeOptions.nearest : .linear
    return try x.apply(
      Operators.Resize(outputSize: x.shape.dimensions[2...].map { $0 * scale }, options: options))
  }
}
