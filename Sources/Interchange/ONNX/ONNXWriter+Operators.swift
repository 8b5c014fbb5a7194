import Convolution
import Networks
import Tensors

extension ONNXWriter {
  /// One number for each of so many axes.
  static func spread(_ values: [Int], _ rank: Int) -> [Int] {
    values.count == 1 ? [Int](repeating: values[0], count: rank) : values
  }

  /// All begins, then all ends.
  static func pads(_ geometry: ConvolutionGeometry) -> [Int] {
    let amounts = geometry.padding.suffix(geometry.rank)
    return amounts.map(\.begin) + amounts.map(\.end)
  }

  /// How the kernel of a convolution, or of its transpose, moves.
  static func attributes(
    _ options: ConvolutionGeometry.Options, _ geometry: ConvolutionGeometry, _ weight: Shape
  ) -> [(String, Attribute)] {
    [
      ("kernel_shape", .integers(Array(weight.dimensions[2...]))),
      ("strides", .integers(spread(options.stride, geometry.rank))),
      ("dilations", .integers(spread(options.dilation, geometry.rank))), ("group", .integer(options.groups)),
      ("pads", .integers(pads(geometry))),
    ]
  }

  static func window(
    _ options: PoolingGeometry.Options, _ input: Shape
  ) throws(GeometryError) -> [(String, Attribute)] {
    let rank = input.rank - 2
    let kernel = spread(options.kernel, rank)
    // The amounts of "same" and the like are those of a convolution with the window.
    let geometry = try ConvolutionGeometry(
      input: input, weight: Shape([input[1], 1] + kernel),
      .init(
        stride: options.stride ?? options.kernel, padding: options.padding, dilation: options.dilation,
        groups: input[1]))
    return [
      ("kernel_shape", .integers(kernel)),
      ("strides", .integers(spread(options.stride ?? options.kernel, rank))),
      ("dilations", .integers(spread(options.dilation, rank))), ("pads", .integers(pads(geometry))),
      ("ceil_mode", .integer(options.ceilMode ? 1 : 0)),
    ]
  }

  mutating func write(
    _ activation: Activation, _ inputs: [String], _ out: String, _ layer: String
  ) throws(GraphError) {
    switch activation {
    case .relu: emit("Relu", inputs, out, layer)
    case .leakyRelu(let slope): emit("LeakyRelu", inputs, out, layer, ["alpha": .float(slope)])
    case .relu6: emit("Clip", [inputs[0], scalar(0, "\(out).min"), scalar(6, "\(out).max")], out, layer)
    case .elu(let alpha): emit("Elu", inputs, out, layer, ["alpha": .float(alpha)])
    case .hardswish: emit("HardSwish", inputs, out, layer)
    case .tanh: emit("Tanh", inputs, out, layer)
    case .sigmoid: emit("Sigmoid", inputs, out, layer)
    case .softplus: emit("Softplus", inputs, out, layer)
    case .silu:
      emit("Sigmoid", inputs, "\(out).sigmoid", layer)
      emit("Mul", [inputs[0], "\(out).sigmoid"], out, layer)
    case .gelu:
      // x / 2 * (1 + erf(x / sqrt 2)): Gelu itself came with opset 20.
      emit("Mul", [inputs[0], scalar(0.5.squareRoot(), "\(out).root")], "\(out).scaled", layer)
      emit("Erf", ["\(out).scaled"], "\(out).erf", layer)
      emit("Add", ["\(out).erf", scalar(1, "\(out).one")], "\(out).sum", layer)
      emit("Mul", [inputs[0], "\(out).sum"], "\(out).product", layer)
      emit("Mul", ["\(out).product", scalar(0.5, "\(out).half")], out, layer)
    }
  }

  /// Windows of equal size, side by side.
  mutating func writeAdaptive(
    _ input: Shape, _ output: Shape, _ inputs: [String], _ out: String, _ layer: String,
    _ refuse: (String) -> GraphError
  ) throws(GraphError) {
    let (sizes, outputs) = (Array(input.dimensions[2...]), Array(output.dimensions[2...]))
    if outputs.allSatisfy({ $0 == 1 }) { return emit("GlobalAveragePool", inputs, out, layer) }
    if sizes == outputs { return emit("Identity", inputs, out, layer) }
    guard zip(sizes, outputs).allSatisfy({ $0 % $1 == 0 }) else {
      throw refuse("from \(sizes) to \(outputs), whose windows differ,")
    }
    let kernel = zip(sizes, outputs).map { $0 / $1 }
    emit(
      "AveragePool", inputs, out, layer, ["kernel_shape": .integers(kernel), "strides": .integers(kernel)])
  }

  mutating func write(
    _ resize: Operators.Resize, _ shape: Shape, _ inputs: [String], _ out: String, _ layer: String,
    _ refuse: (String) -> GraphError
  ) throws(GraphError) {
    let scales = Tensor<Float>([], shape: [0])
    let mode: KeyValuePairs<String, Attribute>
    switch resize.options {
    case .linear: mode = ["mode": .string("linear"), "coordinate_transformation_mode": .string("half_pixel")]
    case .cubic: mode = ["mode": .string("cubic"), "coordinate_transformation_mode": .string("half_pixel")]
    case .nearest:
      mode = [
        "mode": .string("nearest"), "coordinate_transformation_mode": .string("asymmetric"),
        "nearest_mode": .string("floor"),
      ]
    default: throw refuse("with other options than linear, cubic and nearest")
    }
    // Sizes hold the batch, which stays open: it is cut from the input's own shape.
    emit("Shape", inputs, "\(out).shape", layer, ["start": .integer(0), "end": .integer(2)])
    let sizes = integers(Array(shape.dimensions[2...]), "\(out).spatial")
    emit("Concat", ["\(out).shape", sizes], "\(out).sizes", layer, ["axis": .integer(0)])
    add(scales, "\(out).scales")
    emit("Resize", [inputs[0], "", "\(out).scales", "\(out).sizes"], out, layer, mode)
  }
}
