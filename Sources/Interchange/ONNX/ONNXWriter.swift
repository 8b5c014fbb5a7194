import Convolution
import Networks
import Tensors

/// Writes a graph's nodes as ONNX nodes.
struct ONNXWriter {
  let graph: Graph
  let state: StateDict
  private(set) var graphProto = Onnx_GraphProto()
  private var written: Set<String> = []

  init(graph: Graph, state: StateDict) { (self.graph, self.state) = (graph, state) }

  /// What the tensor of a node is called.
  func name(_ index: Int) -> String {
    switch graph.nodes[index].source {
    case .input(let name): name
    case .parameter(let i): graph.parameters[i].name
    case .constant, .operation: "value\(index)"
    }
  }

  /// All that the node with an index needs, in order.
  mutating func write(upTo last: Int) throws(GraphError) {
    var needed: Set<Int> = [last]
    for i in stride(from: last, through: 0, by: -1) where needed.contains(i) {
      if case .operation(_, let inputs) = graph.nodes[i].source { needed.formUnion(inputs) }
    }
    for i in needed.sorted() {
      let node = graph.nodes[i]
      switch node.source {
      case .input: break
      case .parameter(let k):
        let parameter = graph.parameters[k]
        guard let tensor = state[parameter.name] else {
          throw GraphError("the weights have no \(parameter.name), of shape \(parameter.shape)")
        }
        guard tensor.shape == parameter.shape else {
          throw GraphError(
            "\(parameter.name) has the shape \(tensor.shape) in the weights, \(parameter.shape) in the network"
          )
        }
        add(tensor, name(i))
      case .constant(let tensor): add(tensor, name(i))
      case .operation(let operation, let inputs): try write(operation, i, inputs, node.layer)
      }
    }
  }

  // MARK: tensors

  mutating func add(_ tensor: Tensor<Float>, _ name: String) {
    guard written.insert(name).inserted else { return }
    var proto = Onnx_TensorProto()
    proto.name = name
    proto.dims = tensor.shape.dimensions.map(Int64.init)
    proto.dataType = 1
    tensor.withUnsafeBufferPointer { proto.rawData = .init(buffer: $0) }
    graphProto.initializer.append(proto)
  }

  mutating func integers(_ values: [Int], _ name: String) -> String {
    var proto = Onnx_TensorProto()
    proto.name = name
    proto.dims = [Int64(values.count)]
    proto.dataType = 7
    proto.int64Data = values.map(Int64.init)
    graphProto.initializer.append(proto)
    return name
  }

  mutating func scalar(_ value: Double, _ name: String) -> String {
    add(Tensor([Float(value)], shape: []), name)
    return name
  }

  // MARK: nodes

  enum Attribute {
    case integer(Int)
    case integers([Int])
    case float(Double)
    case string(String)
  }

  mutating func emit(
    _ op: String, _ inputs: [String], _ output: String, _ layer: String,
    _ attributes: KeyValuePairs<String, Attribute> = [:]
  ) {
    emit(op, inputs, output, layer, pairs: attributes.map { ($0.key, $0.value) })
  }

  mutating func emit(
    _ op: String, _ inputs: [String], _ output: String, _ layer: String, pairs: [(String, Attribute)]
  ) {
    var node = Onnx_NodeProto()
    node.opType = op
    node.input = inputs
    node.output = [output]
    node.name = layer.isEmpty ? output : "\(layer) \(output)"
    node.attribute = pairs.map { name, value in
      var proto = Onnx_AttributeProto()
      proto.name = name
      switch value {
      case .integer(let i): (proto.type, proto.i) = (.int, Int64(i))
      case .integers(let values): (proto.type, proto.ints) = (.ints, values.map(Int64.init))
      case .float(let f): (proto.type, proto.f) = (.float, Float(f))
      case .string(let text): (proto.type, proto.s) = (.string, .init(text.utf8))
      }
      return proto
    }
    graphProto.node.append(node)
  }

