import Convolution
import Tensors

extension Operators {
  /// A convolution, of `[N, C, spatial...]` and `[K, C / groups, spatial...]`, with a bias, and in programs with what is
  /// fused into it: inputs are x, weight, the bias and the residual, where they are.
  public struct Conv: Operator {
    public let options: ConvolutionGeometry.Options
    public var hasBias: Bool
    var hasResidual = false
    /// Whether the residual's memory may become the output's.
    var addsInPlace = false
    var epilogue = Epilogue()

    public init(options: ConvolutionGeometry.Options, hasBias: Bool = false) {
      (self.options, self.hasBias) = (options, hasBias)
    }

    public var name: String { "convolution" }

    public var overwritableInputs: [Int] { addsInPlace ? [hasBias ? 3 : 2] : [] }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      let shape = try ConvolutionGeometry(input: inputs[0], weight: inputs[1], options).outputShape
      if hasBias, inputs[2] != [inputs[1][0]] {
        throw .invalid("a bias of shape \(inputs[2]) for \(inputs[1][0]) output channels")
      }
      guard let pooling = epilogue.maxPooling else { return shape }
      return try PoolingGeometry(input: shape, pooling.options).outputShape
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      var y = try conv(inputs[0], weight: inputs[1], bias: hasBias ? inputs[2] : nil, options)
      if hasResidual { y = zipMap(y, inputs[inputs.count - 1]) { $0 + $1 } }
      if let activation = epilogue.activation { y = activation(y) }
      if let pooling = epilogue.maxPooling { y = try maxPoolValues(y, pooling.options) }
      return y
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      precondition(epilogue == Epilogue() && !hasResidual, "graphs are differentiated before they are fused")
      let dx = try u.apply(
        ConvInputGradient(options: options.withoutFill, inputShape: inputs[0].shape), inputs[1])
      let dw = try u.apply(ConvWeightGradient(options: options, weightShape: inputs[1].shape), inputs[0])
      return [dx, dw] + (hasBias ? [try u.apply(ChannelSum())] : [])
    }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      ConvStep(
        site, hasBias: hasBias, hasResidual: hasResidual,
        try ConvolutionGeometry(input: site.inputs[0].shape, weight: site.inputs[1].shape, options),
        isTransposed: false, epilogue)
    }
  }

  /// dL/dx of a convolution, from dL/dy and the weight: also a transposed convolution, whose bias is the third input.
  public struct ConvInputGradient: Operator {
    public let options: ConvolutionGeometry.Options
    public let inputShape: Shape
    public let hasBias: Bool
    var epilogue = Epilogue()

    public init(options: ConvolutionGeometry.Options, inputShape: Shape, hasBias: Bool = false) {
      (self.options, self.inputShape, self.hasBias) = (options, inputShape, hasBias)
    }

    public var name: String { "transposed convolution" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      let geometry = try ConvolutionGeometry(input: inputShape, weight: inputs[1], options)
      guard geometry.outputShape == inputs[0] else {
        throw .invalid("the convolution of \(inputShape) has an output of \(geometry.outputShape)")
      }
      return inputShape
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      var y = try convInputGradient(upstream: inputs[0], weight: inputs[1], inputShape: inputShape, options)
      if hasBias {
        let bias = inputs[2].reshaped(
          Shape([1, inputShape[1]] + [Int](repeating: 1, count: inputShape.rank - 2)))
        y = zipMap(y, Broadcast(shape: inputShape)([bias])) { $0 + $1 }
      }
      return epilogue.activation.map { $0(y) } ?? y
    }

    public func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      let du = try g.apply(Conv(options: options), inputs[1])
      let dw = try inputs[0].apply(ConvWeightGradient(options: options, weightShape: inputs[1].shape), g)
      return [du, dw] + (hasBias ? [try g.apply(ChannelSum())] : [])
    }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      let geometry = try ConvolutionGeometry(input: inputShape, weight: site.inputs[1].shape, options)
      // Other modes add margins to the samples they were copied from.
      guard geometry.mode == .zeros else { return nil }
      return ConvStep(
        site, hasBias: hasBias, hasResidual: false, geometry, isTransposed: true, epilogue)
    }
  }

  /// dL/dweight of a convolution, from dL/dy and x.
  struct ConvWeightGradient: Operator {
    let options: ConvolutionGeometry.Options
    let weightShape: Shape

    var name: String { "weight gradient of a convolution" }

    func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      let geometry = try ConvolutionGeometry(input: inputs[1], weight: weightShape, options)
      guard geometry.outputShape == inputs[0] else {
        throw .invalid("the convolution of \(inputs[1]) has an output of \(geometry.outputShape)")
      }
      return weightShape
    }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try convWeightGradient(upstream: inputs[0], input: inputs[1], weightShape: weightShape, options)
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [
        try inputs[1].apply(Conv(options: options), g),
        try inputs[0].apply(
          ConvInputGradient(options: options.withoutFill, inputShape: inputs[1].shape), g),
      ]
    }

    func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      let geometry = try ConvolutionGeometry(input: site.inputs[1].shape, weight: weightShape, options)
      return WeightGradientPlan(geometry).map { ConvWeightGradientStep(site, $0) }
    }
  }

  /// The sum of every channel: `[N, C, ...]` to `[C]`.
  struct ChannelSum: Operator {
    var name: String { "sum of channels" }

    func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard inputs[0].rank >= 2 else { throw .invalid("it must be [N, C, ...]") }
      return [inputs[0][1]]
    }

    func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      let shape = inputs[0].shape
      let flat = inputs[0].reshaped([shape[0], shape[1], shape.dimensions[2...].reduce(1, *)])
      return flat.summed(axis: 2).summed(axis: 0).reshaped([shape[1]])
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      let shape = inputs[0].shape
      let ones = [Int](repeating: 1, count: shape.rank - 2)
      return [try g.reshaped(Shape([1, shape[1]] + ones)).broadcast(to: shape)]
    }

    func step(_ site: StepSite) -> (any Step)? { channelSumStep(site) }
  }
}

extension ConvolutionGeometry.Options {
  /// A constant border does not depend on the input: for the gradient it is zeros.
  var withoutFill: Self {
    var options = self
    if case .constant = padding.mode { options.padding.mode = .zeros }
    return options
  }
}
