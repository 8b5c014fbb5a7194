import Convolution
import Tensors

extension ONNXOperators {
  /// MaxPool, AveragePool, LpPool, the global pools, MaxUnpool.
  func pooling() throws -> [ONNXValue]? {
    switch node.op {
    case "MaxPool":
      let (values, indices) = try maxPool(x, try node.poolingOptions())
      guard node.outputs.count > 1 else { return [wrap(values)] }
      return [wrap(values), .int64(counted(indices, columnMajor: node.integer("storage_order") == 1))]
    case "AveragePool":
      let divisor: AverageDivisor = node.integer("count_include_pad") == 1 ? .paddedWindow : .samples
      return [wrap(try averagePool(x, try node.poolingOptions(), divisor: divisor))]
    case "LpPool": return [wrap(try lpPool(x, p: power, try node.poolingOptions()))]
    case "GlobalMaxPool": return [wrap(try globalMaxPool(x).values)]
    case "GlobalAveragePool": return [wrap(try globalAveragePool(x))]
    case "GlobalLpPool": return [wrap(try globalLpPool(x, p: power))]
    case "MaxUnpool": return [wrap(try unpool())]
    default: return nil
    }
  }

  /// An integer since opset 2.
  private var power: Double { node.integer("p").map(Double.init) ?? node.float("p") ?? 2 }

  /// ONNX counts places through all planes, and in planes along columns where asked.
  private func counted(_ indices: Tensor<Int64>, columnMajor: Bool) -> Tensor<Int64> {
    let sizes = x.shape.dimensions.dropFirst(2).map(Int64.init)
    let plane = sizes.reduce(1, *)
    let perPlane = indices.shape.dimensions[2...].reduce(1, *)
    let places = indices.scalars.enumerated().map { i, place in
      let first = Int64(i / perPlane) * plane
      guard columnMajor else { return first + place }
      var (rest, reversed, step) = (place, Int64(0), plane)
      for size in sizes.reversed() {
        step /= size
        reversed += rest % size * step
        rest /= size
      }
      return first + reversed
    }
    return Tensor(places, shape: indices.shape)
  }

  private func unpool() throws -> Tensor<Scalar> {
    guard case .int64(let counted)? = arguments.optional(1) else {
      throw InterchangeError.malformed("\(node.label) lacks its indices")
    }
    let size = try maxUnpoolSize(input: Array(x.shape.dimensions.dropFirst(2)), try node.poolingOptions())
    let plane = Int64(size.reduce(1, *))
    let perPlane = counted.shape.dimensions.dropFirst(2).reduce(1, *)
    let indices = Tensor(
      counted.scalars.enumerated().map { i, place in place - Int64(i / max(1, perPlane)) * plane },
      shape: counted.shape)
    let y = try maxUnpool(x, indices: indices, outputSize: size)
    // A larger output holds it in its first corner.
    guard let shape = try arguments.integers(2) else { return y }
    guard shape.count == y.shape.rank else {
      throw InterchangeError.malformed("output_shape \(shape) of \(node.label) for an input of \(x.shape)")
    }
    return try pad(y, zip(shape, y.shape.dimensions).map { Padding.Amount(0, $0 - $1) })
  }
}
