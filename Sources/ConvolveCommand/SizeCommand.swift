import ArgumentParser
import Convolve

struct SizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "size",
    abstract: "Output size, parameters and multiply-adds of a convolution or pooling layer.",
    discussion: """
      Sizes are per spatial axis; one alone holds for all of them.

      Examples:
        convolve size --input 3x224x224 --kernel 7 --stride 2 --padding 3 --out-channels 64
        convolve size --input 64x112x112 --kernel 3 --stride 2 --padding 1 --pool max
        convolve size --input 128x8x8 --kernel 4 --stride 2 --padding 1 --transposed --out-channels 64
        convolve size --input 1x16000 --kernel 400 --stride 160
        convolve size --input 3x16x112x112 --kernel 3x7x7 --stride 1x2x2 --padding 1x3x3 --json
      """
  )

  @Option(help: ArgumentHelp("Channels and one to three spatial sizes.", valueName: "CxHxW"))
  var input: String
  @Option(help: ArgumentHelp("Kernel size.", valueName: "size"))
  var kernel: String
  @Option(help: ArgumentHelp("Stride.", valueName: "size"))
  var stride = "1"
  @Option(
    help: ArgumentHelp(
      "Samples on each side, begin:end pairs, or a name: valid, same, same-lower, causal, full.",
      valueName: "padding"))
  var padding = "0"
  @Option(help: ArgumentHelp("Dilation.", valueName: "size"))
  var dilation = "1"
  @Option(help: "Groups; as many as input channels is depthwise.")
  var groups = 1
  @Option(help: "Output channels (default: as many as go in).")
  var outChannels: Int?
  @Flag(help: "A transposed convolution.")
  var transposed = false
  @Option(help: ArgumentHelp("Transposed: samples added at the end.", valueName: "size"))
  var outputPadding = "0"
  @Option(help: "A pooling layer: max, average or min.")
  var pool: Pooling?
  @Flag(help: "Round sizes up; the last window must start inside the input or its begin padding.")
  var ceilMode = false
  @Flag(help: "Without biases.")
  var noBias = false
  @Flag(help: "Print JSON.")
  var json = false

  enum Pooling: String, ExpressibleByArgument, CaseIterable {
    case max, average, min
  }

  func validate() throws {
    if transposed, pool != nil { throw ValidationError("--transposed and --pool exclude each other") }
    if ceilMode, transposed { throw ValidationError("--ceil-mode does not go with --transposed") }
    if pool != nil, groups != 1 { throw ValidationError("--groups does not go with --pool") }
    if pool != nil, let outChannels {
      throw ValidationError("--out-channels \(outChannels): pooling keeps the channels")
    }
    if !transposed, outputPadding != "0" { throw ValidationError("--output-padding needs --transposed") }
  }

  private struct Report: Encodable {
    let input: [Int]
    let output: [Int]
    let parameters: Int
    let multiplyAdds: Int
    let formulas: [String]
  }

  func run() throws {
    let options = LayerGeometry.Options(
      kind: pool != nil ? .pooling : transposed ? .transposed : .convolution,
      kernel: try parsedSizes(kernel, "--kernel"), stride: try parsedSizes(stride, "--stride"),
      dilation: try parsedSizes(dilation, "--dilation"), padding: try parsedPadding(),
      outputPadding: try parsedSizes(outputPadding, "--output-padding"), groups: groups,
      outChannels: outChannels, bias: !noBias, ceilMode: ceilMode)
    let layer: LayerGeometry
    do {
      layer = try LayerGeometry(input: try parsedSizes(input, "--input"), options)
    } catch let error as GeometryError {
      Terminal.error("\(error)")
      throw ExitCode.failure
    }
    if json {
      Terminal.print(
        jsonText(
          Report(
            input: layer.input, output: layer.output, parameters: layer.parameters,
            multiplyAdds: layer.multiplyAdds, formulas: layer.axes.map(\.formula))))
      return
    }
    let names = [["length"], ["height", "width"], ["depth", "height", "width"]][layer.axes.count - 1]
    let formula =
      transposed
      ? OutputSize.transposedFormula : ceilMode ? OutputSize.ceilFormula : OutputSize.convolutionFormula
    Terminal.print("output         \(Shape(layer.output))")
    Terminal.print("  out          \(formula)")
    for (name, axis) in zip(names, layer.axes) {
      Terminal.print("  \(name.padded(to: 13))\(axis.formula)")
    }
    Terminal.print("parameters     \(layer.parameters)")
    Terminal.print("multiply-adds  \(layer.multiplyAdds)")
  }

  private func parsedPadding() throws -> Padding {
    switch padding {
    case "valid": return .valid
    case "same": return .same
    case "same-lower": return Padding(.sameLower)
    case "causal": return Padding(.causal)
    case "full": return .full
    default:
      let amounts = try padding.lowercased().split(separator: "x", omittingEmptySubsequences: false).map {
        part in
        let ends = part.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(ends.count), let begin = ends[0], let end = ends.last! else {
          throw ValidationError(
            "--padding \(padding): write 1, 1x2, begin:end pairs as 0:1x2:3, or valid, same, same-lower, causal, full"
          )
        }
        return Padding.Amount(begin, end)
      }
      return Padding(.explicit(amounts))
    }
  }
}

/// Whole numbers with x between them, as an option gives them.
func parsedSizes(_ text: String, _ option: String) throws -> [Int] {
  try text.lowercased().split(separator: "x", omittingEmptySubsequences: false).map { part in
    guard let size = Int(part) else {
      throw ValidationError("\(option) \(text): \"\(part)\" is not a whole number; write sizes as 3 or 3x5")
    }
    return size
  }
}

extension String {
  /// With blanks up to a width.
  func padded(to width: Int) -> String {
    count >= width ? self : self + String(repeating: " ", count: width - count)
  }
}
