import ArgumentParser
import Convolve
import Foundation

extension FrequencyFilter.Shape: ExpressibleByArgument {}

struct FrequencyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "frequency",
    abstract: "Filters an image's frequencies.",
    discussion: """
      Multiplies the Fourier transform with a response: low-, high-, band-pass and
      -stop, notches, rings, or any picture as a mask (white goes through, the middle
      is the frequency 0). Frequencies are in cycles a pixel: 0.5 is the finest along
      an axis. --dct-quality compresses as JPEG does, by cosine transforms of blocks.

      Examples:
        convolve frequency photo.jpg --low-pass 0.1 -o soft.png --explain
        convolve frequency photo.jpg --high-pass 0.05 --shape ideal -o edges.png
        convolve frequency scan.png --notch 0.125,0 --radius 0.02 -o clean.png
        convolve frequency photo.jpg --mask circle.png -o masked.png --spectrum kept.png
        convolve frequency photo.jpg --dct-quality 30 -o blocks.png
      """)

  @Argument(help: "The image.") var image: String
  @Option(name: .shortAndLong, help: ArgumentHelp("The filtered image.", valueName: "file")) var out: String
  @Option(help: ArgumentHelp("Frequencies below go through.", valueName: "cutoff")) var lowPass: Double?
  @Option(help: ArgumentHelp("Frequencies above go through.", valueName: "cutoff")) var highPass: Double?
  @Option(help: ArgumentHelp("Frequencies between go through.", valueName: "from,to")) var bandPass: String?
  @Option(help: ArgumentHelp("Frequencies between do not go through.", valueName: "from,to")) var bandStop:
    String?
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A frequency that does not go through; may be repeated.", valueName: "x,y"))
  var notch: [String] = []
  @Option(help: "The radius of notches.") var radius = 0.02
  @Option(help: ArgumentHelp("Every other ring of a width goes through.", valueName: "width")) var rings:
    Double?
  @Option(help: ArgumentHelp("A picture as the response, as large as the image.", valueName: "file"))
  var mask: String?
  @Option(help: "ideal, butterworth or gaussian.") var shape = FrequencyFilter.Shape.gaussian
  @Option(help: "Butterworth's order.") var order = 2
  @Option(
    help: ArgumentHelp("Cosine transforms of 8x8 blocks, rounded as JPEG's: 1 to 100.", valueName: "quality"))
  var dctQuality: Int?
  @Option(help: ArgumentHelp("What is left of the spectrum, as a picture.", valueName: "file")) var spectrum:
    String?
  @Option(help: "What results become: auto (high- and band-pass in grey around 128), clamp.") var range =
    "auto"
  @OptionGroup var options: PictureOptions

  private struct Report: Encodable {
    let share: Double
    let ratio: Double
    let psnr: Double?
  }

  func validate() throws {
    let ways = [
      lowPass != nil, highPass != nil, bandPass != nil, bandStop != nil, !notch.isEmpty, rings != nil,
      mask != nil, dctQuality != nil,
    ]
    guard ways.filter(\.self).count == 1 else {
      throw ValidationError(
        "Give one of --low-pass, --high-pass, --band-pass, --band-stop, --notch, --rings, --mask, --dct-quality."
      )
    }
    guard ["auto", "clamp"].contains(range) else { throw ValidationError("--range \(range): auto or clamp.") }
    if mask == nil, dctQuality == nil {
      do { _ = try filter() } catch let error as ImagingError { throw ValidationError("\(error)") }
    }
  }

  private func pair(_ text: String, _ name: String) throws -> (Double, Double) {
    guard let numbers = numberList(text), numbers.count == 2 else {
      throw ValidationError("\(name) \(text): two numbers with a comma.")
    }
    return (numbers[0], numbers[1])
  }

  private func filter() throws -> FrequencyFilter {
    let band: FrequencyFilter.Band
    if let lowPass {
      band = .lowPass(lowPass)
    } else if let highPass {
      band = .highPass(highPass)
    } else if let bandPass {
      let (a, b) = try pair(bandPass, "--band-pass")
      band = .bandPass(a, b)
    } else if let bandStop {
      let (a, b) = try pair(bandStop, "--band-stop")
      band = .bandStop(a, b)
    } else if let rings {
      band = .rings(rings)
    } else {
      band = .notch(
        try notch.map {
          let (x, y) = try pair($0, "--notch")
          return (x: x, y: y)
        }, radius: radius)
    }
    return try FrequencyFilter(band, shape: shape, order: order)
  }

  func run() throws { try reporting { try work() } }

  private func work() throws {
    let planes = try Image(path: image).colorPlanes()
    let (height, width) = (planes.shape[1], planes.shape[2])
    var result: Tensor<Float>
    let share: Double
    if let dctQuality {
      let compressed = try BlockCosine(planes, quality: dctQuality)
      result = compressed.planes
      share = Double(compressed.kept) / Double(compressed.count)
      if options.explain {
        Terminal.note(
          "blocks of 8x8: level = round(C / q), q the luminance table of JPEG at quality \(dctQuality); \(compressed.kept) of \(compressed.count) levels are not 0"
        )
      }
    } else {
      let response: Tensor<Float>
      if let mask {
        let picture = try Image(path: mask)
        guard picture.height == height, picture.width == width else {
          throw FileError(
            mask,
            "has \(picture.width)x\(picture.height) pixels: a mask has as many as the image, \(width)x\(height)"
          )
        }
        response = try picture.greyPlane()
      } else {
        let filter = try filter()
        if options.explain { Terminal.note("\(filter.formula), f in cycles a pixel") }
        response = filter.mask(height: height, width: width)
      }
      let filtered = try filterFrequencies(planes, mask: response)
      (result, share) = (filtered.planes, filtered.share)
      if range == "auto", response[height / 2, width / 2] < 0.5 {
        // Without the mean, values go around 0.
        result = Tensor(result.scalars.map { $0 + 0.5 }, shape: result.shape)
      }
    }
    let psnr = peakSignalToNoiseRatio(planes, result)
    if options.explain {
      Terminal.note("PSNR = -10 log10(mean squared difference of samples from 0 to 1)")
    }
    if options.json {
      Terminal.print(
        jsonText(Report(share: share, ratio: 1 / max(share, 1e-12), psnr: psnr.isFinite ? psnr : nil)))
    } else {
      Terminal.print(
        String(
          format: "%.2f %% of the coefficients are kept: 1 of %.1f; PSNR ", 100 * share, 1 / max(share, 1e-12)
        )
          + (psnr.isFinite ? String(format: "%.2f dB", psnr) : "infinite"))
    }
    try Image(planes: result).write(to: out, replacing: options.force)
    if let spectrum {
      let grey = try Image(planes: result).greyPlane()
      try ImageSpectrum(grey).magnitude.logarithmicPicture.write(to: spectrum, replacing: options.force)
    }
  }
}
