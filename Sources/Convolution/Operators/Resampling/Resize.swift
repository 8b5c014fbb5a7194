import RealModule
import Tensors

/// Resizes a tensor to new sizes, by interpolation along one axis after another.
/// - Parameters:
///   - input: of any rank.
///   - outputSize: sizes of as many trailing axes, outermost first.
///   - scales: output over input for each of these axes, where it is not the ratio of the sizes.
///   - options: the interpolation.
/// - Returns: `[..., outputSize...]`
/// - Throws: ``GeometryError`` for sizes, scales or regions that are out of range or do not fit.
/// - Complexity: an axis takes outputs * taps multiply-adds, taps being 1, 2 or 4, or more antialiased.
/// - Source: PyTorch `interpolate`; ONNX `Resize`.
public func resize<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, outputSize: [Int], scales: [Double]? = nil, _ options: ResizeOptions
) throws(GeometryError) -> Tensor<Scalar> {
  var result = input
  let first = input.shape.rank - outputSize.count
  for (i, map) in try options.maps(input.shape, outputSize, scales).enumerated() {
    if let map { result = map.applied(to: result, axis: first + i, fill: Scalar(options.fill)) }
  }
  return result
}

/// The gradient of ``resize(_:outputSize:scales:_:)`` with respect to its input. It is linear in `upstream`, so
/// its own gradient is ``resize(_:outputSize:scales:_:)``.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - inputShape: of the input.
///   - scales: as they were given forward.
///   - options: as they were given forward.
/// - Throws: ``GeometryError``.
public func resizeGradient<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, inputShape: Shape, scales: [Double]? = nil, _ options: ResizeOptions
) throws(GeometryError) -> Tensor<Scalar> {
  let sizes = upstream.shape.dimensions
  guard sizes.count == inputShape.rank else {
    throw .invalid("an upstream gradient of shape \(upstream.shape) for an input of shape \(inputShape)")
  }
  let first =
    scales.map { sizes.count - $0.count } ?? zip(sizes, inputShape.dimensions).prefix { $0 == $1 }.count
  guard first >= 0, sizes[..<first] == inputShape.dimensions[..<first] else {
    throw .invalid("an upstream gradient of shape \(upstream.shape) for an input of shape \(inputShape)")
  }
  var result = upstream
  let maps = try options.maps(inputShape, Array(sizes[first...]), scales)
  for (i, map) in maps.enumerated().reversed() {
    if let map { result = map.transposeApplied(to: result, axis: first + i) }
  }
  return result
}

extension ResizeOptions {
  /// What stands where a region of a crop leaves the input.
  var fill: Double {
    if case .cropAndResize(_, let extrapolation) = coordinates { return Double(extrapolation) }
    return 0
  }

  /// The map of each axis, nil where it changes nothing.
  func maps(
    _ input: Shape, _ outputSize: [Int], _ scales: [Double]?
  ) throws(GeometryError) -> [AxisMap?] {
    guard outputSize.count <= input.rank, scales.map({ $0.count == outputSize.count }) ?? true else {
      throw .invalid(
        "\(outputSize.count) sizes and \(scales?.count ?? outputSize.count) scales for an input of shape \(input)"
      )
    }
    if case .cropAndResize(let regions, _) = coordinates {
      guard regions.count == outputSize.count, !regions.contains(where: { !($0.start + $0.end).isFinite })
      else {
        throw .invalid("\(regions.count) regions for \(outputSize.count) sizes; give as many, all finite")
      }
    }
    let leading = input.rank - outputSize.count
    for size in outputSize { try OutputSize.check(output: size) }
    try OutputSize.check(elements: Array(input.dimensions[..<leading]) + outputSize)
    var maps: [AxisMap?] = []
    for (i, output) in outputSize.enumerated() {
      let count = input[leading + i]
      try OutputSize.check(input: count)
      let scale = scales?[i] ?? Double(output) / Double(count)
      guard scale > 0, scale.isFinite else {
        throw .invalid("a scale of \(scale): it must be positive and finite")
      }
      // No sample moves where input and output agree in size and place.
      let isIdentity: Bool
      switch coordinates {
      case .cropAndResize, .tfHalfPixelForNearest: isIdentity = false
      default: isIdentity = output == count && scale == 1
      }
      maps.append(isIdentity ? nil : map(axis: i, input: count, output: output, scale: scale))
    }
    return maps
  }

