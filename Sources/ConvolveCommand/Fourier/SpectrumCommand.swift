import ArgumentParser
import Convolve
import Foundation

struct SpectrumCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "spectrum",
    abstract: "Shows an image's frequencies.",
    discussion: """
      Draws the magnitude of the Fourier transform (logarithmic, the frequency 0 in
      the middle), prints the direction of a texture's waves, and, with a kernel, the
      spectrum before it, the kernel's response, and the spectrum after it.

      Examples:
        convolve spectrum photo.jpg -o spectrum.png
        convolve spectrum cloth.png --json                     # which way do threads run?
        convolve spectrum photo.jpg --phase phase.png --profile profile.svg
        convolve spectrum photo.jpg --kernel gaussian:sigma=2 -o before-after.png
      """)

  @Argument(help: "The image.") var image: String
  @Option(name: .shortAndLong, help: ArgumentHelp("The magnitude, as a picture.", valueName: "file"))
  var out: String?
  @Option(help: ArgumentHelp("The phase, as a picture: black -pi, white pi.", valueName: "file")) var phase:
    String?
  @Option(help: ArgumentHelp("The mean magnitude by frequency, as a plot (.svg or .png).", valueName: "file"))
  var profile: String?
  @Option(help: ArgumentHelp("A kernel, whose response and effect are drawn too.", valueName: "kernel"))
  var kernel: String?
  @OptionGroup var options: PictureOptions

  private struct Report: Encodable {
    let width: Int
    let height: Int
    let orientation: Double
    let coherence: Double
    let period: Double
    let radialProfile: [Double]
  }

  func validate() throws { if let kernel { _ = try oneKernel(kernel) } }

  func run() throws { try reporting { try draw() } }

  private func draw() throws {
    let plane = try Image(path: image).greyPlane()
    let (height, width) = (plane.shape[0], plane.shape[1])
    let spectrum = try ImageSpectrum(plane)
    let texture = try ImageSpectrum(plane, isWindowed: true).orientation
    let rings = spectrum.radialProfile()
    if options.explain {
      Terminal.note(
        "F(u, v) = sum over x < \(width), y < \(height) of f(x, y) e^(-2 pi i (u x / \(width) + v y / \(height)))"
      )
      Terminal.note(
        "drawn: log(1 + |F| / m), m a millionth of the greatest |F|; the direction is the principal axis of the power, of the image under Hann's window"
      )
    }
    if options.json {
      Terminal.print(
        jsonText(
          Report(
            width: width, height: height, orientation: texture.degrees, coherence: texture.coherence,
            period: texture.period, radialProfile: rings)))
    } else {
      Terminal.print(
        String(
          format:
            "waves run at %.1f degrees, lines at %.1f (counterclockwise from the x axis); coherence %.2f; strongest period %.1f pixels",
          texture.degrees, (texture.degrees + 90).truncatingRemainder(dividingBy: 180), texture.coherence,
          texture.period))
    }
    if let phase {
      try spectrum.phase.greyPicture(low: -.pi, high: .pi).write(to: phase, replacing: options.force)
    }
    var after: ImageSpectrum?
    var response: Tensor<Float>?
    if let kernel {
      let kernel = try oneKernel(kernel)
      let filtered = try correlate2d(plane, kernel: kernel, border: .reflect)
      after = try ImageSpectrum(filtered)
      response = try frequencyResponse(kernel.matrix, height: height, width: width)
    }
    if let profile {
      func points(_ values: [Double]) -> [(Double, Double)] {
        values.enumerated().map { (Double($0) / Double(2 * (values.count - 1)), $1) }
      }
      var chart = Chart(
        "mean magnitude by frequency", xLabel: "cycles a pixel", yLabel: "magnitude",
        [.init("image", points(rings))])
      if let after { chart.curves.append(.init("after", points(after.radialProfile()), .red)) }
      chart.isLogarithmicY = true
      try chart.drawing().write(to: profile, replacing: options.force)
    }
    guard let out else { return }
    guard let after, let response else {
      return try spectrum.magnitude.logarithmicPicture.write(to: out, replacing: options.force)
    }
    var sheet = Drawing(width: 3 * width + 40, height: height + 40)
    let greatest = response.scalars.max() ?? 1
    for (i, (title, picture)) in [
      ("before", spectrum.magnitude.logarithmicPicture),
      (
        "the kernel's response, 0 to \(plain((Double(greatest) * 100).rounded() / 100))",
        response.greyPicture(low: 0, high: greatest)
      ),
      ("after", after.magnitude.logarithmicPicture),
    ].enumerated() {
      sheet.text(Double(10 + i * (width + 10)), 22, title, size: 14)
      sheet.image(10 + i * (width + 10), 32, try picture.rgb)
    }
    try sheet.write(to: out, replacing: options.force)
  }
}
