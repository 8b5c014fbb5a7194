import ArgumentParser
import Convolve
import Foundation

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Names what images show, by a trained network.",
    discussion: """
      The network is the folder of a training, a network's name with its weights (a
      PyTorch checkpoint or safetensors), one that convolve models fetch has fetched,
      or an ONNX file. Images are resized, cropped and normalised as in training;
      --explain says how. A network that puts out a picture writes it to --out.

      Examples:
        convolve predict run shoe.png shirt.jpg
        convolve predict efficientnet_lite0 cat.jpg --top 3
        convolve predict resnet50 photos/*.jpg --weights resnet50.pth --json
        convolve predict net.onnx cat.jpg --classes names.txt
        convolve predict hed photo.jpg -o edges.png
      """)

  @Argument(help: "The network: a folder, a name or an ONNX file.") var model: String
  @Argument(help: "Image files.") var images: [String]
  @Option(help: "Classes that are named for each image.") var top = 3
  @Option(help: ArgumentHelp("A file of weights; of a training, best or last.", valueName: "file"))
  var weights: String?
  @Option(help: ArgumentHelp("A file of class names, one a line.", valueName: "file")) var classes: String?
  @Option(help: ArgumentHelp("The side of the images that go in.", valueName: "pixels")) var size: Int?
  @Option(
    name: .shortAndLong, help: ArgumentHelp("The picture, of a network that puts out one.", valueName: "file")
  )
  var out: String?
  @Flag(help: "Replaces a picture that exists.") var force = false
  @Flag(help: "Images show the negative: dark on light, where the network was trained with light on dark.")
  var invert = false
  @Flag(help: "Says how images are prepared, and what the network takes.") var explain = false
  @Flag(help: "As JSON.") var json = false

  private struct Prediction: Encodable {
    let image: String
    let classes: [Class]

    struct Class: Encodable {
      let name: String
      let number: Int
      let probability: Double
    }
  }

  func validate() throws {
    if top < 1 { throw ValidationError("--top \(top): name at least one class.") }
    if let size, !(8...4096).contains(size) {
      throw ValidationError("--size \(size): from 8 to 4096 pixels.")
    }
  }

  func run() throws {
    var predictions: [Prediction] = []
    var failures = 0
    do {
      let named = try NamedModel(model)
      if case .pretrained(.hed) = named.kind { return try drawEdges(named) }
      let state = try named.state(weights: weights)
      let imageShape = named.imageShape(size: size)
      let network = try named.network(imageShape: imageShape, classes: NamedModel.classes(of: state))
      let classifier = try Classifier(network, imageShape: imageShape, batchSize: 1, state: state)
      let names = try named.classNames(file: classes, count: classifier.classes)
      if explain { Terminal.note("images of \(imageShape): \(named.preprocessingText)") }
      for path in images {
        do {
          let input = try named.input(path: path, imageShape: imageShape, invert: invert)
          predictions.append(try predict(path, input, classifier, names))
          if !json { show(predictions[predictions.count - 1]) }
        } catch {
          Terminal.error("\(error)")
          failures += 1
        }
      }
    } catch let code as ExitCode {
      throw code
    } catch {
      Terminal.error("\(error)")
      throw ExitCode(1)
    }
    if json { Terminal.print(jsonText(predictions)) }
    if failures > 0 { throw ExitCode(failures == images.count ? 1 : 2) }
  }

  private func predict(
    _ path: String, _ input: Tensor<Float>, _ classifier: Classifier, _ names: [String]
  ) throws -> Prediction {
    let probabilities = try softmax(classifier.logits(input), axis: 1).scalars
    let order = probabilities.indices.sorted { (probabilities[$1], $0) < (probabilities[$0], $1) }
    return Prediction(
      image: path,
      classes: order.prefix(top).map {
        .init(name: names[$0], number: $0, probability: Double(probabilities[$0]))
      })
  }

  private func show(_ prediction: Prediction) {
    let classes = prediction.classes.map { String(format: "\($0.name) %.1f %%", $0.probability * 100) }
    Terminal.print("\(prediction.image): \(classes.joined(separator: ", "))")
  }

  private func drawEdges(_ named: NamedModel) throws {
    guard let out, images.count == 1 else {
      Terminal.error("\(model) puts out a picture: give one image, and --out")
      throw ExitCode(64)
    }
    let input = try named.input(path: images[0], imageShape: named.imageShape())
    let network = try named.network(imageShape: named.imageShape())
    let graph = Graph(network)
    let x = graph.input("images", input.shape)
    let program = try Program(graph, outputs: [try network(x)], weights: try named.state(weights: weights))
    let edges = try program.run(["images": input])[0]
    try contactSheet(edges, columns: 1, scale: 1, border: 0).write(to: out, replacing: force)
  }
}
