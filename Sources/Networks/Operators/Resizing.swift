import Convolution
import Tensors

extension Operators {
  /// A border around the tensor.
  public struct Pad: Operator {
    /// One pair an axis.
    public let amounts: [Padding.Amount]
    public let mode: PaddingMode

    public init(amounts: [Padding.Amount], mode: PaddingMode = .zeros) {
      (self.amounts, self.mode) = (amounts, mode)
    }

    public var name: String { "pad" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard amounts.count == inputs[0].rank else {
        throw .invalid("\(amounts.count) pairs of padding for \(inputs[0].rank) axes")
      }
      let sizes = zip(inputs[0].dimensions, amounts).map { $0 + $1.begin + $1.end }
      guard sizes.allSatisfy({ $0 >= 0 }) else { throw .invalid("more is taken away than there is") }
      return Shape(sizes)
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> { try pad(inputs[0], amounts, mode: mode) }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      let maps = try AxisMaps(padding: amounts, mode: mode, input: site.inputs[0].shape)
      let (x, y) = (site.pointer(0), site.outputPointer)
      return PointerStep { maps.apply(to: x, into: y) }
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.apply(PadGradient(amounts: amounts, mode: mode, inputShape: inputs[0].shape))]
    }
  }

  struct PadGradient: Operator {
    let amounts: [Padding.Amount]
    let mode: PaddingMode
    let inputShape: Shape

    var name: String { "gradient of pad" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputShape }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try padGradient(upstream: inputs[0], inputShape: inputShape, amounts, mode: mode)
    }

    func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      let maps = try AxisMaps(padding: amounts, mode: mode, input: inputShape)
      let (u, y) = (site.pointer(0), site.outputPointer)
      return PointerStep { maps.applyTransposed(to: u, into: y) }
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      if case .constant = mode { return [try g.apply(Pad(amounts: amounts))] }
      return [try g.apply(Pad(amounts: amounts, mode: mode))]
    }
  }

  /// The tensor resampled to other spatial sizes.
  public struct Resize: Operator {
    public let outputSize: [Int]
    public let options: ResizeOptions

    public init(outputSize: [Int], options: ResizeOptions) {
      (self.outputSize, self.options) = (outputSize, options)
    }

    public var name: String { "resize" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard outputSize.count == inputs[0].rank - 2, outputSize.allSatisfy({ $0 > 0 }) else {
        throw .invalid("it must be [N, C] and \(outputSize.count) spatial sizes")
      }
      return Shape(inputs[0].dimensions[..<2] + outputSize)
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try resize(inputs[0], outputSize: Array(inputs[0].shape.dimensions[..<2]) + outputSize, options)
    }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      let maps = try AxisMaps(
        resizing: site.inputs[0].shape, outputSize: site.output.shape.dimensions, options)
      let (x, y) = (site.pointer(0), site.outputPointer)
      return PointerStep { maps.apply(to: x, into: y) }
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.apply(ResizeGradient(inputShape: inputs[0].shape, options: options))]
    }
  }

  struct ResizeGradient: Operator {
    let inputShape: Shape
    let options: ResizeOptions

    var name: String { "gradient of resize" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputShape }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try resizeGradient(upstream: inputs[0], inputShape: inputShape, options)
    }

    func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      let maps = try AxisMaps(
        resizing: inputShape, outputSize: site.inputs[0].shape.dimensions, options)
      let (u, y) = (site.pointer(0), site.outputPointer)
      return PointerStep { maps.applyTransposed(to: u, into: y) }
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try g.apply(Resize(outputSize: Array(inputs[0].shape.dimensions[2...]), options: options))]
    }
  }

  /// Channels to blocks of pixels, or back.
  public struct PixelShuffle: Operator {
    public let factor: Int
    public let isInverse: Bool

    public init(factor: Int, isInverse: Bool = false) { (self.factor, self.isInverse) = (factor, isInverse) }

    public var name: String { isInverse ? "pixel unshuffle" : "pixel shuffle" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      let x = inputs[0]
      let block = factor * factor
      guard x.rank == 4, factor > 0,
        isInverse ? x[2] % factor == 0 && x[3] % factor == 0 : x[1] % block == 0
      else { throw .invalid("the sizes are not divisible by the factor \(factor)") }
      return isInverse
        ? [x[0], x[1] * block, x[2] / factor, x[3] / factor]
        : [x[0], x[1] / block, x[2] * factor, x[3] * factor]
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      isInverse ? try pixelUnshuffle(inputs[0], factor: factor) : try pixelShuffle(inputs[0], factor: factor)
    }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      try rearrangementStep(site, self)
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.apply(PixelShuffle(factor: factor, isInverse: !isInverse))]
    }
  }
}
