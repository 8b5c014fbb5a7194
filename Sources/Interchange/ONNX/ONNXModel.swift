import Foundation
import SwiftProtobuf
import Tensors

/// A network as an ONNX file describes it: nodes in the order of execution.
///
/// - Source: the ONNX specification, `onnx.proto`.
public struct ONNXModel: Sendable {
  /// The version of the default operator set.
  public let opset: Int
  public let nodes: [ONNXNode]
  /// The names of what is fed in: the graph's inputs less its initializers.
  public private(set) var inputs: [String]
  public let outputs: [String]
  /// The sizes of the inputs that the file tells, nil where they are open.
  let inputShapes: [String: [Int?]]
  /// The constants, by name.
  public private(set) var initializers: [String: ONNXValue]

  /// - Parameter url: of an `.onnx` file.
  /// - Throws: ``InterchangeError`` where it cannot be read.
  public init(contentsOf url: URL) throws(InterchangeError) {
    try self.init(Self.read(url), folder: url.deletingLastPathComponent())
  }

  /// - Parameters:
  ///   - data: a `ModelProto` message.
  ///   - folder: where files with the data of tensors lie.
  /// - Throws: ``InterchangeError`` where it is none.
  public init(_ data: Data, folder: URL? = nil) throws(InterchangeError) {
    let model: Onnx_ModelProto
    do {
      model = try Onnx_ModelProto(serializedBytes: data)
    } catch {
      throw .malformed("it is no ONNX model: \(error)")
    }
    guard model.hasGraph else { throw .malformed("the ONNX model has no graph") }
    opset = Int(model.opsetImport.first { $0.domain.isEmpty || $0.domain == "ai.onnx" }?.version ?? 1)
    var constants: [String: ONNXValue] = [:]
    for tensor in model.graph.initializer { constants[tensor.name] = try tensor.value(folder: folder) }
    initializers = constants
    inputs = model.graph.input.map(\.name).filter { constants[$0] == nil }
    outputs = model.graph.output.map(\.name)
    var shapes: [String: [Int?]] = [:]
    for input in model.graph.input {
      shapes[input.name] = input.type.tensorType.shape.dim.map {
        $0.dimValue > 0 && $0.dimValue < 1 << 31 ? Int($0.dimValue) : nil
      }
    }
    inputShapes = shapes
    var nodes: [ONNXNode] = []
    for node in model.graph.node { nodes.append(try ONNXNode(node, opset: opset)) }
    self.nodes = nodes
  }

  /// The model with some inputs as initializers.
  func fixing(_ constants: [String: ONNXValue]) -> ONNXModel {
    var model = self
    model.inputs.removeAll { constants[$0] != nil }
    model.initializers.merge(constants) { $1 }
    return model
  }

  /// A tensor from a file of its own, as in ONNX's test data.
  /// - Parameter url: of a file with one `TensorProto` message.
  /// - Throws: ``InterchangeError`` where it cannot be read.
  public static func tensor(contentsOf url: URL) throws(InterchangeError) -> ONNXValue {
    let data = try read(url)
    let message: Onnx_TensorProto
    do {
      message = try Onnx_TensorProto(serializedBytes: data)
    } catch {
      throw .malformed("it is no ONNX tensor: \(error)")
    }
    return try message.value()
  }

  private static func read(_ url: URL) throws(InterchangeError) -> Data {
    do {
      return try Data(contentsOf: url, options: .alwaysMapped)
    } catch {
      throw .unreadable(path: url.path, reason: (error as NSError).localizedDescription)
    }
  }
}
