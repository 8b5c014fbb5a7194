import Tensors

// Which algorithm computes a convolution: register tiles in float32 where the output has enough channels to
// fill their rows, the plain loops otherwise.

/// Below as many rows, a tile is mostly empty.
private let fewestRows = 4

/// y from x, w and bias.
func convolutionForward<Scalar: FloatingScalar>(
  _ g: ConvolutionGeometry, _ x: Tensor<Scalar>, _ w: Tensor<Scalar>, _ bias: Tensor<Scalar>?
) -> Tensor<Scalar> {
  if g.outChannels / g.groups >= fewestRows, let x = x as? Tensor<Float>, let w = w as? Tensor<Float>,
    let y = tiledForward(g, x, w, (bias as? Tensor<Float>)?.scalars) as? Tensor<Scalar>
  {
    return y
  }
  return ConvolutionLoops(g).forward(x, w, bias)
}

private func tiledForward(
  _ g: ConvolutionGeometry, _ x: Tensor<Float>, _ w: Tensor<Float>, _ bias: [Float]?
) -> Tensor<Float> {
  let tiled = TiledConvolution(forward: g, w, bias)
  return x.withUnsafeBufferPointer { x in
    Tensor(unsafeUninitializedShape: g.outputShape) { tiled.run(x.baseAddress!, into: $0.baseAddress!) }
  }
}

/// dx from dy and w; with a bias for each input channel, a transposed convolution.
func convolutionInputGradient<Scalar: FloatingScalar>(
  _ g: ConvolutionGeometry, _ dy: Tensor<Scalar>, _ w: Tensor<Scalar>, _ bias: Tensor<Scalar>?
) -> Tensor<Scalar> {
  if g.inChannels / g.groups >= fewestRows, let dy = dy as? Tensor<Float>, let w = w as? Tensor<Float>,
    let dx = tiledInputGradient(g, dy, w, bias as? Tensor<Float>) as? Tensor<Scalar>
  {
    return dx
  }
  return ConvolutionLoops(g).inputGradient(dy, w, bias: bias)
}

private func tiledInputGradient(
  _ g: ConvolutionGeometry, _ dy: Tensor<Float>, _ w: Tensor<Float>, _ bias: Tensor<Float>?
) -> Tensor<Float> {
  func phases(_ g: ConvolutionGeometry) -> Tensor<Float> {
    let all = TiledConvolution.phases(transposing: g, w, bias?.scalars)
    return dy.withUnsafeBufferPointer { dy in
      Tensor(unsafeUninitializedShape: g.inputShape) { dx in
        for phase in all { phase.run(dy.baseAddress!, into: dx.baseAddress!) }
      }
    }
  }
  switch g.mode {
  case .zeros, .constant: return phases(g)
  case .reflect, .symmetric, .replicate, .circular:
    // The gradient of the padded input, whose margins are then added to the samples they were copied from.
    var dx = phases(g.padded)
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
  if g.outChannels / g.groups >= fewestRows, g.batch > 0, let dy = dy as? Tensor<Float>,
    let x = x as? Tensor<Float>, let dw = TiledWeightGradient(g)(dy, x) as? Tensor<Scalar>
  {
    return dw
  }
  return ConvolutionLoops(g).weightGradient(dy, x)
}
