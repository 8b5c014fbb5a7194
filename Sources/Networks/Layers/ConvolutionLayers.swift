import Convolution
import Tensors

/// What convolution layers of every rank share.
public class ConvolutionLayer: Module, @unchecked Sendable {
  public let inChannels: Int
  public let outChannels: Int
  public let kernelSize: [Int]
  public let options: ConvolutionGeometry.Options
  public let bias: Bool
  public let initializer: Initializer?

  fileprivate init(
    _ rank: Int, _ inChannels: Int, _ outChannels: Int, _ kernelSize: PerAxis, _ stride: PerAxis,
    _ padding: Padding, _ dilation: PerAxis, _ groups: Int, _ bias: Bool, _ initializer: Initializer?
  ) {
    (self.inChannels, self.outChannels, self.bias) = (inChannels, outChannels, bias)
    self.kernelSize =
      kernelSize.values.count == 1 ? Array(repeating: kernelSize.values[0], count: rank) : kernelSize.values
    options = .init(stride: stride.values, padding: padding, dilation: dilation.values, groups: groups)
    self.initializer = initializer
  }

  /// The weight and the bias in a graph.
  fileprivate func parameters(_ graph: Graph, isTransposed: Bool) throws(GraphError) -> (Value, Value?) {
    guard options.groups > 0, inChannels > 0, outChannels > 0, inChannels % options.groups == 0,
      outChannels % options.groups == 0, kernelSize.allSatisfy({ $0 > 0 })
    else {
      throw GraphError(
        "\(inChannels) input and \(outChannels) output channels, kernels of \(kernelSize), in \(options.groups) groups: "
          + "channels must be divisible by the groups, and sizes at least 1", layer: graph.layer)
    }
    let channels =
      isTransposed ? [inChannels, outChannels / options.groups] : [outChannels, inChannels / options.groups]
    let shape = Shape(channels + kernelSize)
    // PyTorch's: even, within 1 / sqrt(fan in), the weight and the bias alike.
    let bound = 1 / Double(shape.dimensions[1...].reduce(1, *)).squareRoot()
    let weight = try graph.parameter("weight", of: self, shape, initializer ?? .uniform(bound: bound))
    guard bias else { return (weight, nil) }
    return (weight, try graph.parameter("bias", of: self, [outChannels], .uniform(bound: bound)))
  }

  fileprivate func check(_ x: Value) throws(GraphError) {
    let rank = kernelSize.count
    guard x.shape.rank == rank + 2, x.shape[1] == inChannels else {
      throw GraphError(
        "an input of \(x.shape) for kernels that take [N, \(inChannels)] and \(rank) spatial sizes",
        layer: x.graph.layer)
    }
  }

  fileprivate func convolution(_ x: Value) throws(GraphError) -> Value {
    try check(x)
    let (weight, bias) = try parameters(x.graph, isTransposed: false)
    return try x.apply(Operators.Conv(options: options, hasBias: bias != nil), weight, bias)
  }

  fileprivate func transposed(_ x: Value, outputPadding: [Int]) throws(GraphError) -> Value {
    try check(x)
    let (weight, bias) = try parameters(x.graph, isTransposed: true)
    let geometry: ConvolutionGeometry
    do {
      geometry = try ConvolutionGeometry(
        transposedInput: x.shape, weight: weight.shape, options, outputPadding: outputPadding)
    } catch {
      throw GraphError("an input of \(x.shape), a weight of \(weight.shape): \(error)", layer: x.graph.layer)
    }
    // The padding as numbers, for the convolution that it is the transpose of.
    var options = options
    options.padding = Padding(.explicit(Array(geometry.padding.suffix(geometry.rank))))
    return try x.apply(
      Operators.ConvInputGradient(options: options, inputShape: geometry.inputShape, hasBias: bias != nil),
      weight,
      bias)
  }
}

