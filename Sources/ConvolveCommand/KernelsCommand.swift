import ArgumentParser
import Convolve

struct KernelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels",
    abstract: "Filter kernels: list those with names, show one, write one to a file.",
    subcommands: [List.self, Show.self, Make.self],
    defaultSubcommand: List.self
  )

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the kernels that have names.")

    @Flag(help: "Print JSON.")
    var json = false

    private struct Entry: Encodable {
      let name: String
      let summary: String
      let formula: String
      let source: String
      let parameters: [Parameter]
    }

    private struct Parameter: Encodable {
      let name: String
      let standard: Double?
      let least: Double
      let greatest: Double
      let meaning: String
    }

    func run() {
      if json {
        let entries = KernelCatalogue.entries.map { entry in
          Entry(
            name: entry.name, summary: entry.summary, formula: entry.formula, source: entry.source,
            parameters: entry.parameters.map {
              Parameter(
                name: $0.name, standard: $0.standard, least: $0.range.lowerBound,
                greatest: $0.range.upperBound, meaning: $0.meaning)
            })
        }
        Terminal.print(jsonText(entries))
        return
      }
      for entry in KernelCatalogue.entries {
        Terminal.print("\(entry.name.padded(to: 17))\(entry.summary)")
        if !entry.parameters.isEmpty {
          let parameters = entry.parameters.map { parameter in
            parameter.name + (parameter.standard.map { "=\(plain($0))" } ?? "")
          }
          Terminal.print("\("".padded(to: 17))  :\(parameters.joined(separator: ","))")
        }
      }
      Terminal.print(
        """

        Use: --kernel gaussian:sigma=2. Also ImageMagick's Gaussian:0x2, Sobel:90 and 3x3: -1,0,1,...; \
        libvips and
        plain text files as @file; - reads standard input. `convolve kernels show NAME` has formula and source.
        """)
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print a kernel's matrix as it is laid over the image, and draw it.",
      discussion: """
        Examples:
          convolve kernels show sobel
          convolve kernels show gabor:theta=45 -o gabor.png
          convolve kernels show gaussian:sigma=2 --json
        """)

    @OptionGroup var source: KernelSource
    @Option(name: .shortAndLong, help: "Draw a picture to this file.", completion: .file())
    var output: String?
    @Flag(help: "Replace the output file.")
    var force = false
    @Flag(help: "Print JSON.")
    var json = false

    private struct Report: Encodable {
      let name: String
      let combination: String
      let anchor: [Int]
      let sum: [Double]
      let kernels: [[[Double]]]
    }

    func run() throws {
      let bank = try source.specification().bank
      if let output {
        try reportingFailure { try bank.picture().write(to: output, replacing: force) }
      }
      if json {
        Terminal.print(
          jsonText(
            Report(
              name: source.kernel, combination: bank.combination.rawValue,
              anchor: [bank.anchor.column, bank.anchor.row], sum: bank.kernels.map(\.sum),
              kernels: bank.kernels.map(\.matrix))))
        return
      }
      let name = String(source.kernel.prefix { $0 != ":" })
      if let entry = KernelCatalogue.entry(name) {
        Terminal.print("\(entry.name): \(entry.summary)")
        Terminal.print("formula: \(entry.formula)")
        Terminal.print("source:  \(entry.source)")
        for parameter in entry.parameters {
          let standard = parameter.standard.map { ", \(plain($0)) where left out" } ?? ""
          Terminal.print(
            "  \(parameter.name): \(parameter.meaning) (\(plain(parameter.range.lowerBound)) to "
              + "\(plain(parameter.range.upperBound))\(standard))")
        }
      }
      for kernel in bank.kernels {
        Terminal.print(
          "\n\(kernel.columns)x\(kernel.rows), anchor \(kernel.anchor.column),\(kernel.anchor.row), "
            + "sum \(plain(kernel.sum))")
        Terminal.print(kernel.table)
        Terminal.print(kernel.drawing(colored: Terminal.colorsOutput))
      }
      if !bank.isLinear {
        Terminal.print("\ncombined: \(bank.combination.rawValue) of the \(bank.kernels.count)")
      }
    }
  }

  struct Make: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write a kernel as text, to edit it or to use it elsewhere.",
      discussion: """
        Numbers are written for convolution, which flips them; --correlate writes
        them as they are laid over the image (as libvips, OpenCV and PyTorch use
        them).

        Examples:
          convolve kernels make gaussian:sigma=1.5 -o blur.mat
          convolve kernels make sobel-x --format imagemagick
          convolve filter photo.jpg --kernel @blur.mat -o blurred.jpg
        """)

    @OptionGroup var source: KernelSource
    @Option(help: "How it is written: text, vips, imagemagick or json.")
    var format: KernelFormat = .text
    @Option(name: .shortAndLong, help: "The file to write (default: standard output).", completion: .file())
    var output: String?
    @Flag(help: "Replace the output file.")
    var force = false

    func run() throws {
      let bank = try source.specification().bank
      guard bank.isLinear else {
        Terminal.error(
          "\(source.kernel) is the \(bank.combination.rawValue) of \(bank.kernels.count) kernels; make one of them "
            + "(for sobel: sobel-x or sobel-y; for a compass: angle=0 to 315)")
        throw ExitCode.failure
      }
      let kernel = source.correlate ? bank.kernels[0] : bank.kernels[0].flipped()
      let isCentred = kernel.anchor == Kernel.Anchor(row: kernel.rows / 2, column: kernel.columns / 2)
      if format != .imagemagick, !isCentred {
        Terminal.note(
          "its anchor is \(kernel.anchor.column),\(kernel.anchor.row), which only --format imagemagick keeps; "
            + "give it with --anchor")
      }
      try reportingFailure {
        try writeFile(Array((kernel.text(format) + "\n").utf8), to: output ?? "-", replacing: force)
      }
    }
  }
}

/// The kernel that a subcommand is about.
struct KernelSource: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "A name with parameters, numbers, @file, or - for standard input.", valueName: "kernel"),
    completion: .list(KernelCatalogue.entries.map(\.name)))
  var kernel: String
  @Flag(help: "Numbers are not flipped.")
  var correlate = false
  @Option(help: "How coefficients are scaled: auto, sum, zero-sum or none.")
  var normalize: KernelSpecification.Normalization = .auto

  func specification() throws -> KernelSpecification {
    do {
      let specification = try KernelSpecification(
        kernel, options: .init(isCorrelation: correlate, normalization: normalize))
      if let note = specification.note { Terminal.note(note) }
      return specification
    } catch {
      throw ValidationError("\(error)")
    }
  }
}

extension KernelSpecification.Normalization: ExpressibleByArgument {}

/// Runs what may fail on a file, and turns the failure into a message and exit code 1.
func reportingFailure(_ body: () throws -> Void) throws {
  do {
    try body()
  } catch let error as FileError {
    Terminal.error("\(error)")
    throw ExitCode.failure
  }
}
