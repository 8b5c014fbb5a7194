import ArgumentParser
import Convolve
import Foundation

struct SummaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "summary",
    abstract: "A network layer by layer: shapes, parameters, multiply-adds, receptive fields.",
    discussion: """
      A row is one call of a layer. The receptive field is how many input samples one
      output sees along the height, the jump how many lie between neighbours; both end
      where an output sees everything.

      Examples:
        convolve summary resnet50
        convolve summary vgg16_bn --size 64 --classes 10 --json
        convolve summary net.onnx --svg layers.svg
      """)

  @Argument(help: "The network: a name, an ONNX file, or the folder of a training.") var model: String
  @Option(help: ArgumentHelp("The side of the images that go in.", valueName: "pixels")) var size: Int?
  @Option(help: "Classes of the last layer.") var classes: Int?
  @Option(help: "Images in a batch.") var batch = 1
  @Option(help: ArgumentHelp("A picture: parameters and multiply-adds of each layer.", valueName: "file"))
  var svg: String?
  @Flag(help: "Replaces a picture that exists.") var force = false
  @Flag(help: "As JSON.") var json = false

  func validate() throws {
    if let size, !(1...8192).contains(size) {
      throw ValidationError("--size \(size): from 1 to 8192 pixels.")
    }
    if let classes, classes < 1 { throw ValidationError("--classes \(classes): at least 1.") }
    if batch < 1 { throw ValidationError("--batch \(batch): at least 1.") }
  }

  private struct Report: Encodable {
    let model: String
    let input: [Int]
    let parameters: Int
    let buffers: Int
    let multiplyAdds: Int
    /// Bytes that the weights take, and that the tensors of a run share.
    let weightBytes: Int
    let tensorBytes: Int
    let layers: [NetworkSummary.Row]
  }

  func run() throws {
    do {
      let named = try NamedModel(model)
      let imageShape = named.imageShape(size: size)
      let network = try named.network(imageShape: imageShape, classes: classes)
      let graph = Graph(network)
      let input = Shape([batch] + imageShape.dimensions)
      let output = try network(graph.input("images", input))
      let summary = NetworkSummary(graph)
      let program = try Program(graph, outputs: [output])
      let report = Report(
        model: model, input: input.dimensions, parameters: summary.parameters, buffers: summary.buffers,
        multiplyAdds: summary.multiplyAdds, weightBytes: 4 * (summary.parameters + summary.buffers),
        tensorBytes: program.peakBytes, layers: summary.rows)
      if let svg {
        try writeFile(Array(SummaryPlot(model, summary).svg.utf8), to: svg, replacing: force)
      }
      if json { Terminal.print(jsonText(report)) } else { show(report) }
    } catch {
      Terminal.error("\(error)")
      throw ExitCode(1)
    }
  }

  private func show(_ report: Report) {
    func line(_ cells: [String]) -> String {
      zip(cells, [44, 18, 12, 14, 8, 6]).enumerated().map { i, cell in
        i < 2
          ? cell.0.padding(toLength: max(cell.1, cell.0.count), withPad: " ", startingAt: 0)
          : String(repeating: " ", count: max(1, cell.1 - cell.0.count)) + cell.0
      }.joined()
    }
    Terminal.print(line(["layer", "output", "parameters", "multiply-adds", "field", "jump"]))
    for row in report.layers {
      Terminal.print(
        line([
          row.layer, row.outputShape.map(String.init).joined(separator: "x"),
          row.parameters > 0 ? grouped(row.parameters) : "",
          row.multiplyAdds > 0 ? grouped(row.multiplyAdds) : "", row.receptiveField.map(String.init) ?? "",
          row.jump.map(String.init) ?? "",
        ]))
    }
    Terminal.print("")
    Terminal.print(
      "\(grouped(report.parameters)) parameters (\(megabytes(report.weightBytes)) with buffers), "
        + "\(grouped(report.multiplyAdds)) multiply-adds, \(megabytes(report.tensorBytes)) for the tensors of a run"
    )
  }

  private func megabytes(_ bytes: Int) -> String { String(format: "%.1f MB", Double(bytes) / 1e6) }

  private func grouped(_ number: Int) -> String {
    var digits = String(number)
    var i = digits.count - 3
    while i > 0 {
      digits.insert(",", at: digits.index(digits.startIndex, offsetBy: i))
      i -= 3
    }
    return digits
  }
}