  private func map(axis: Int, input: Int, output: Int, scale: Double) -> AxisMap {
    let outputs = (0..<output).map { i -> [AxisMap.Term] in
      let x = coordinate(i, axis: axis, input: input, output: output, scale: scale)
      if case .cropAndResize = coordinates, x < 0 || x > Double(input - 1) { return [] }
      return terms(at: x, input: input, scale: scale)
    }
    return AxisMap(inputCount: input, outputs: outputs)
  }

  private func coordinate(_ i: Int, axis: Int, input: Int, output: Int, scale: Double) -> Double {
    let i = Double(i)
    switch coordinates {
    case .halfPixel: return (i + 0.5) / scale - 0.5
    case .halfPixelSymmetric:
      let offset = Double(input) / 2 * (1 - Double(output) / (scale * Double(input)))
      return offset + (i + 0.5) / scale - 0.5
    case .pytorchHalfPixel: return output > 1 ? (i + 0.5) / scale - 0.5 : 0
    case .alignCorners: return output > 1 ? i * Double(input - 1) / (scale * Double(input) - 1) : 0
    case .asymmetric: return i / scale
    case .tfHalfPixelForNearest: return (i + 0.5) / scale
    case .cropAndResize(let regions, _):
      let (last, region) = (Double(input - 1), regions[axis])
      return output > 1
        ? region.start * last + i * (region.end - region.start) * last / Double(output - 1)
        : 0.5 * (region.start + region.end) * last
    }
  }

  private func terms(at x: Double, input: Int, scale: Double) -> [AxisMap.Term] {
    func clamped(_ i: Double) -> Int { Int(min(max(i, 0), Double(input - 1))) }
    let support: Double
    switch interpolation {
    case .nearest(let rounding):
      let nearest: Double =
        switch rounding {
        case .floor: x.rounded(.down)
        case .ceil: x.rounded(.up)
        case .preferFloor: (x - 0.5).rounded(.up)
        case .preferCeil: (x + 0.5).rounded(.down)
        }
      return [AxisMap.Term(source: clamped(nearest), weight: 1)]
    case .linear: support = 1
    case .cubic: support = 2
    }
    let shrink = antialias ? min(scale, 1) : 1
    let reach = support / shrink
    // Taps far beyond the input all fall on its edges: only a region of a crop could lie there, and it has none.
    let taps = stride(from: (x - reach).rounded(.up), through: (x + reach).rounded(.down), by: 1)
    var terms: [AxisMap.Term] = []
    for tap in taps {
      let isOutside = tap < 0 || tap > Double(input - 1)
      let weight = kernel((tap - x) * shrink)
      if weight == 0 || (excludeOutside && isOutside) { continue }
      terms.append(AxisMap.Term(source: clamped(tap), weight: weight))
    }
    guard antialias || excludeOutside else { return terms }
    let sum = terms.reduce(0) { $0 + $1.weight }
    return terms.map { AxisMap.Term(source: $0.source, weight: $0.weight / sum) }
  }

  /// The interpolation kernel at a distance in units of samples.
  private func kernel(_ distance: Double) -> Double {
    let d = abs(distance)
    guard case .cubic(let a) = interpolation else { return max(0, 1 - d) }
    if d <= 1 { return ((a + 2) * d - (a + 3)) * d * d + 1 }
    if d < 2 { return (((d - 5) * d + 8) * d - 4) * a }
    return 0
  }
}
