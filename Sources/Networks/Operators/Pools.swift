import Convolution
import Tensors

extension Operators {
  /// The greatest sample of every window.
  public struct MaxPool: Operator {
    public let options: PoolingGeometry.Options

    public init(options: PoolingGeometry.Options) { self.options = options }

    public var name: String { "max pooling" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      try PoolingGeometry(input: inputs[0], options).outputShape
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> { try maxPoolValues(inputs[0], options) }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.apply(MaxPoolGradient(options: options), inputs[0])]
    }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? { try maxPoolStep(site, options) }
  }

  /// Each window's u, at the place of its greatest x.
  struct MaxPoolGradient: Operator {
    let options: PoolingGeometry.Options

    var name: String { "gradient of max pooling" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[1] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      let indices = try maxPool(inputs[1], options).indices
      return try maxPoolGradient(
        upstream: inputs[0], indices: indices, inputShape: inputs[1].shape, options)
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try g.apply(MaxPoolGather(options: options), inputs[1]), nil]
    }

    func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      try maxPoolGradientStep(site, options)
    }
  }

  /// Each window's a, at the place of its greatest x.
  struct MaxPoolGather: Operator {
    let options: PoolingGeometry.Options

    var name: String { "gather of max pooling" }

    func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      try PoolingGeometry(input: inputs[1], options).outputShape
    }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try gather(inputs[0], indices: try maxPool(inputs[1], options).indices)
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try g.apply(MaxPoolGradient(options: options), inputs[1]), nil]
    }
  }

  /// The average of every window.
  public struct AveragePool: Operator {
    public let options: PoolingGeometry.Options
    public let divisor: AverageDivisor

    public init(options: PoolingGeometry.Options, divisor: AverageDivisor = .paddedWindow) {
      (self.options, self.divisor) = (options, divisor)
    }

    public var name: String { "average pooling" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      try PoolingGeometry(input: inputs[0], options).outputShape
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> { try averagePool(inputs[0], options, divisor: divisor) }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      try averagePoolStep(site, PoolingGeometry(input: site.inputs[0].shape, options), divisor)
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [
        try u.apply(
          AveragePoolGradient(options: options, divisor: divisor, inputShape: inputs[0].shape))
      ]
    }
  }

  struct AveragePoolGradient: Operator {
    let options: PoolingGeometry.Options
    let divisor: AverageDivisor
    let inputShape: Shape

    var name: String { "gradient of average pooling" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputShape }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try averagePoolGradient(upstream: inputs[0], inputShape: inputShape, options, divisor: divisor)
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try g.apply(AveragePool(options: options, divisor: divisor))]
    }

    func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      try averagePoolGradientStep(site, PoolingGeometry(input: inputShape, options), divisor)
    }
  }

  /// Averages over as many windows as are asked for.
  public struct AdaptiveAveragePool: Operator {
    public let outputSize: [Int]

    public init(outputSize: [Int]) { self.outputSize = outputSize }

    public var name: String { "adaptive average pooling" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      try PoolingGeometry(input: inputs[0], adaptiveOutput: outputSize).outputShape
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try adaptiveAveragePool(inputs[0], outputSize: outputSize)
    }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      if Set(outputSize) == [1] { return globalAverageStep(site) }
      return try averagePoolStep(
        site, PoolingGeometry(input: site.inputs[0].shape, adaptiveOutput: outputSize), .samples)
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.apply(AdaptiveAveragePoolGradient(outputSize: outputSize, inputShape: inputs[0].shape))]
    }
  }

  struct AdaptiveAveragePoolGradient: Operator {
    let outputSize: [Int]
    let inputShape: Shape

    var name: String { "gradient of adaptive average pooling" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputShape }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try adaptiveAveragePoolGradient(upstream: inputs[0], inputShape: inputShape)
    }

    func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      if Set(outputSize) == [1] { return globalAverageGradientStep(site) }
      return try averagePoolGradientStep(
        site, PoolingGeometry(input: inputShape, adaptiveOutput: outputSize), .samples)
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try g.apply(AdaptiveAveragePool(outputSize: outputSize))]
    }
  }
}
