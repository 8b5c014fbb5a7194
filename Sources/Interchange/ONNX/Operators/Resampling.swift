import Convolution
import Tensors

extension ONNXOperators {
  /// Pad, Resize, Upsample, DepthToSpace, SpaceToDepth.
  func resampling() throws -> [ONNXValue]? {
    switch node.op {
    case "Pad": return [wrap(try padded())]
    case "Resize": return [wrap(try resized())]
    case "Upsample":
      let scales = node.floats("scales") ?? arguments.optional(1)?.doubles ?? []
      let size = zip(x.shape.dimensions, scales).map { Int((Double($0) * $1).rounded(.down)) }
      return [wrap(try resize(x, outputSize: size, scales: scales, try oldOptions()))]
    case "DepthToSpace":
      return [wrap(try pixelShuffle(x, factor: node.integer("blocksize") ?? 0, order: blockOrder))]
    case "SpaceToDepth":
      return [wrap(try pixelUnshuffle(x, factor: node.integer("blocksize") ?? 0, order: blockOrder))]
    default: return nil
    }
  }

  private var blockOrder: BlockOrder { node.string("mode") == "CRD" ? .channelFirst : .channelLast }

  private func padded() throws -> Tensor<Scalar> {
    let given = node.opset < 11 ? node.integers("pads") : try arguments.integers(1)
    guard let given else { throw InterchangeError.malformed("\(node.label) lacks its pads") }
    let amounts = try node.amounts(given)
    var all = [Padding.Amount](repeating: Padding.Amount(0, 0), count: x.shape.rank)
    let axes = try arguments.integers(3) ?? Array(0..<x.shape.rank)
    guard axes.count == amounts.count else {
      throw InterchangeError.malformed("\(given.count) pads of \(node.label) for \(axes.count) axes")
    }
    for (i, amount) in zip(axes, amounts) { all[try axis(i)] = amount }
    let value = node.opset < 11 ? node.float("value") : arguments.optional(2)?.doubles.first
    let mode: PaddingMode =
      switch node.string("mode") ?? "constant" {
      case "reflect": .reflect
      case "edge": .replicate
      case "wrap": .circular
      case "constant": .constant(value ?? 0)
      case let other: throw InterchangeError.unsupported("mode \"\(other)\" of \(node.label)")
      }
    return try pad(x, all, mode: mode)
  }

  /// As before opset 11.
  private func oldOptions() throws(InterchangeError) -> ResizeOptions {
    switch node.string("mode") ?? "nearest" {
    case "nearest": .nearest
    case "linear", "bilinear": ResizeOptions(.linear, .asymmetric)
    case let other: throw .unsupported("mode \"\(other)\" of \(node.label)")
    }
  }

  private func resized() throws -> Tensor<Scalar> {
    let rank = x.shape.rank
    if node.opset < 11 {
      let scales = try arguments.required(1).doubles
      let size = zip(x.shape.dimensions, scales).map { Int((Double($0) * $1).rounded(.down)) }
      return try resize(x, outputSize: size, scales: scales, try oldOptions())
    }
    let axes = try (node.integers("axes") ?? Array(0..<rank)).map { try axis($0) }
    var (sizes, scales) = (x.shape.dimensions, [Double](repeating: 1, count: rank))
    if let given = arguments.optional(2)?.doubles, !given.isEmpty {
      guard given.count == axes.count, given.allSatisfy({ $0 > 0 && $0 < 1e6 }) else {
        throw InterchangeError.malformed("scales \(given) of \(node.label) for \(axes.count) axes")
      }
      for (axis, scale) in zip(axes, given) {
        scales[axis] = scale
        sizes[axis] = Int((Double(x.shape[axis]) * scale).rounded(.down))
      }
    } else if let given = try arguments.integers(3) {
      guard given.count == axes.count else {
        throw InterchangeError.malformed("sizes \(given) of \(node.label) for \(axes.count) axes")
      }
      let ratios = zip(axes, given).map { Double($1) / Double(x.shape[$0]) }
      let common: Double? =
        switch node.string("keep_aspect_ratio_policy") ?? "stretch" {
        case "not_larger": ratios.min()
        case "not_smaller": ratios.max()
        default: nil
        }
      for (i, axis) in axes.enumerated() {
        scales[axis] = common ?? ratios[i]
        // Halves go up.
        sizes[axis] = common.map { Int(($0 * Double(x.shape[axis]) + 0.5).rounded(.down)) } ?? given[i]
      }
    } else {
      throw InterchangeError.malformed("\(node.label) has neither scales nor sizes")
    }
    return try resize(x, outputSize: sizes, scales: scales, try resizeOptions(axes))
  }

  private func resizeOptions(_ axes: [Int]) throws(InterchangeError) -> ResizeOptions {
    let interpolation: ResizeOptions.Interpolation
    switch node.string("mode") ?? "nearest" {
    case "nearest":
      switch node.string("nearest_mode") ?? "round_prefer_floor" {
      case "round_prefer_floor": interpolation = .nearest(.preferFloor)
      case "round_prefer_ceil": interpolation = .nearest(.preferCeil)
      case "floor": interpolation = .nearest(.floor)
      case "ceil": interpolation = .nearest(.ceil)
      case let other: throw .unsupported("nearest_mode \"\(other)\" of \(node.label)")
      }
    case "linear": interpolation = .linear
    case "cubic": interpolation = .cubic(a: node.float("cubic_coeff_a") ?? -0.75)
    case let other: throw .unsupported("mode \"\(other)\" of \(node.label)")
    }
    let coordinates: ResizeOptions.Coordinates
    switch node.string("coordinate_transformation_mode") ?? "half_pixel" {
    case "half_pixel": coordinates = .halfPixel
    case "half_pixel_symmetric": coordinates = .halfPixelSymmetric
    case "pytorch_half_pixel": coordinates = .pytorchHalfPixel
    case "align_corners": coordinates = .alignCorners
    case "asymmetric": coordinates = .asymmetric
    case "tf_half_pixel_for_nn": coordinates = .tfHalfPixelForNearest
    case "tf_crop_and_resize":
      let roi = arguments.optional(1)?.doubles ?? []
      guard roi.count == 2 * axes.count else {
        throw .malformed("\(roi.count) numbers of roi of \(node.label) for \(axes.count) axes")
      }
      var regions = [ResizeOptions.Region](repeating: .init(0, 1), count: x.shape.rank)
      for (i, axis) in axes.enumerated() { regions[axis] = .init(roi[i], roi[axes.count + i]) }
      coordinates = .cropAndResize(regions: regions, extrapolation: node.float("extrapolation_value") ?? 0)
    case let other: throw .unsupported("coordinate_transformation_mode \"\(other)\" of \(node.label)")
    }
    return ResizeOptions(
      interpolation, coordinates, excludeOutside: node.integer("exclude_outside") == 1,
      antialias: node.integer("antialias") == 1)
  }
}
