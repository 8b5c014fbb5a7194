import ArgumentParser
import Convolve
import Foundation

extension ReferenceNetwork: ExpressibleByArgument {}

/// What a run folder says about the network that was trained there: `network.json`.
struct RunDescription: Codable {
  var model: String
  var width: Int
  var imageShape: [Int]
  var classNames: [String]
  var mean: [Float]
  var deviation: [Float]
  var data: String

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

  init(model: ReferenceNetwork, width: Int, data: DatasetFolder, path: String) {
    (self.model, self.width) = (model.rawValue, width)
    imageShape = data.training.imageShape.dimensions
    classNames = data.training.classNames
    (mean, deviation) = (data.mean, data.deviation)
    self.data = path
  }

  func network() throws -> any Layer {
    guard let model = ReferenceNetwork(rawValue: model) else {
      throw TrainingError.invalid("there is no network \(model)")
    }
    return model.network(imageShape: Shape(imageShape), classes: classNames.count, width: width)
  }

  /// The trained network of a run folder, for batches of one size.
  func classifier(folder: String, weights: String, batchSize: Int) throws -> Classifier {
    try Classifier(
      try network(), imageShape: Shape(imageShape), batchSize: batchSize,
      state: try Safetensors(path: "\(folder)/\(weights).safetensors").state)
  }
}
