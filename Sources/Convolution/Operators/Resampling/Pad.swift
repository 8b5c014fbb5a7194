import Tensors

/// Adds samples around a tensor, or takes some away.
/// - Parameters:
///   - input: of any rank.
///   - amounts: for as many trailing axes as there are amounts, outermost first; negative ones take samples
///     away.
///   - mode: what the added samples hold.
/// - Returns: sizes `begin + in + end`.
/// - Throws: ``GeometryError`` for more amounts than axes, where nothing would be left, and where a mode has no
///   samples for so much padding: reflect up to in - 1, symmetric and circular up to in.
/// - Source: PyTorch `pad`; ONNX `Pad`; NumPy `pad`.
public func pad<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, _ amounts: [Padding.Amount], mode: PaddingMode = .zeros
) throws(GeometryError) -> Tensor<Scalar> {
  var result = input
  for (axis, map) in try paddingMaps(input.shape, amounts, mode) {
    result = map.applied(to: result, axis: axis, fill: Scalar(mode.fillValue))
  }
  return result
}

/// The gradient of ``pad(_:_:mode:)`` with respect to its input. It is linear in `upstream`, so its own
/// gradient is ``pad(_:_:mode:)``, with zeros for a constant.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - inputShape: of the input.
///   - amounts: as they were given forward.
///   - mode: as it was given forward.
/// - Throws: ``GeometryError``.
public func padGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, inputShape: Shape, _ amounts: [Padding.Amount], mode: PaddingMode = .zeros
) throws(GeometryError) -> Tensor<Scalar> {
  let maps = try paddingMaps(inputShape, amounts, mode)
  var output = inputShape.dimensions
  for (axis, map) in maps { output[axis] = map.outputs.count }
  try check(upstream: upstream.shape, output: Shape(output))
  var result = upstream
  for (axis, map) in maps.reversed() { result = map.transposeApplied(to: result, axis: axis) }
  return result
}

func paddingMaps(
  _ input: Shape, _ amounts: [Padding.Amount], _ mode: PaddingMode
) throws(GeometryError) -> [(axis: Int, map: AxisMap)] {
  guard amounts.count <= input.rank else {
    throw .invalid("\(amounts.count) paddings for an input of shape \(input), which has \(input.rank) axes")
  }
  let first = input.rank - amounts.count
  var sizes = input.dimensions
  for (i, amount) in amounts.enumerated() {
    let size = sizes[first + i]
    for side in [amount.begin, amount.end] where !(-OutputSize.limit...OutputSize.limit).contains(side) {
      throw .outOfRange("padding", side, "from -2^31 to 2^31")
    }
    sizes[first + i] = amount.begin + size + amount.end
    guard sizes[first + i] >= (size == 0 ? 0 : 1) else {
      throw .outOfRange("padding", min(amount.begin, amount.end), "such that samples are left of \(size)")
    }
    try mode.check(amount, input: size)
  }
  try OutputSize.check(elements: sizes)
  return amounts.indices.compactMap { i in
    amounts[i] == Padding.Amount(0, 0)
      ? nil : (first + i, AxisMap(padding: amounts[i], mode, count: input[first + i]))
  }
}
