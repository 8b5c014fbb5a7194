import ArgumentParser
import Convolve
import Foundation

/// What convolve train can train.
enum TrainableNetwork: ExpressibleByArgument, Equatable {
  case classifier(ReferenceNetwork)
  case autoencoder
  case dcgan

  static let names = ReferenceNetwork.allCases.map(\.rawValue) + ["autoencoder", "dcgan"]

  init?(argument: String) {
    switch argument {
    case "autoencoder": self = .autoencoder
    case "dcgan": self = .dcgan
    default:
      guard let network = ReferenceNetwork(rawValue: argument) else { return nil }
      self = .classifier(network)
    }
  }

  var name: String {
    switch self {
    case .classifier(let network): network.rawValue
    case .autoencoder: "autoencoder"
    case .dcgan: "dcgan"
    }
  }

  var defaultValueDescription: String { name }
}

/// What a run folder says about the network that was trained there: `network.json`.
struct RunDescription: Codable {
  var model: String
  var width: Int
  var imageShape: [Int]
  var classNames: [String]
  var mean: [Float]
  var deviation: [Float]
  var data: String
  /// Whether images were Sobel-filtered first.
  var isSobelFiltered: Bool?
  /// The length of an autoencoder's codes.
  var codeLength: Int?

  /// - Throws: `FileError` for a folder that is none of a training.
  init(folder: String) throws {
    let path = "\(folder)/network.json"
    let bytes = try readFile(path)
    do {
      self = try JSONDecoder().decode(RunDescription.self, from: Data(bytes))
    } catch {
      throw FileError(path, "does not describe a trained network; name the folder that convolve train made")
    }
  }

  init(model: TrainableNetwork, width: Int, data: DatasetFolder, path: String) {
    (self.model, self.width) = (model.name, width)
    imageShape = data.training.imageShape.dimensions
    classNames = data.training.classNames
    (mean, deviation) = (data.mean, data.deviation)
    self.data = path
  }

  func network() throws -> any Layer {
    switch TrainableNetwork(argument: model) {
    case .classifier(let model):
      return model.network(imageShape: Shape(imageShape), classes: classNames.count, width: width)
    case .autoencoder:
      guard imageShape[1] % 4 == 0, imageShape[2] % 4 == 0 else {
        throw TrainingError.invalid(
          "an autoencoder of images of \(Shape(imageShape)): height and width must be divisible by 4")
      }
      return ConvolutionalAutoencoder(imageShape: Shape(imageShape), codeLength: codeLength ?? 64)
    case .dcgan, nil: throw TrainingError.invalid("\(model) is no network of one input and one output")
    }
  }

  /// An image file as the network takes it: `[1, C, H, W]`, filtered and normalised as in training.
  func input(path: String, invert: Bool = false) throws -> Tensor<Float> {
    let shape = Shape(imageShape)
    var planes = try Image(path: path).planes(shape)
    planes.withUnsafeMutableBufferPointer { samples in
      if invert { for i in samples.indices { samples[i] = 1 - samples[i] } }
      if isSobelFiltered == true { SobelFiltered.apply(to: samples, shape) }
      normalize(samples, channels: shape[0], mean: mean, deviation: deviation)
    }
    return planes.reshaped(Shape([1] + imageShape))
  }

  /// The trained network of a run folder, for batches of one size.
  func classifier(folder: String, weights: String, batchSize: Int) throws -> Classifier {
    try Classifier(
      try network(), imageShape: Shape(imageShape), batchSize: batchSize,
      state: try Safetensors(path: "\(folder)/\(weights).safetensors").state)
  }
}
