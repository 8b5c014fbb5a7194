import Convolution
import Tensors

extension Operators {
  /// Mean and variance of every channel: `[N, C, ...]` to `[2, C]`.
  ///
  /// No gradient flows through it: that of ``BatchNormTraining`` covers what the statistics owe to the input.
  struct BatchStatistics: Operator {
    var name: String { "batch statistics" }

    func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard inputs[0].rank >= 2 else { throw .invalid("it must be [N, C, ...]") }
      let count = inputs[0].count / max(1, inputs[0][1])
      guard count > 1 else { throw .outOfRange("elements a channel", count, "at least 2 in training") }
      return [2, inputs[0][1]]
    }

    func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      let x = inputs[0]
      let (n, c) = (x.shape[0], x.shape[1])
      let inner = x.shape.dimensions[2...].reduce(1, *)
      let count = Double(n * inner)
      let scalars = x.scalars
      func mean(_ channel: Int, _ body: (Double) -> Double) -> Double {
        var sum = 0.0
        for i in 0..<n {
          for j in 0..<inner { sum += body(Double(scalars[(i * c + channel) * inner + j])) }
        }
        return sum / count
      }
      let means = (0..<c).map { mean($0) { $0 } }
      let variances = (0..<c).map { channel in mean(channel) { ($0 - means[channel]) * ($0 - means[channel]) }
      }
      return Tensor((means + variances).map { Scalar($0) }, shape: [2, c])
    }

    func gradients(upstream: Value, inputs: [Value], output: Value) -> [Value?] { [nil] }
    func step(_ site: StepSite) -> (any Step)? { batchStatisticsStep(site) }
  }

  /// Batch normalisation by the batch's own statistics: from x, ``BatchStatistics``, weight and bias.
  struct BatchNormTraining: Operator {
    let epsilon: Double

    var name: String { "batch normalisation" }

    func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      try checkNormalization(inputs[0], inputs[2...])
      return inputs[0]
    }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try normalize(inputs[0], .batch, weight: inputs[2], bias: inputs[3], epsilon: epsilon)
    }

    func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      let (x, statistics, weight) = (inputs[0], inputs[1], inputs[2])
      let sums = try u.apply(BatchNormSums(epsilon: epsilon), x, statistics)
      return [
        try u.apply(BatchNormInputGradient(epsilon: epsilon), x, statistics, weight, sums), nil,
        try sums.slice(1..<2, axis: 0).reshaped(weight.shape),
        try sums.slice(0..<1, axis: 0).reshaped(weight.shape),
      ]
    }

    func step(_ site: StepSite) -> (any Step)? { batchNormStep(site, epsilon) }
  }

  /// The gradients of bias and weight, `[2, C]`, from u, x and the statistics.
  struct BatchNormSums: Operator {
    let epsilon: Double

    var name: String { "weight gradient of batch normalisation" }
    func outputShape(_ inputs: [Shape]) -> Shape { [2, inputs[1][1]] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      let gradients = try normalizeGradients(upstream: inputs[0], input: inputs[1], .batch, epsilon: epsilon)
      return Tensor(gradients.bias.scalars + gradients.weight.scalars, shape: [2, inputs[1].shape[1]])
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      let parts = try [0, 1].map { (part) throws(GraphError) in
        try g.apply(SumsSecondGradient(part: part, epsilon: epsilon), inputs[0], inputs[1])
      }
      return [parts[0], parts[1], nil]
    }

    func step(_ site: StepSite) -> (any Step)? { batchNormSumsStep(site, epsilon) }
  }

  /// The gradients of ``BatchNormSums`` by u (part 0) and x (part 1), from g, u and x.
  struct SumsSecondGradient: Operator {
    let part: Int
    let epsilon: Double

    var name: String { "second gradient of batch normalisation" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[1] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      let channels = inputs[0].shape[1]
      let second = try normalizeSecondGradients(
        inputGradient: Tensor(zeros: inputs[2].shape),
        weightGradient: inputs[0].slice(1..<2, axis: 0).reshaped([channels]),
        biasGradient: inputs[0].slice(0..<1, axis: 0).reshaped([channels]), upstream: inputs[1],
        input: inputs[2],
        .batch, weight: Tensor(repeating: 1, shape: [channels]), epsilon: epsilon)
      return part == 0 ? second.upstream : second.input
    }

    func gradients(upstream: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      throw GraphError("third gradients of batch normalisation are not there")
    }
  }

  /// dL/dx of batch normalisation, from u, x, the statistics, the weight and ``BatchNormSums``.
  struct BatchNormInputGradient: Operator {
    let epsilon: Double

    var name: String { "gradient of batch normalisation" }
    var overwritableInputs: [Int] { [0] }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[1] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try normalizeGradients(
        upstream: inputs[0], input: inputs[1], .batch, weight: inputs[3], epsilon: epsilon
      ).input
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      let parts = try [0, 1, 2].map { (part) throws(GraphError) in
        try g.apply(
          NormalizeSecondGradient(kind: .batch, part: part, epsilon: epsilon), inputs[0], inputs[1], inputs[3]
        )
      }
      // What the sums and the statistics owe to u and x is in these.
      return [parts[0], parts[1], nil, parts[2], nil]
    }

    func step(_ site: StepSite) -> (any Step)? { batchNormInputGradientStep(site, epsilon) }
  }

  /// Batch normalisation by running statistics: from x, weight, bias, mean and variance.
  public struct BatchNormInference: Operator {
    public let epsilon: Double

    public init(epsilon: Double) { self.epsilon = epsilon }

    public var name: String { "batch normalisation" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      try checkNormalization(inputs[0], inputs[1...])
      return inputs[0]
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try batchNorm(
        inputs[0], running: RunningStatistics(mean: inputs[3], variance: inputs[4]), weight: inputs[1],
        bias: inputs[2], epsilon: epsilon)
    }

    /// Of the input, the weight and the bias: the statistics are given.
    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      let (x, weight, mean, variance) = (inputs[0], inputs[1], inputs[3], inputs[4])
      let shape = Shape([1, x.shape[1]] + [Int](repeating: 1, count: x.shape.rank - 2))
      let one = weight.graph.constant(Tensor(repeating: 1, shape: shape))
      let scale = try one / variance.reshaped(shape).scaled(by: 1, adding: epsilon).sqrt()
      let normal = try (x - mean.reshaped(shape)) * scale
      return [
        try u * (scale * weight.reshaped(shape)), try (u * normal).apply(ChannelSum()),
        try u.apply(ChannelSum()), nil, nil,
      ]
    }
  }

  /// Group, instance or layer normalisation: from x, weight and bias.
  public struct Normalize: Operator {
    public let kind: Normalization
    public let epsilon: Double

    public init(kind: Normalization, epsilon: Double) { (self.kind, self.epsilon) = (kind, epsilon) }

    public var name: String { "\(kind) normalisation" }

    public func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      // The definition checks what fits: it is asked with an empty batch's worth of work.
      _ = try normalize(
        Tensor<Float>(zeros: inputs[0]), kind, weight: inputs.count > 1 ? Tensor(zeros: inputs[1]) : nil,
        bias: inputs.count > 2 ? Tensor(zeros: inputs[2]) : nil, epsilon: epsilon)
      return inputs[0]
    }

    public func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try normalize(
        inputs[0], kind, weight: inputs.count > 1 ? inputs[1] : nil, bias: inputs.count > 2 ? inputs[2] : nil,
        epsilon: epsilon)
    }

    public func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      let plan = try NormalizationPlan(
        kind, input: site.output.shape, weight: site.inputs.count > 1 ? site.inputs[1].shape : nil,
        bias: site.inputs.count > 2 ? site.inputs[2].shape : nil, epsilon: epsilon)
      let (x, y) = (site.pointer(0), site.outputPointer)
      let (weight, bias) = (
        site.inputs.count > 1 ? site.pointer(1) : nil, site.inputs.count > 2 ? site.pointer(2) : nil
      )
      return PointerStep { plan.run(x, weight: weight, bias: bias, into: y) }
    }

    public func gradients(upstream u: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      let weight = inputs.count > 1 ? inputs[1] : nil
      return try inputs.indices.map { (part) throws(GraphError) in
        try u.apply(
          NormalizeGradient(kind: kind, part: part, epsilon: epsilon, shape: inputs[part].shape), inputs[0],
          weight)
      }
    }
  }

  /// One of the gradients of ``Normalize``, by input, weight or bias, from u, x and the weight.
  struct NormalizeGradient: Operator {
    let kind: Normalization
    let part: Int
    let epsilon: Double
    let shape: Shape

    var name: String { "gradient of \(kind) normalisation" }
    func outputShape(_ inputs: [Shape]) -> Shape { shape }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      let gradients = try normalizeGradients(
        upstream: inputs[0], input: inputs[1], kind, weight: inputs.count > 2 ? inputs[2] : nil,
        epsilon: epsilon)
      return [gradients.input, gradients.weight, gradients.bias][part]
    }

    func step(_ site: StepSite) throws(GeometryError) -> (any Step)? {
      let plan = try NormalizationPlan(
        kind, input: site.inputs[1].shape, weight: site.inputs.count > 2 ? site.inputs[2].shape : nil,
        bias: nil,
        epsilon: epsilon)
      let (u, x, y, part) = (site.pointer(0), site.pointer(1), site.outputPointer, part)
      let weight = site.inputs.count > 2 ? site.pointer(2) : nil
      return PointerStep {
        if part == 0 {
          plan.inputGradient(u, x, weight: weight, into: y)
        } else {
          plan.parameterGradient(u, x, ofBias: part == 2, into: y)
        }
      }
    }

    func gradients(upstream g: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      guard part == 0, inputs.count > 2 else {
        throw GraphError("second gradients of \(kind) normalisation are there for its input alone")
      }
      return try [0, 1, 2].map { (part) throws(GraphError) in
        try g.apply(
          NormalizeSecondGradient(kind: kind, part: part, epsilon: epsilon), inputs[0], inputs[1], inputs[2])
      }
    }
  }

  /// One of the gradients of a normalisation's input gradient, by u, x or weight, from g, u, x and the weight.
  struct NormalizeSecondGradient: Operator {
    let kind: Normalization
    let part: Int
    let epsilon: Double

    var name: String { "second gradient of \(kind) normalisation" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[part + 1] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      let second = try normalizeSecondGradients(
        inputGradient: inputs[0], upstream: inputs[1], input: inputs[2], kind, weight: inputs[3],
        epsilon: epsilon)
      return [second.upstream, second.input, second.weight!][part]
    }

    func gradients(upstream: Value, inputs: [Value], output: Value) throws(GraphError) -> [Value?] {
      throw GraphError("third gradients of \(kind) normalisation are not there")
    }
  }
}

private func checkNormalization(_ x: Shape, _ others: ArraySlice<Shape>) throws(GeometryError) {
  guard x.rank >= 2 else { throw .invalid("it must be [N, C, ...]") }
  for shape in others where shape != [x[1]] {
    throw .invalid("a parameter of shape \(shape) for \(x[1]) channels")
  }
}