/// Cross-correlation along one axis: `[N, C, L]`; PyTorch's `Conv1d`.
public final class Conv1d: ConvolutionLayer, Layer, @unchecked Sendable {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: PerAxis, stride: PerAxis = 1,
    padding: Padding = .valid,
    dilation: PerAxis = 1, groups: Int = 1, bias: Bool = true, initializer: Initializer? = nil
  ) {
    super.init(1, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, initializer)
  }
  public func forward(_ x: Value) throws(GraphError) -> Value { try convolution(x) }
}

/// Cross-correlation of planes: `[N, C, H, W]`; PyTorch's `Conv2d`.
public final class Conv2d: ConvolutionLayer, Layer, @unchecked Sendable {
  /// - Parameters:
  ///   - inChannels: C.
  ///   - outChannels: kernels.
  ///   - kernelSize: one number, or height and width.
  ///   - stride: samples from output to output.
  ///   - padding: how far kernels reach beyond the input, and what stands there.
  ///   - dilation: samples from tap to tap.
  ///   - groups: channels are split into as many, which do not see one another.
  ///   - bias: whether a number is added to every output channel.
  ///   - initializer: of the weight; PyTorch's where nil.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: PerAxis, stride: PerAxis = 1,
    padding: Padding = .valid,
    dilation: PerAxis = 1, groups: Int = 1, bias: Bool = true, initializer: Initializer? = nil
  ) {
    super.init(2, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, initializer)
  }
  public func forward(_ x: Value) throws(GraphError) -> Value { try convolution(x) }
}

/// Cross-correlation of volumes: `[N, C, D, H, W]`; PyTorch's `Conv3d`.
public final class Conv3d: ConvolutionLayer, Layer, @unchecked Sendable {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: PerAxis, stride: PerAxis = 1,
    padding: Padding = .valid,
    dilation: PerAxis = 1, groups: Int = 1, bias: Bool = true, initializer: Initializer? = nil
  ) {
    super.init(3, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, initializer)
  }
  public func forward(_ x: Value) throws(GraphError) -> Value { try convolution(x) }
}

/// The transpose of ``Conv1d``; PyTorch's `ConvTranspose1d`.
public final class ConvTranspose1d: ConvolutionLayer, Layer, @unchecked Sendable {
  public let outputPadding: [Int]
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: PerAxis, stride: PerAxis = 1,
    padding: Padding = .valid,
    outputPadding: PerAxis = 0, groups: Int = 1, bias: Bool = true, dilation: PerAxis = 1,
    initializer: Initializer? = nil
  ) {
    self.outputPadding = outputPadding.values
    super.init(1, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, initializer)
  }
  public func forward(_ x: Value) throws(GraphError) -> Value {
    try transposed(x, outputPadding: outputPadding)
  }
}

/// The transpose of ``Conv2d``, which makes planes larger; PyTorch's `ConvTranspose2d`.
public final class ConvTranspose2d: ConvolutionLayer, Layer, @unchecked Sendable {
  public let outputPadding: [Int]
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: PerAxis, stride: PerAxis = 1,
    padding: Padding = .valid,
    outputPadding: PerAxis = 0, groups: Int = 1, bias: Bool = true, dilation: PerAxis = 1,
    initializer: Initializer? = nil
  ) {
    self.outputPadding = outputPadding.values
    super.init(2, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, initializer)
  }
  public func forward(_ x: Value) throws(GraphError) -> Value {
    try transposed(x, outputPadding: outputPadding)
  }
}

/// The transpose of ``Conv3d``; PyTorch's `ConvTranspose3d`.
public final class ConvTranspose3d: ConvolutionLayer, Layer, @unchecked Sendable {
  public let outputPadding: [Int]
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: PerAxis, stride: PerAxis = 1,
    padding: Padding = .valid,
    outputPadding: PerAxis = 0, groups: Int = 1, bias: Bool = true, dilation: PerAxis = 1,
    initializer: Initializer? = nil
  ) {
    self.outputPadding = outputPadding.values
    super.init(3, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, initializer)
  }
  public func forward(_ x: Value) throws(GraphError) -> Value {
    try transposed(x, outputPadding: outputPadding)
  }
}
