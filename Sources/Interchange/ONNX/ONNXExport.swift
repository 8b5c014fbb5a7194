import Convolution
import Foundation
import Networks
import SwiftProtobuf
import Tensors

/// A network as an ONNX file: the inference graph, with its weights and an open batch.
///
/// - Source: the ONNX specification, operator set 17.
public struct ONNXExport {
  /// The version of the operator set that is written.
  public static let opset = 17

  private var proto = Onnx_ModelProto()

  /// - Parameters:
  ///   - network: of one input and one output.
  ///   - imageShape: `[C, H, W]` of the images.
  ///   - state: the weights.
  /// - Throws: `GraphError` where the network does not take the images, a weight is missing, or an operator has no ONNX node.
  public init(_ network: any Layer, imageShape: Shape, state: StateDict) throws(GraphError) {
    let graph = Graph(network)
    let x = graph.input("input", Shape([1] + imageShape.dimensions))
    let output = try network(x)
    var writer = ONNXWriter(graph: graph, state: state)
    try writer.write(upTo: output.index)
    proto.irVersion = 8
    proto.producerName = "convolve"
    var set = Onnx_OperatorSetIdProto()
    set.version = Int64(Self.opset)
    proto.opsetImport = [set]
    proto.graph = writer.graphProto
    proto.graph.name = "network"
    proto.graph.input = [Self.information("input", imageShape.dimensions)]
    let name = writer.name(output.index)
    proto.graph.output = [Self.information(name, Array(output.shape.dimensions.dropFirst()))]
  }

  /// A float tensor with an open batch.
  private static func information(_ name: String, _ sizes: [Int]) -> Onnx_ValueInfoProto {
    var info = Onnx_ValueInfoProto()
    info.name = name
    info.type.tensorType.elemType = 1
    var batch = Onnx_TensorShapeProto.Dimension()
    batch.dimParam = "N"
    info.type.tensorType.shape.dim =
      [batch]
      + sizes.map { size in
        var dimension = Onnx_TensorShapeProto.Dimension()
        dimension.dimValue = Int64(size)
        return dimension
      }
    return info
  }

  /// The file's bytes.
  public var encoded: [UInt8] {
    get throws { Array(try proto.serializedData() as Data) }
  }
}
