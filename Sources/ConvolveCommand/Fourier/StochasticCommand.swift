import ArgumentParser
import Convolve
import Foundation

struct StochasticCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stochastic",
    abstract: "Convolves by chance: each pixel samples one of the kernel's positions.",
    discussion: """
      A kernel's magnitudes, divided by their sum, are the probabilities of its
      positions. One sample a pixel gives a grainy picture; the mean of n samples tends
      to the filter's result, its error falling as 1 / sqrt(n), which --plot shows.

      Examples:
        convolve stochastic photo.jpg --kernel gaussian:sigma=3 -o grains.png
        convolve stochastic photo.jpg --kernel gaussian:sigma=3 --samples 256 --seed 7 -o mean.png --plot error.svg
      """)

  @Argument(help: "The image.") var image: String
  @Option(help: ArgumentHelp("The kernel.", valueName: "kernel")) var kernel: String
  @Option(help: "Samples of each pixel.") var samples = 1
  @Option(help: "Another seed gives other samples.") var seed: UInt64 = 0
  @Option(name: .shortAndLong, help: ArgumentHelp("The mean of the samples.", valueName: "file")) var out:
    String
  @Option(help: ArgumentHelp("The error by number of samples, as a plot (.svg or .png).", valueName: "file"))
  var plot: String?
  @OptionGroup var options: PictureOptions

  private struct Report: Encodable {
    let samples: [Int]
    let rmsError: [Double]
    let exponent: Double?
  }

  func validate() throws {
    _ = try oneKernel(kernel)
    guard (1...1_000_000).contains(samples) else {
      throw ValidationError("--samples \(samples): 1 to 1000000.")
    }
  }

  func run() throws { try reporting { try work() } }

  private func work() throws {
    let planes = try Image(path: image).colorPlanes()
    let kernel = try oneKernel(kernel)
    let exact = try correlate2d(planes, kernel: kernel, border: .reflect).scalars
    let walk = try StochasticConvolution(kernel, seed: seed)
    var sums = Tensor<Double>(zeros: planes.shape)
    var (counts, errors) = ([Int](), [Double]())
    let bar = ProgressBar(total: samples, unit: "samples")
    var done = 0
    // 1, 2, 4, ... and the last.
    while done < samples {
      let next = min(samples, done == 0 ? 1 : 2 * done)
      for sample in done..<next {
        walk.add(planes, to: &sums, samples: sample..<sample + 1)
        bar.advance()
      }
      done = next
      let mean = sums.scalars
      let squares = zip(mean, exact).reduce(0.0) {
        let difference = $1.0 / Double(done) - Double($1.1)
        return $0 + difference * difference
      }
      counts.append(done)
      errors.append((squares / Double(mean.count)).squareRoot())
    }
    bar.finish()
    let exponent = slope(counts, errors)
    if options.explain {
      Terminal.note(
        "y(p) = 1/\(samples) sum over samples of \(plain((kernel.coefficients.reduce(0) { $0 + abs($1) } * 1e6).rounded() / 1e6)) sign(k) x(p + position), positions drawn with |k| / sum of |k| among \(kernel.coefficients.count), seed \(seed)"
      )
    }
    if options.json {
      Terminal.print(jsonText(Report(samples: counts, rmsError: errors, exponent: exponent)))
    } else {
      for (n, error) in zip(counts, errors) {
        Terminal.print(String(format: "%7d samples: rms error %.6f of the filter's result", n, error))
      }
      if let exponent { Terminal.print(String(format: "the error falls as n^%.3f", exponent)) }
    }
    try Image(planes: Tensor(sums.scalars.map { Float($0 / Double(samples)) }, shape: planes.shape)).write(
      to: out, replacing: options.force)
    if let plot {
      let measured = zip(counts, errors).map { (Double($0), $1) }
      let law = counts.map { (Double($0), errors[0] / Double($0).squareRoot()) }
      var chart = Chart(
        "stochastic convolution", xLabel: "samples of each pixel", yLabel: "rms error",
        [.init("1 / sqrt(n)", law, .grey), .init("measured", measured, .red)])
      chart.curves[0].color = Drawing.Color(140, 140, 140)
      (chart.isLogarithmicX, chart.isLogarithmicY) = (true, true)
      try chart.drawing().write(to: plot, replacing: options.force)
    }
  }

  /// The exponent of a power law through points, by least squares of logarithms; nil for less than three.
  private func slope(_ counts: [Int], _ errors: [Double]) -> Double? {
    guard counts.count >= 3, errors.allSatisfy({ $0 > 0 }) else { return nil }
    let (x, y) = (counts.map { log(Double($0)) }, errors.map { log($0) })
    let (mx, my) = (x.reduce(0, +) / Double(x.count), y.reduce(0, +) / Double(y.count))
    let numerator = zip(x, y).reduce(0) { $0 + ($1.0 - mx) * ($1.1 - my) }
    return numerator / x.reduce(0) { $0 + ($1 - mx) * ($1 - mx) }
  }
}
