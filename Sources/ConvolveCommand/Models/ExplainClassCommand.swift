import ArgumentParser
import Convolve
import Foundation

struct ExplainClassCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain-class",
    abstract: "Shows where a network sees a class in an image: Grad-CAM.",
    discussion: """
      The last feature maps are weighted by how much each raises the class, on average
      over its places, and what is above 0 of their sum is laid over the image, from
      blue to red: R. R. Selvaraju and others, "Grad-CAM" (2017).

      Examples:
        convolve explain-class efficientnet_lite0 cat.jpg -o where.png
        convolve explain-class resnet50 dog.jpg --weights resnet50.pth --class 207 -o where.png
      """)

  @Argument(help: "The network: a folder, a name or an ONNX file.") var model: String
  @Argument(help: "An image.") var image: String
  @Option(name: .customLong("class"), help: "The class, by its number (default: the likeliest).") var target:
    Int?
  @Option(help: ArgumentHelp("A file of weights; of a training, best or last.", valueName: "file"))
  var weights: String?
  @Option(help: ArgumentHelp("A file of class names, one a line.", valueName: "file")) var classes: String?
  @Option(name: .shortAndLong, help: ArgumentHelp("The picture.", valueName: "file")) var out: String
  @Option(help: "Pixels along a side of each of the network's.") var scale = 2
  @Flag(help: "Replaces a picture that exists.") var force = false

  func validate() throws {
    if !(1...16).contains(scale) { throw ValidationError("--scale \(scale): from 1 to 16.") }
  }

  func run() throws {
    do { try draw() } catch {
      Terminal.error("\(error)")
      throw ExitCode(1)
    }
  }

  private func draw() throws {
    let named = try NamedModel(model)
    let state = try named.state(weights: weights)
    let imageShape = named.imageShape()
    let network = try named.network(imageShape: imageShape, classes: NamedModel.classes(of: state))
    let input = try named.input(path: image, imageShape: imageShape)
    let classifier = try Classifier(network, imageShape: imageShape, batchSize: 1, state: state)
    let logits = try classifier.logits(input).scalars
    let names = try named.classNames(file: classes, count: logits.count)
    let chosen = target ?? logits.indices.max { (logits[$0], -$0) < (logits[$1], -$1) }!
    guard logits.indices.contains(chosen) else {
      throw FileError(model, "has no class \(chosen): they go from 0 to \(logits.count - 1)")
    }
    let heat = try ClassActivation(network, input: input, target: chosen, state: state).heat
    try overlay(input, heat).write(to: out, replacing: force)
    Terminal.print(
      "\(image): \(names[chosen]) (class \(chosen)), logit \(plain(Double(logits[chosen] * 100).rounded() / 100))"
    )
  }

  /// The image as the network saw it, from its least to its greatest sample, under the heat.
  private func overlay(_ input: Tensor<Float>, _ heat: Tensor<Float>) throws -> Image {
    let (channels, height, width) = (input.shape[1], input.shape[2], input.shape[3])
    let options = ResizeOptions.linear
    let large = try resize(heat, outputSize: [height * scale, width * scale], options).scalars
    let photo = try resize(input, outputSize: [height * scale, width * scale], options).scalars
    let (least, greatest) = (photo.min() ?? 0, photo.max() ?? 1)
    let plane = height * width * scale * scale
    var scalars = [Float](repeating: 0, count: 3 * plane)
    for i in 0..<plane {
      // From blue by green to red.
      let h = large[i]
      let color = [min(1, max(0, 2 * h - 0.5)), 1 - abs(2 * h - 1), min(1, max(0, 1.5 - 2 * h))]
      for c in 0..<3 {
        let sample = (photo[min(c, channels - 1) * plane + i] - least) / max(greatest - least, 1e-6)
        scalars[c * plane + i] = sample * (1 - 0.6 * h) + color[c] * 0.6 * h
      }
    }
    return contactSheet(
      Tensor(scalars, shape: [1, 3, height * scale, width * scale]), columns: 1, border: 0)
  }
}
