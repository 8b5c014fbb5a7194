import ArgumentParser
import Convolve
import Foundation

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Names what images show, by a network that convolve train has trained.",
    discussion: """
      Images are resized to the network's, antialiased, and made grey or coloured as it needs.

      Examples:
        convolve predict run shoe.png shirt.jpg
        convolve predict run photos/*.jpg --top 3 --json
      """)

  @Argument(help: ArgumentHelp("The folder that convolve train made.", valueName: "run")) var folder: String
  @Argument(help: "Image files.") var images: [String]
  @Option(help: "Classes that are named for each image.") var top = 3
  @Option(help: "The weights: best or last.") var weights = "best"
  @Flag(help: "Images show the negative: dark on light, where the network was trained with light on dark.")
  var invert = false
  @Flag(help: "As JSON.") var json = false

  private struct Prediction: Encodable {
    let image: String
    let classes: [Class]

    struct Class: Encodable {
      let name: String
      let probability: Double
    }
  }

  func validate() throws {
    if top < 1 { throw ValidationError("--top \(top): name at least one class.") }
  }

  func run() throws {
    var predictions: [Prediction] = []
    var failures = 0
    do {
      let description = try RunDescription(folder: folder)
      let classifier = try description.classifier(folder: folder, weights: weights, batchSize: 1)
      for path in images {
        do {
          predictions.append(try predict(path, description, classifier))
          if !json { show(predictions[predictions.count - 1]) }
        } catch {
          Terminal.error("\(error)")
          failures += 1
        }
      }
    } catch {
      Terminal.error("\(error)")
      throw ExitCode(1)
    }
    if json { Terminal.print(jsonText(predictions)) }
    if failures > 0 { throw ExitCode(failures == images.count ? 1 : 2) }
  }

  private func predict(
    _ path: String, _ description: RunDescription, _ classifier: Classifier
  ) throws -> Prediction {
    let logits = try classifier.logits(try description.input(path: path, invert: invert))
    let probabilities = try softmax(logits, axis: 1).scalars
    let order = probabilities.indices.sorted { (probabilities[$1], $0) < (probabilities[$0], $1) }
    return Prediction(
      image: path,
      classes: order.prefix(top).map {
        .init(name: description.classNames[$0], probability: Double(probabilities[$0]))
      })
  }

  private func show(_ prediction: Prediction) {
    let classes = prediction.classes.map { String(format: "\($0.name) %.1f %%", $0.probability * 100) }
    Terminal.print("\(prediction.image): \(classes.joined(separator: ", "))")
  }
}
