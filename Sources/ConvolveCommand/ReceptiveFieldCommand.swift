import ArgumentParser
import Convolve

struct ReceptiveFieldCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "receptive-field",
    abstract: "What one output of a stack of layers sees of the input.",
    discussion: """
      A layer is its kernel size, then s (stride), p (padding) and d (dilation)
      with their numbers: 7s2p3. Branches are written A|B, the layers of a
      branch A+B, a branch without layers id; 3*A repeats a row.

      Examples:
        convolve receptive-field 11s4p2 3s2 5p2 3s2 3*3p1 3s2
        convolve receptive-field 7s2p3 3s2p1 "2*3p1+3p1|id" "3s2p1+3p1|1s2"
        convolve receptive-field 3d1p1 3d2p2 3d4p4 --input 64 --json
      """
  )

  @Argument(help: ArgumentHelp("The layers, from the input on.", valueName: "layer"))
  var layers: [String]
  @Option(help: "The size of the input along the axis, to follow the output's size too.")
  var input: Int?
  @Flag(help: "Print JSON.")
  var json = false

  private struct Line: Encodable {
    let layer: String
    let size: Int
    let jump: Int
    let center: Double
    let output: Int?
  }

  func run() throws {
    let stack = try LayerStack(layers)
    var lines: [Line] = []
    var field = ReceptiveField.input
    var size = input
    for row in stack.rows {
      for _ in 0..<row.count {
        do {
          (field, size) = try advance(field, size, through: row)
        } catch let error as GeometryError {
          Terminal.error("\(row.text): \(error)")
          throw ExitCode.failure
        }
        let text = row.count > 1 ? String(row.text.drop { $0 != "*" }.dropFirst()) : row.text
        lines.append(
          Line(layer: text, size: field.size, jump: field.jump, center: field.center, output: size))
      }
    }
    if json {
      Terminal.print(jsonText(lines))
      return
    }
    let width = max(8, lines.map(\.layer.count).max() ?? 0) + 2
    Terminal.print(
      "\("layer".padded(to: width))\("size".padded(to: 8))\("jump".padded(to: 8))center"
        + (size == nil ? "" : "    output"))
    for line in lines {
      let center = plain(line.center)
      let output = line.output.map { "\(center.padded(to: 10))\($0)" } ?? center
      Terminal.print(
        "\(line.layer.padded(to: width))\("\(line.size)".padded(to: 8))\("\(line.jump)".padded(to: 8))\(output)"
      )
    }
  }

  /// The field and the size after a row; its branches must end alike.
  private func advance(
    _ field: ReceptiveField, _ size: Int?, through row: LayerStack.Row
  ) throws -> (ReceptiveField, Int?) {
    var ends: [(field: ReceptiveField, size: Int?)] = []
    for branch in row.branches {
      var end = (field: field, size: size)
      for layer in branch {
        end.field = try end.field.after(layer.window, padBegin: layer.padding)
        if let input = end.size {
          end.size = try OutputSize.convolution(
            input: input, window: layer.window, padding: .init(layer.padding, layer.padding)
          ).size
        }
      }
      ends.append(end)
    }
    let sizes = Set(ends.map(\.size))
    guard sizes.count == 1 else {
      let list = ends.map { "\($0.size ?? 0)" }.joined(separator: " and ")
      throw GeometryError.invalid("branches put out sizes \(list); they must be equal to be added")
    }
    return (try ReceptiveField.union(ends.map(\.field)), ends[0].size)
  }
}
