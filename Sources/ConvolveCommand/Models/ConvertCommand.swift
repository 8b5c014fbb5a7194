import ArgumentParser
import Convolve
import Foundation

struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Writes the tensors of one file in another format.",
    discussion: """
      Reads safetensors, PyTorch checkpoints (of tensors alone: nothing in them is run),
      .npy, .npz and the initializers of .onnx files; writes .safetensors and .npz, by
      the name's end, and .onnx for a network that --model names.

      Examples:
        convolve convert resnet50.pth resnet50.safetensors
        convolve convert weights.npz weights.safetensors
        convolve convert resnet50.pth resnet50.onnx --model resnet50
      """)

  @Argument(help: "The file that is read.") var input: String
  @Argument(help: "The file that is written.") var output: String
  @Option(help: "The network whose weights they are, for .onnx.") var model: String?
  @Option(help: ArgumentHelp("The side of the images that go in, for .onnx.", valueName: "pixels")) var size:
    Int?
  @Flag(help: "Replaces a file that exists.") var force = false

  func validate() throws {
    guard ["safetensors", "npz", "onnx"].contains(URL(filePath: output).pathExtension) else {
      throw ValidationError("\(output): name a .safetensors, an .npz or an .onnx file.")
    }
    if output.hasSuffix(".onnx"), model == nil {
      throw ValidationError("Missing --model: the network whose weights they are.")
    }
  }

  func run() throws {
    do {
      if !force { try requireAbsent(output) }
      if let model, output.hasSuffix(".onnx") {
        let named = try NamedModel(model)
        let state = try named.state(weights: input)
        let imageShape = named.imageShape(size: size)
        let network = try named.network(imageShape: imageShape, classes: NamedModel.classes(of: state))
        let bytes = try ONNXExport(network, imageShape: imageShape, state: state).encoded
        try writeFile(bytes, to: output, replacing: force)
        Terminal.print("\(output): \(model), opset \(ONNXExport.opset), \(bytes.count) bytes")
        return
      }
      let (tensors, integers) = try read()
      if output.hasSuffix(".npz") {
        try NumPyArrays(tensors).write(to: output, replacing: force)
      } else {
        var file = Safetensors(tensors)
        file.integers = integers
        try file.write(to: output, replacing: force)
      }
      let count = tensors.reduce(0) { $0 + $1.tensor.shape.count }
      Terminal.print("\(output): \(tensors.count) tensors, \(count) numbers")
    } catch {
      Terminal.error("\(error)")
      throw ExitCode(1)
    }
  }

  private func read() throws -> (tensors: [(name: String, tensor: Tensor<Float>)], integers: Set<String>) {
    if input.hasSuffix(".onnx") {
      let state = try ONNXNetwork(ONNXModel(contentsOf: URL(filePath: input))).state
      return (state.names.map { ($0, state[$0]!) }, [])
    }
    let file = try TensorFile(path: input)
    return (
      file.tensors.enumerated().map { ($1.name.isEmpty ? "array\($0)" : $1.name, $1.tensor) }, file.integers
    )
  }
}
