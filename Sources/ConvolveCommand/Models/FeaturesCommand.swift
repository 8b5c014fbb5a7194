import ArgumentParser
import Convolve
import Foundation

struct FeaturesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "features",
    abstract:
      "Draws what a layer of a trained network has learned: its kernels, or its feature maps of an image.",
    discussion: """
      Kernels are drawn with grey as 0, one row for each output channel. Feature maps
      are drawn from their least (black) to their greatest (white), each for itself.

      Examples:
        convolve features run                                 # names the layers
        convolve features efficientnet_lite0 cat.jpg --layer blocks.3 -o maps.png
        convolve features run --layer conv.conv1 -o kernels.png
        convolve features run shoe.png --layer conv.conv1 -o maps.png
      """)

  @Argument(help: "The network: the folder of a training, a name or an ONNX file.") var model: String
  @Argument(help: "An image, for feature maps.") var image: String?
  @Option(help: ArgumentHelp("The layer, by its name in the weights.", valueName: "name")) var layer: String?
  @Option(name: .shortAndLong, help: ArgumentHelp("The picture.", valueName: "file")) var out: String?
  @Option(help: ArgumentHelp("A file of weights; of a training, best or last.", valueName: "file"))
  var weights: String?
  @Option(help: "Pixels along a side of each number.") var scale: Int?
  @Flag(help: "Replaces a picture that exists.") var force = false

  func validate() throws {
    if layer != nil, out == nil { throw ValidationError("Missing --out: the picture.") }
    if let scale, scale < 1 { throw ValidationError("--scale \(scale): at least 1.") }
  }

  /// Rows and columns of kernels that a picture has at most.
  private static let limit = 64

  func run() throws {
    do { try draw() } catch {
      Terminal.error("\(error)")
      throw ExitCode(1)
    }
  }

  private func draw() throws {
    let named = try NamedModel(model)
    let state = try named.state(weights: weights)
    guard let layer, let out else {
      for name in state.names where name.hasSuffix(".weight") {
        Terminal.print("\(name.dropLast(7))  \(state[name]!.shape)")
      }
      return
    }
    let sheet: Image
    if let image {
      sheet = try maps(named, state, image, layer)
    } else {
      sheet = try kernels(state, layer)
    }
    try sheet.write(to: out, replacing: force)
  }

  private func kernels(_ state: StateDict, _ layer: String) throws -> Image {
    guard let weight = state["\(layer).weight"], weight.shape.rank == 4 else {
      let names = state.names.filter { $0.hasSuffix(".weight") && state[$0]!.shape.rank == 4 }.map {
        $0.dropLast(7)
      }
      throw FileError(model, "has no kernels of a layer \(layer); it has \(names.joined(separator: ", "))")
    }
    let rows = weight.slice(0..<min(Self.limit, weight.shape[0]), axis: 0)
    let some = rows.slice(0..<min(Self.limit, weight.shape[1]), axis: 1)
    let greatest = max(some.scalars.map(\.magnitude).max() ?? 0, .leastNormalMagnitude)
    let shape = some.shape
    let planes = some.reshaped([shape[0] * shape[1], 1, shape[2], shape[3]])
    // One channel's kernels go in rows of eight.
    return contactSheet(
      planes, columns: shape[1] == 1 ? min(8, shape[0]) : shape[1], low: -greatest, high: greatest,
      scale: scale ?? 12, border: 255)
  }

  private func maps(
    _ named: NamedModel, _ state: StateDict, _ path: String, _ layer: String
  ) throws -> Image {
    let imageShape = named.imageShape()
    let network = try named.network(imageShape: imageShape, classes: NamedModel.classes(of: state))
    let image = try named.input(path: path, imageShape: imageShape)
    let graph = Graph(network)
    let input = graph.input("images", image.shape)
    _ = try network(input)
    guard let value = graph.output(ofLayer: layer), value.shape.rank == 4 else {
      throw FileError(
        model, "has no feature maps of a layer \(layer); convolve features \(model) names the layers")
    }
    let program = try Program(graph, outputs: [value])
    try program.load(state, isComplete: false)
    let maps = try program.run(["images": image])[0]
    let (count, height, width) = (min(Self.limit, maps.shape[1]), maps.shape[2], maps.shape[3])
    var scalars: [Float] = []
    for c in 0..<count {
      let map = maps.slice(c..<c + 1, axis: 1).scalars
      let (least, greatest) = (map.min()!, map.max()!)
      scalars += map.map { greatest > least ? ($0 - least) / (greatest - least) : 0 }
    }
    return contactSheet(
      Tensor(scalars, shape: [count, 1, height, width]), columns: min(8, count),
      scale: scale ?? max(1, 96 / height))
  }
}
