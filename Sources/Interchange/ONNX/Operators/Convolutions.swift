import Convolution
import Tensors

extension ONNXOperators {
  /// Conv, ConvTranspose, DeformConv.
  func convolution() throws -> [ONNXValue]? {
    switch node.op {
    case "Conv":
      let w = try weight()
      return [wrap(try conv(x, weight: w, bias: try optional(2), try node.convolutionOptions()))]
    case "ConvTranspose":
      let w = try weight()
      var options = try node.convolutionOptions()
      if let size = node.integers("output_shape") {
        let upper = node.string("auto_pad") == "SAME_UPPER"
        options.padding = Padding(
          .transposed(outputSize: size.suffix(w.shape.rank - 2).map { $0 }, moreAtEnd: upper))
      }
      let extra = node.integers("output_padding") ?? [0]
      return [wrap(try convTranspose(x, weight: w, bias: try optional(2), options, outputPadding: extra))]
    case "DeformConv":
      let w = try weight()
      return [
        wrap(
          try deformConv2d(
            x, weight: w, offset: try required(2), mask: try optional(4), bias: try optional(3),
            try node.convolutionOptions(),
            offsetGroups: node.integer("offset_group") ?? 1))
      ]
    default: return nil
    }
  }

  private func weight() throws(InterchangeError) -> Tensor<Scalar> {
    let w = try required(1)
    if let kernel = node.integers("kernel_shape"), kernel != Array(w.shape.dimensions.dropFirst(2)) {
      throw .malformed("kernel_shape \(kernel) of \(node.label) is not that of its weight, \(w.shape)")
    }
    return w
  }
}