  private mutating func write(
    _ operation: any Operator, _ index: Int, _ places: [Int], _ layer: String
  ) throws(GraphError) {
    let inputs = places.map { name($0) }
    let shapes = places.map { graph.nodes[$0].shape }
    let (out, shape) = (name(index), graph.nodes[index].shape)
    func refuse(_ why: String) -> GraphError {
      GraphError(
        "\(operation.name) \(why) has no node in ONNX's operator set \(ONNXExport.opset)", layer: layer)
    }
    do {
      switch operation {
      case let conv as Operators.Conv:
        let geometry = try ConvolutionGeometry(input: shapes[0], weight: shapes[1], conv.options)
        guard geometry.mode == .zeros else { throw refuse("with padding by \(geometry.mode)") }
        emit("Conv", inputs, out, layer, pairs: Self.attributes(conv.options, geometry, shapes[1]))
      case let transposed as Operators.ConvInputGradient:
        let options = transposed.options
        let geometry = try ConvolutionGeometry(input: transposed.inputShape, weight: shapes[1], options)
        let rank = geometry.rank
        // What the sizes have beyond the formula of the strides.
        let extra = (0..<rank).map { axis in
          let (i, k) = (3 - rank + axis, shapes[1][2 + axis])
          let (stride, dilation) = (geometry.stride[i], geometry.dilation[i])
          let padding = geometry.padding[i]
          return shape[2 + axis]
            - ((shapes[0][2 + axis] - 1) * stride + dilation * (k - 1) + 1 - padding.begin - padding.end)
        }
        emit(
          "ConvTranspose", inputs, out, layer,
          pairs: Self.attributes(options, geometry, shapes[1]) + [("output_padding", .integers(extra))])
      case is Operators.Linear:
        guard shapes[0].rank == 2 else { throw refuse("of more than two axes") }
        emit("Gemm", inputs, out, layer, ["transB": .integer(1)])
      case let product as Operators.MatMul:
        emit(
          "Gemm", inputs, out, layer,
          [
            "transA": .integer(product.transposeA ? 1 : 0), "transB": .integer(product.transposeB ? 1 : 0),
          ])
      case let norm as Operators.BatchNormInference:
        emit("BatchNormalization", inputs, out, layer, ["epsilon": .float(norm.epsilon)])
      case let activation as Operators.Activate: try write(activation.activation, inputs, out, layer)
      case let binary as Operators.Binary:
        let op: String =
          switch binary.function {
          case .add: "Add"
          case .subtract: "Sub"
          case .multiply: "Mul"
          case .divide: "Div"
          }
        emit(op, inputs, out, layer)
      case let affine as Operators.Affine:
        emit("Mul", [inputs[0], scalar(affine.scale, "\(out).scale")], "\(out).scaled", layer)
        emit("Add", ["\(out).scaled", scalar(affine.offset, "\(out).offset")], out, layer)
      case let unary as Operators.Unary:
        let op: String =
          switch unary.function {
          case .exp: "Exp"
          case .log: "Log"
          case .sqrt: "Sqrt"
          case .abs: "Abs"
          case .sign: "Sign"
          }
        emit(op, inputs, out, layer)
      case let pool as Operators.MaxPool:
        emit("MaxPool", inputs, out, layer, pairs: try Self.window(pool.options, shapes[0]))
      case let pool as Operators.AveragePool:
        if case .fixed = pool.divisor { throw refuse("with a divisor of its own") }
        guard Set(pool.options.dilation) == [1] else { throw refuse("with dilation") }
        let window = try Self.window(pool.options, shapes[0])
        // Dilations came with opset 19.
        emit(
          "AveragePool", inputs, out, layer,
          pairs: window.filter { $0.0 != "dilations" }
            + [("count_include_pad", .integer(pool.divisor == .paddedWindow ? 1 : 0))])
      case is Operators.AdaptiveAveragePool:
        try writeAdaptive(shapes[0], shape, inputs, out, layer, refuse)
      case is Operators.Reshape:
        // The batch stays open.
        let sizes =
          shape.rank > 1 && shapes[0].rank > 0 && shape[0] == shapes[0][0]
          ? [0] + shape.dimensions.dropFirst() : shape.dimensions
        emit("Reshape", [inputs[0], integers(sizes, "\(out).shape")], out, layer)
      case let permute as Operators.Permute:
        emit("Transpose", inputs, out, layer, ["perm": .integers(permute.order)])
      case let concatenate as Operators.Concatenate:
        emit("Concat", inputs, out, layer, ["axis": .integer(concatenate.axis)])
      case let slice as Operators.Slice:
        emit(
          "Slice",
          [
            inputs[0], integers([slice.range.lowerBound], "\(out).starts"),
            integers([slice.range.upperBound], "\(out).ends"), integers([slice.axis], "\(out).axes"),
          ], out, layer)
      case let softmax as Operators.Softmax:
        emit("Softmax", inputs, out, layer, ["axis": .integer(softmax.axis)])
      case let softmax as Operators.LogSoftmax:
        emit("LogSoftmax", inputs, out, layer, ["axis": .integer(softmax.axis)])
      case let resize as Operators.Resize: try write(resize, shape, inputs, out, layer, refuse)
      case let shuffle as Operators.PixelShuffle where !shuffle.isInverse:
        emit(
          "DepthToSpace", inputs, out, layer, ["blocksize": .integer(shuffle.factor), "mode": .string("CRD")])
      default: throw refuse("as it stands")
      }
    } catch let error as GraphError {
      throw error
    } catch {
      throw GraphError("\(operation.name): \(error)", layer: layer)
    }
  }
}
