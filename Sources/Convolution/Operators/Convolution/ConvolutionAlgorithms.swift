import Tensors

// Which algorithm computes a convolution and its gradients: a plan in float32, the plain loops in float64, and where planes are beyond the plans' tables.

/// y from x, w and bias.
func convolutionForward<Scalar: FloatingScalar>(
  _ g: ConvolutionGeometry, _ x: Tensor<Scalar>, _ w: Tensor<Scalar>, _ bias: Tensor<Scalar>?,
  _ errorBudget: ConvolutionPlan.ErrorBudget
) throws(GeometryError) -> Tensor<Scalar> {
  if let x = x as? Tensor<Float>, let w = w as? Tensor<Float> {
    let plan = try ConvolutionPlan(
      g, weight: w, bias: bias as? Tensor<Float>, options: .init(errorBudget: errorBudget))
    if let y = try plan(x) as? Tensor<Scalar> { return y }
  }
  return ConvolutionLoops(g).forward(x, w, bias)
}

/// dx from dy and w; with a bias for each input channel, a transposed convolution.
func convolutionInputGradient<Scalar: FloatingScalar>(
  _ g: ConvolutionGeometry, _ dy: Tensor<Scalar>, _ w: Tensor<Scalar>, _ bias: Tensor<Scalar>?,
  _ errorBudget: ConvolutionPlan.ErrorBudget
) throws(GeometryError) -> Tensor<Scalar> {
  if g.padded.fitsTables, let dy = dy as? Tensor<Float>, let w = w as? Tensor<Float>,
    let dx = try plannedInputGradient(g, dy, w, bias as? Tensor<Float>, errorBudget) as? Tensor<Scalar>
  {
    return dx
  }
  return ConvolutionLoops(g).inputGradient(dy, w, bias: bias)
}

private func plannedInputGradient(
  _ g: ConvolutionGeometry, _ dy: Tensor<Float>, _ w: Tensor<Float>, _ bias: Tensor<Float>?,
  _ errorBudget: ConvolutionPlan.ErrorBudget
) throws(GeometryError) -> Tensor<Float> {
  switch g.mode {
  case .zeros, .constant:
    if DepthwiseConvolution.accepts(g), let unstrided = g.unstrided {
      // Products with inserted zeros cost less than a plan for every phase of so few products.
      return try ConvolutionPlan(
        transposing: unstrided, weight: w, bias: bias, options: .init(errorBudget: errorBudget))(
          dy.withZerosBetween(g.stride.suffix(g.rank)))
    }
    return try ConvolutionPlan(
      transposing: g, weight: w, bias: bias, options: .init(errorBudget: errorBudget))(dy)
  case .reflect, .symmetric, .replicate, .circular:
    // The gradient of the padded input, whose margins are then added to the samples they were copied from.
    var dx = try ConvolutionPlan(
      transposing: g.padded, weight: w, bias: bias, options: .init(errorBudget: errorBudget))(dy)
    for axis in 0..<g.rank {
      let (amount, size) = (g.padding[3 - g.rank + axis], g.input[3 - g.rank + axis])
      if amount == Padding.Amount(0, 0) { continue }
      dx = AxisMap(padding: amount, g.mode, count: size).transposeApplied(to: dx, axis: 2 + axis)
    }
    return dx
  }
}

/// dw from dy and x.
func convolutionWeightGradient<Scalar: FloatingScalar>(
  _ g: ConvolutionGeometry, _ dy: Tensor<Scalar>, _ x: Tensor<Scalar>
) -> Tensor<Scalar> {
  if WeightGradientPlan.accepts(g), let dy = dy as? Tensor<Float>,
    let x = x as? Tensor<Float>, let dw = DirectWeightGradient(g)(dy, x) as? Tensor<Scalar>
  {
    return dw
  }
  if DepthwiseBlocks.acceptsGradient(g), g.fitsTables, let dy = dy as? Tensor<Float>,
    let x = x as? Tensor<Float>,
    let dw = DepthwiseBlocks(g, Tensor(zeros: g.weightShape), nil).weightGradient(dy, x) as? Tensor<Scalar>
  {
    return dw
  }
  return ConvolutionLoops(g).weightGradient(dy, x)
}

/// A convolution's weight gradient prepared for many inputs of one shape.
package struct WeightGradientPlan: Sendable {
  private let planned: DirectWeightGradient

  /// Nil where the plain loops or depthwise blocks compute it.
  package init?(_ geometry: ConvolutionGeometry) {
    guard Self.accepts(geometry) else { return nil }
    planned = DirectWeightGradient(geometry)
  }

  static func accepts(_ g: ConvolutionGeometry) -> Bool {
    g.outChannels / g.groups >= DirectWeightGradient.fewestRows && g.batch > 0 && g.fitsTables
  }

  package func callAsFunction(
    upstream: Tensor<Float>, input: Tensor<Float>, into gradient: inout Tensor<Float>
  ) {
    planned(upstream, input, into: &gradient)
  }
}
