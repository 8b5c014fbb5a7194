import Convolution
import Tensors

extension Operators {
  /// Every sample divided by a norm over its neighbouring channels; see `LocalResponseNorm`.
  public struct LocalResponse: Operator {
    public let norm: LocalResponseNorm

    public init(_ norm: LocalResponseNorm) { self.norm = norm }

    public var name: String { "local response normalisation" }
    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard inputs[0].rank >= 2 else { throw .invalid("it must be [N, C, ...]") }
      return inputs[0]
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> { try norm(inputs[0]) }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.apply(LocalResponseGradient(norm: norm), inputs[0])]
    }
  }

  /// From u and x.
  struct LocalResponseGradient: Operator {
    let norm: LocalResponseNorm

    var name: String { "gradient of local response normalisation" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[1] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> { try norm.gradient(upstream: inputs[0], input: inputs[1]) }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [
        try g.apply(self, inputs[1]),
        try g.apply(LocalResponseSecondGradient(norm: norm), inputs[0], inputs[1]),
      ]
    }
  }

  /// The gradient of ``LocalResponseGradient`` by x, from g, u and x.
  struct LocalResponseSecondGradient: Operator {
    let norm: LocalResponseNorm

    var name: String { "second gradient of local response normalisation" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[2] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try norm.secondGradients(inputGradient: inputs[0], upstream: inputs[1], input: inputs[2]).input
    }

    func gradients(upstream: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      throw GraphError("third gradients of local response normalisation are not there")
    }
  }

  /// The p-norm of every window.
  public struct LpPool: Operator {
    public let p: Double
    public let options: PoolingGeometry.Options

    public init(p: Double = 2, options: PoolingGeometry.Options) { (self.p, self.options) = (p, options) }

    public var name: String { "Lp pooling" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      try PoolingGeometry(input: inputs[0], options).outputShape
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> { try lpPool(inputs[0], p: p, options) }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.apply(LpPoolGradient(p: p, options: options), inputs[0])]
    }
  }

  /// From u and x.
  struct LpPoolGradient: Operator {
    let p: Double
    let options: PoolingGeometry.Options

    var name: String { "gradient of Lp pooling" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[1] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try lpPoolGradient(upstream: inputs[0], input: inputs[1], p: p, options)
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      try [0, 1].map { (part) throws(GraphError) in
        try g.apply(LpPoolSecondGradient(p: p, options: options, part: part), inputs[0], inputs[1])
      }
    }
  }

  /// The gradients of ``LpPoolGradient`` by u (part 0) and x (part 1), from g, u and x.
  struct LpPoolSecondGradient: Operator {
    let p: Double
    let options: PoolingGeometry.Options
    let part: Int

    var name: String { "second gradient of Lp pooling" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[part + 1] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      let second = try lpPoolSecondGradients(
        inputGradient: inputs[0], upstream: inputs[1], input: inputs[2], p: p, options)
      return part == 0 ? second.upstream : second.input
    }

    func gradients(upstream: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      throw GraphError("third gradients of Lp pooling are not there")
    }
  }

  /// The samples under a kernel at each place, as columns; PyTorch's `unfold`.
  public struct Unfold: Operator {
    public let kernel: [Int]
    public let options: ConvolutionGeometry.Options

    public init(kernel: [Int], options: ConvolutionGeometry.Options = .init()) {
      (self.kernel, self.options) = (kernel, options)
    }

    public var name: String { "unfold" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      let x = inputs[0]
      guard x.rank >= 3 else { throw .invalid("it must be [N, C] and spatial sizes") }
      let window = kernel.count == 1 ? [Int](repeating: kernel[0], count: x.rank - 2) : kernel
      let places = try ConvolutionGeometry(input: x, weight: Shape([1, x[1]] + window), options).outputShape
      return [x[0], x[1] * window.reduce(1, *), places.dimensions[2...].reduce(1, *)]
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> { try unfold(inputs[0], kernel: kernel, options) }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      try rearrangementStep(site, self)
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [
        try u.apply(
          Fold(outputSize: Array(inputs[0].shape.dimensions[2...]), kernel: kernel, options: options))
      ]
    }
  }

  /// Columns added up where they were taken from; PyTorch's `fold`.
  public struct Fold: Operator {
    public let outputSize: [Int]
    public let kernel: [Int]
    public let options: ConvolutionGeometry.Options

    public init(outputSize: [Int], kernel: [Int], options: ConvolutionGeometry.Options = .init()) {
      (self.outputSize, self.kernel, self.options) = (outputSize, kernel, options)
    }

    public var name: String { "fold" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      let taps =
        kernel.count == 1 ? outputSize.reduce(1) { product, _ in product * kernel[0] } : kernel.reduce(1, *)
      guard inputs[0].rank == 3, taps > 0, inputs[0][1] % taps == 0 else {
        throw .invalid("columns must be [N, C * \(taps), places]")
      }
      return Shape([inputs[0][0], inputs[0][1] / taps] + outputSize)
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try fold(inputs[0], outputSize: outputSize, kernel: kernel, options)
    }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      try rearrangementTransposeStep(site, Unfold(kernel: kernel, options: options))
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      [try u.apply(Unfold(kernel: kernel, options: options))]
    }
  }

  /// A convolution whose taps are moved by offsets: from x, weight, offset and, where they are, mask and bias.
  public struct DeformConv: Operator {
    public let options: ConvolutionGeometry.Options
    public let offsetGroups: Int
    public let hasMask: Bool
    public let hasBias: Bool

    public init(
      options: ConvolutionGeometry.Options, offsetGroups: Int = 1, hasMask: Bool = false,
      hasBias: Bool = false
    ) {
      (self.options, self.offsetGroups) = (options, offsetGroups)
      (self.hasMask, self.hasBias) = (hasMask, hasBias)
    }

    public var name: String { "deformable convolution" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      try ConvolutionGeometry(input: inputs[0], weight: inputs[1], options).outputShape
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try deformConv2d(
        inputs[0], weight: inputs[1], offset: inputs[2], mask: hasMask ? inputs[3] : nil,
        bias: hasBias ? inputs[inputs.count - 1] : nil, options, offsetGroups: offsetGroups)
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      let others = Array(inputs.prefix(hasMask ? 4 : 3))
      let parts: [DeformConvGradient.Part] =
        [.input, .weight, .offset] + (hasMask ? [.mask] : []) + (hasBias ? [.bias] : [])
      return try zip(parts, inputs).map { (part, input) throws(GraphError) in
        try u.graph.apply(
          DeformConvGradient(
            options: options, offsetGroups: offsetGroups, hasMask: hasMask, part: part, shape: input.shape),
          [u] + others)
      }
    }
  }

  /// One of the gradients of ``DeformConv``, from u, x, weight, offset and the mask.
  struct DeformConvGradient: Operator {
    enum Part: Hashable, Sendable {
      case input, weight, offset, mask, bias
    }

    let options: ConvolutionGeometry.Options
    let offsetGroups: Int
    let hasMask: Bool
    let part: Part
    let shape: Shape

    var name: String { "gradient of deformable convolution" }
    func outputShape(_ inputs: [Shape]) -> Shape { shape }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      let gradients = try deformConv2dGradients(
        upstream: inputs[0], input: inputs[1], weight: inputs[2], offset: inputs[3],
        mask: hasMask ? inputs[4] : nil, options, offsetGroups: offsetGroups)
      return switch part {
      case .input: gradients.input
      case .weight: gradients.weight
      case .offset: gradients.offset
      case .mask: gradients.mask!
      case .bias: gradients.bias
      }
    }

    func gradients(upstream: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      throw GraphError("second gradients of deformable convolution are not there")
    }
  }
}
