import Convolution
import Tensors

/// One step of an ONNX network: an operator, the names of what it reads and writes, and its attributes.
public struct ONNXNode: Sendable {
  public let name: String
  public let op: String
  public let opset: Int
  /// Empty names are inputs left out.
  public let inputs: [String]
  public let outputs: [String]
  private let attributes: [String: Attribute]

  private enum Attribute: Sendable {
    case integer(Int)
    case float(Double)
    case string(String)
    case integers([Int])
    case floats([Double])
    case tensor(ONNXValue)
  }

  init(_ node: Onnx_NodeProto, opset: Int) throws(InterchangeError) {
    name = node.name
    op = node.opType
    self.opset = opset
    inputs = node.input
    outputs = node.output
    guard node.domain.isEmpty || node.domain == "ai.onnx" else {
      throw .unsupported("operator \(node.opType) of the domain \(node.domain)")
    }
    var attributes: [String: Attribute] = [:]
    for attribute in node.attribute {
      switch attribute.type {
      case .int: attributes[attribute.name] = .integer(Int(attribute.i))
      case .float: attributes[attribute.name] = .float(Double(attribute.f))
      case .string: attributes[attribute.name] = .string(String(decoding: attribute.s, as: UTF8.self))
      case .ints: attributes[attribute.name] = .integers(attribute.ints.map(Int.init))
      case .floats: attributes[attribute.name] = .floats(attribute.floats.map(Double.init))
      case .tensor: attributes[attribute.name] = .tensor(try attribute.t.value())
      default: throw .unsupported("attribute \(attribute.name) of operator \(node.opType)")
      }
    }
    self.attributes = attributes
  }

  /// The operator, its name and its version, for messages.
  var label: String { "\(op)\(name.isEmpty ? "" : " \"\(name)\"") (opset \(opset))" }

  func integer(_ name: String) -> Int? {
    if case .integer(let value) = attributes[name] { return value }
    return nil
  }

  func float(_ name: String) -> Double? {
    if case .float(let value) = attributes[name] { return value }
    return nil
  }

  func string(_ name: String) -> String? {
    if case .string(let value) = attributes[name] { return value }
    return nil
  }

  func integers(_ name: String) -> [Int]? {
    if case .integers(let values) = attributes[name] { return values }
    return nil
  }

  func floats(_ name: String) -> [Double]? {
    if case .floats(let values) = attributes[name] { return values }
    return nil
  }

  func tensor(_ name: String) -> ONNXValue? {
    if case .tensor(let value) = attributes[name] { return value }
    return nil
  }

  /// The padding of a convolution or pooling, from `auto_pad` and `pads`.
  func padding() throws(InterchangeError) -> Padding {
    switch string("auto_pad") ?? "NOTSET" {
    case "SAME_UPPER": return .same
    case "SAME_LOWER": return Padding(.sameLower)
    case "VALID": return .valid
    case "NOTSET": return Padding(.explicit(try amounts(integers("pads") ?? [0, 0])))
    case let other: throw .malformed("auto_pad \"\(other)\" of \(label)")
    }
  }

  /// How a convolution's kernel moves.
  func convolutionOptions() throws(InterchangeError) -> ConvolutionGeometry.Options {
    .init(
      stride: integers("strides") ?? [1], padding: try padding(), dilation: integers("dilations") ?? [1],
      groups: integer("group") ?? 1)
  }

  /// A pooling's windows.
  func poolingOptions() throws(InterchangeError) -> PoolingGeometry.Options {
    guard let kernel = integers("kernel_shape") else { throw .malformed("\(label) lacks its kernel_shape") }
    return PoolingGeometry.Options(
      kernel: kernel, stride: integers("strides") ?? [1], padding: try padding(),
      dilation: integers("dilations") ?? [1], ceilMode: integer("ceil_mode") == 1)
  }

  /// The activation that the operator is.
  var activation: Activation? {
    switch op {
    case "Relu": .relu
    case "LeakyRelu": .leakyRelu(slope: float("alpha") ?? 0.01)
    case "Elu": .elu(alpha: float("alpha") ?? 1)
    case "Gelu": string("approximate") == "tanh" ? nil : .gelu
    case "HardSwish": .hardswish
    case "Tanh": .tanh
    case "Sigmoid": .sigmoid
    case "Softplus": .softplus
    default: nil
    }
  }

  /// ONNX's order: all begins, then all ends.
  func amounts(_ pads: [Int]) throws(InterchangeError) -> [Padding.Amount] {
    guard pads.count.isMultiple(of: 2), !pads.isEmpty else {
      throw .malformed("\(pads.count) pads of \(label)")
    }
    let axes = pads.count / 2
    return (0..<axes).map { Padding.Amount(pads[$0], pads[axes + $0]) }
  }
}
