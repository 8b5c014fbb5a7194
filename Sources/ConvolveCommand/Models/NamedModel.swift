import Convolve
import Foundation

/// A network that the command line names: a reference network, a pretrained one, an ONNX file, or the folder of a training.
struct NamedModel {
  enum Kind {
    case reference(ReferenceNetwork)
    case pretrained(PretrainedNetwork)
    case run(RunDescription, folder: String)
    case onnx(ONNXNetwork)
  }

  let name: String
  let kind: Kind

  static let names = ReferenceNetwork.allCases.map(\.rawValue) + PretrainedNetwork.allCases.map(\.rawValue)

  /// - Throws: `FileError` for a name that is none of these.
  init(_ name: String) throws {
    self.name = name
    if let network = ReferenceNetwork(rawValue: name) {
      kind = .reference(network)
    } else if let network = PretrainedNetwork(rawValue: name) {
      kind = .pretrained(network)
    } else if name.hasSuffix(".onnx") {
      kind = .onnx(try ONNXNetwork(ONNXModel(contentsOf: URL(filePath: name))))
    } else if FileManager.default.fileExists(atPath: name) {
      kind = .run(try RunDescription(folder: name), folder: name)
    } else {
      throw FileError(
        name,
        "is no file, no folder that convolve train made, and no network; networks: "
          + Self.names.joined(separator: ", "))
    }
  }

  /// `[C, H, W]` that the network takes, but for `size`.
  func imageShape(size: Int? = nil) -> Shape {
    switch kind {
    case .reference(.lenet5): [1, size ?? 32, size ?? 32]
    case .reference, .pretrained: [3, size ?? 224, size ?? 224]
    case .run(let description, _): Shape(description.imageShape)
    case .onnx(let network):
      Shape(zip(network.inputs[0].shape.dropFirst(), [3, size ?? 224, size ?? 224]).map { $0 ?? $1 })
    }
  }

  func network(imageShape: Shape, classes: Int? = nil) throws -> any Layer {
    switch kind {
    case .reference(let network):
      return network.network(imageShape: imageShape, classes: classes ?? (network == .lenet5 ? 10 : 1000))
    case .pretrained(let network): return network.network(classes: classes ?? 1000)
    case .run(let description, _): return try description.network()
    case .onnx(let network): return network
    }
  }

  var preprocessing: Preprocessing {
    if case .pretrained(let network) = kind { return network.preprocessing }
    return .torchvision
  }

  /// How images are prepared, for people.
  var preprocessingText: String {
    switch kind {
    case .run(let description, _):
      "resized, antialiased, from 0 to 1, minus \(description.mean), by \(description.deviation)"
    case .reference(.lenet5): "grey, resized, antialiased, from 0 to 1"
    default: "\(preprocessing)"
    }
  }

  /// The weights: from a file of any format, what was fetched, or what was trained or stands in the ONNX file.
  /// - Parameter weights: a file; `best` or `last` of a training.
  func state(weights: String?) throws -> StateDict {
    switch kind {
    case .onnx(let network): return network.state
    case .run(_, let folder): return try Safetensors(path: "\(folder)/\(weights ?? "best").safetensors").state
    case .reference:
      guard let weights else {
        throw FileError(
          name,
          "comes without weights: name a file with --weights, as torchvision's \(name).pth or a .safetensors")
      }
      return StateDict(try TensorFile(path: weights, mmap: true).tensors.map { ($0.name, $0.tensor) })
    case .pretrained(let network):
      let path = weights ?? FetchableModel(network).path
      if weights == nil, !FileManager.default.fileExists(atPath: path) {
        throw FileError(
          path, "is not there: fetch it with convolve models fetch \(name), or name a file with --weights")
      }
      let tensors = try TensorFile(path: path, mmap: true).tensors
      return StateDict(tensors.map { (network.name(ofPublished: $0.name), $0.tensor) })
    }
  }

  /// A photo as the network takes it.
  func input(path: String, imageShape: Shape, invert: Bool = false) throws -> Tensor<Float> {
    if case .run(let description, _) = kind { return try description.input(path: path, invert: invert) }
    let image = try Image(path: path).converted(to: .uint8)
    let shape: Shape = [3, image.height, image.width]
    var photo = try image.planes(shape).reshaped([1, 3, image.height, image.width])
    photo.withUnsafeMutableBufferPointer { samples in
      for i in samples.indices { samples[i] = (samples[i] * 255).rounded() }
      if invert { for i in samples.indices { samples[i] = 255 - samples[i] } }
    }
    let size = (height: imageShape[1], width: imageShape[2])
    if imageShape[0] == 1 {
      // LeNet-5's digits: grey, from 0 to 1.
      let grey = try image.planes([1, size.height, size.width])
      return Tensor(grey.scalars.map { invert ? 1 - $0 : $0 }, shape: [1, 1, size.height, size.width])
    }
    return try preprocessing(photo, size: size)
  }

  /// Rows of the last matrix among the weights: how many classes a file of weights tells apart.
  static func classes(of state: StateDict) -> Int? {
    state.names.last { state[$0]!.shape.rank == 2 }.map { state[$0]!.shape[0] }
  }

  /// The names of `count` classes: from a file, of the training, ImageNet's where they are 1000, or numbers.
  func classNames(file: String?, count: Int) throws -> [String] {
    var names: [String]
    if let file {
      names = String(decoding: try readFile(file), as: UTF8.self).split(separator: "\n").map(String.init)
      guard names.count == count else {
        throw FileError(file, "names \(names.count) classes, one a line, for a network of \(count)")
      }
      return names
    }
    if case .run(let description, _) = kind { return description.classNames }
    names = count == imageNetClasses.count ? imageNetClasses : (0..<count).map { "class \($0)" }
    return names
  }
}
