import ArgumentParser
import Convolve
import Foundation

extension PropagatorRule: ExpressibleByArgument {}

struct DiffuseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diffuse",
    abstract: "Lets an image diffuse: the heat equation, with edges kept or not.",
    discussion: """
      Solves du/dt = D (d2u/dx2 + d2u/dy2) from the image on, nothing flowing through
      its edges: by Fourier, which is a Gaussian of sigma sqrt(2 D t), step by step, or
      with edges kept (Perona and Malik). --kernel walks by a kernel instead, whose
      coefficients become the probabilities of steps (--propagator).

      Examples:
        convolve diffuse photo.jpg --time 8 -o blurred.png --explain
        convolve diffuse photo.jpg --time 8 --method explicit -o stepwise.png
        convolve diffuse noisy.png --time 5 --method perona-malik --contrast 0.1 -o clean.png
        convolve diffuse photo.jpg --kernel emboss --propagator softmax --steps 5 -o walk.png --draw p.png
      """)

  enum Method: String, ExpressibleByArgument, CaseIterable {
    case fourier, explicit
    case peronaMalik = "perona-malik"
  }

  @Argument(help: "The image.") var image: String
  @Option(name: .shortAndLong, help: ArgumentHelp("The diffused image.", valueName: "file")) var out: String
  @Option(help: ArgumentHelp("For how long.", valueName: "t")) var time: Double?
  @Option(help: ArgumentHelp("How fast.", valueName: "D")) var diffusivity = 1.0
  @Option(help: "fourier, explicit or perona-malik.") var method = Method.fourier
  @Option(help: "For perona-malik: differences above it, of samples from 0 to 1, are edges.") var contrast =
    0.1
  @Option(help: ArgumentHelp("A kernel to walk by.", valueName: "kernel")) var kernel: String?
  @Option(help: "How its coefficients become probabilities: softmax, absolute or square.")
  var propagator = PropagatorRule.softmax
  @Option(help: "For softmax: the smaller, the more the greatest coefficient takes.") var temperature = 1.0
  @Option(help: "Steps of the walk.") var steps = 1
  @Option(help: ArgumentHelp("The propagator, as a picture.", valueName: "file")) var draw: String?
  @OptionGroup var options: PictureOptions

  private struct Report: Encodable {
    let steps: Int
    let sigma: Double
    let propagator: [[Double]]?
  }

  func validate() throws {
    guard (time == nil) != (kernel == nil) else { throw ValidationError("Give either --time or --kernel.") }
    if let kernel { _ = try oneKernel(kernel) }
    guard (1...100_000).contains(steps) else { throw ValidationError("--steps \(steps): 1 to 100000.") }
  }

  func run() throws { try reporting { try work() } }

  private func work() throws {
    let planes = try Image(path: image).colorPlanes()
    let result: Tensor<Float>
    let report: Report
    if let kernel {
      let density = try oneKernel(kernel).propagator(propagator, temperature: temperature)
      (result, report) = try walked(planes, density)
    } else {
      let time = time!
      let way: DiffusionMethod =
        switch method {
        case .fourier: .fourier
        case .explicit: .explicit
        case .peronaMalik: .peronaMalik(contrast: contrast)
        }
      var bar: ProgressBar?
      let (diffused, steps) = try diffuse(planes, time: time, diffusivity: diffusivity, method: way) {
        _, all in
        if bar == nil { bar = ProgressBar(total: all, unit: "steps") }
        bar!.advance()
      }
      bar?.finish()
      result = diffused
      let sigma = (2 * diffusivity * time).squareRoot()
      report = Report(steps: steps, sigma: sigma, propagator: nil)
      if options.explain {
        let rate = plain((diffusivity * time / Double(max(1, steps)) * 1e4).rounded() / 1e4)
        switch method {
        case .fourier:
          Terminal.note(
            "u(f) = u0(f) e^(-D t (2 pi f)^2), D t = \(plain(diffusivity * time)): a Gaussian of sigma = sqrt(2 D t) = \(plain((sigma * 1e4).rounded() / 1e4)) pixels"
          )
        case .explicit: Terminal.note("u += \(rate) (sum of 4 neighbours - 4 u), \(steps) times")
        case .peronaMalik:
          Terminal.note(
            "u += \(rate) sum over 4 neighbours of d e^(-(d / \(contrast))^2), d the difference; \(steps) times"
          )
        }
      }
    }
    if options.json { Terminal.print(jsonText(report)) }
    try Image(planes: result).write(to: out, replacing: options.force)
  }

  /// The walk's image: the density of the places after so many steps, times the image.
  private func walked(_ planes: Tensor<Float>, _ density: Kernel) throws -> (Tensor<Float>, Report) {
    var pixels = planes
    let bar = ProgressBar(total: steps, unit: "steps")
    for _ in 0..<steps {
      pixels = try correlate2d(pixels, kernel: density, border: .reflect)
      bar.advance()
    }
    bar.finish()
    var variance = 0.0
    for r in 0..<density.rows {
      for s in 0..<density.columns {
        let (y, x) = (Double(r - density.anchor.row), Double(s - density.anchor.column))
        variance += density[r, s] * (x * x + y * y) / 2
      }
    }
    if options.explain {
      let rule =
        switch propagator {
        case .softmax: "e^(k / \(plain(temperature))) / sum of e^(k / \(plain(temperature)))"
        case .absolute: "|k| / sum of |k|"
        case .square: "k^2 / sum of k^2"
        }
      Terminal.note(
        "p = \(rule); \(steps) step\(steps == 1 ? "" : "s") by p, of a mean square of \(plain((variance * 1e4).rounded() / 1e4)) pixels^2 an axis"
      )
      Terminal.message(density.table)
    }
    if let draw { try KernelBank(density).picture().write(to: draw, replacing: options.force) }
    return (
      pixels,
      Report(steps: steps, sigma: (variance * Double(steps)).squareRoot(), propagator: density.matrix)
    )
  }
}
