import ArgumentParser
import Convolve
import Foundation

extension MatchMethod: ExpressibleByArgument {}

struct MatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "match",
    abstract: "Finds a template in an image.",
    discussion: """
      Scores every place of the template by zero-mean normalised cross-correlation
      (-1 to 1), as OpenCV's TM_CCOEFF_NORMED, and prints the best places that do not
      overlap by more than half, between pixels too. Sums of products go by Fourier
      transforms. Colour is compared where both images have it. JSON is
      [{x, y, width, height, score}], best first.

      Examples:
        convolve match photo.jpg eye.png
        convolve match board.png chip.png --threshold 0.9 --top 50 --json
        convolve match photo.jpg logo.png --scales 0.5,0.75,1 --rotations 0,90 -o found.png
        convolve match scan.png stamp.png --mask stamp-mask.png
      """)

  @Argument(help: "The image.") var image: String
  @Argument(help: "The template, no larger than the image.") var template: String
  @Option(help: "normalized, correlation or phase.") var method = MatchMethod.normalized
  @Option(help: "Lower scores are no matches (0.7 for normalized, 0 otherwise).") var threshold: Float?
  @Option(help: "The most matches.") var top = 10
  @Option(help: ArgumentHelp("Scales of the template to try, as 0.5,1,2.", valueName: "list")) var scales =
    "1"
  @Option(
    help: ArgumentHelp("Angles of the template to try, in degrees, counterclockwise.", valueName: "list"))
  var rotations = "0"
  @Option(
    help: ArgumentHelp("An image as large as the template: black pixels do not count.", valueName: "file"))
  var mask: String?
  @Option(name: .shortAndLong, help: ArgumentHelp("The image with the matches framed.", valueName: "file"))
  var out: String?
  @OptionGroup var options: PictureOptions

  func validate() throws {
    if top < 1 { throw ValidationError("--top \(top): at least one.") }
    guard let scales = numberList(scales), !scales.isEmpty, scales.allSatisfy({ $0 > 0.01 && $0 <= 100 })
    else {
      throw ValidationError("--scales \(self.scales): numbers from 0.01 to 100, with commas.")
    }
    guard let angles = numberList(rotations), !angles.isEmpty else {
      throw ValidationError("--rotations \(rotations): numbers with commas.")
    }
  }

  func run() throws {
    try reporting { try find() }
  }

  private func find() throws {
    let (photo, pattern) = (try Image(path: image), try Image(path: template))
    let channels = min(photo.colorChannels, pattern.colorChannels)
    let planes = try photo.planes([channels, photo.height, photo.width])
    let plain = try pattern.planes([channels, pattern.height, pattern.width])
    var weights = Tensor<Float>(repeating: 1, shape: [1, pattern.height, pattern.width])
    if let mask {
      let image = try Image(path: mask)
      guard image.height == pattern.height, image.width == pattern.width else {
        throw FileError(
          mask,
          "has \(image.width)x\(image.height) pixels: the template has \(pattern.width)x\(pattern.height)")
      }
      weights = try image.planes([1, image.height, image.width])
    }
    let threshold = threshold ?? (method == .normalized ? 0.7 : 0)
    var found: [Match] = []
    var tried = 0
    for scale in numberList(scales)! {
      for rotation in numberList(rotations)! {
        var (turned, turnedMask) = (plain, weights)
        if scale != 1 {
          let size = [pattern.height, pattern.width].map { max(1, Int((Double($0) * scale).rounded())) }
          turned = try resized(turned, size)
          turnedMask = try resized(turnedMask, size)
        }
        var needsMask = mask != nil
        if rotation != 0 {
          let (planes, inside) = rotated(turned, degrees: rotation)
          let (own, _) = rotated(turnedMask, degrees: rotation)
          turned = planes
          turnedMask = Tensor(zip(own.scalars, inside.scalars).map { $0 * $1 }, shape: own.shape)
          needsMask = needsMask || inside.scalars.contains(0)
        }
        let (h, w) = (turned.shape[1], turned.shape[2])
        guard h <= photo.height, w <= photo.width else {
          // One of several sizes may well be too large; the only one may not.
          if numberList(scales)!.count * numberList(rotations)!.count > 1 {
            Terminal.note("left out: scale \(scale), rotation \(rotation): \(w)x\(h) pixels do not fit")
            continue
          }
          throw FileError(
            template, "of \(w)x\(h) pixels does not fit into the image of \(photo.width)x\(photo.height)")
        }
        tried += 1
        let scores = try matchTemplate(
          planes, turned, mask: needsMask ? turnedMask.reshaped([h, w]) : nil, method: method)
        if options.explain { note(scores, turned, photo) }
        found += matches(in: scores, template: (w, h), threshold: threshold, count: top).map {
          var match = $0
          (match.scale, match.rotation) = (scale, rotation)
          return match
        }
      }
    }
    if tried == 0 { throw FileError(template, "fits into the image at none of the scales") }
    found = withoutOverlaps(found, count: top)
    if options.json {
      Terminal.print(jsonText(found))
    } else {
      for match in found {
        let turned =
          match.scale == 1 && match.rotation == 0 ? "" : "  scale \(match.scale), \(match.rotation) degrees"
        Terminal.print(
          String(
            format: "%.4f  at %.2f, %.2f  %.0fx%.0f", match.score, match.x, match.y, match.width, match.height
          )
            + turned)
      }
      if found.isEmpty { Terminal.note("no place scores \(threshold) or more") }
    }
    if let out { try annotated(photo, found).write(to: out, replacing: options.force) }
  }

  private func resized(_ planes: Tensor<Float>, _ size: [Int]) throws -> Tensor<Float> {
    let images = planes.reshaped(Shape([1] + planes.shape.dimensions))
    let result = try resize(images, outputSize: [1, planes.shape[0]] + size, .linearAntialiased)
    return result.reshaped(Shape([planes.shape[0]] + size))
  }

  private func note(_ scores: Tensor<Float>, _ template: Tensor<Float>, _ photo: Image) {
    let (c, h, w) = (template.shape[0], template.shape[1], template.shape[2])
    let formula =
      switch method {
      case .correlation: "score(x, y) = sum over \(c * h * w) samples of T(u, v) I(x + u, y + v)"
      case .normalized:
        "score(x, y) = sum T'(u, v) I'(x + u, y + v) / sqrt(sum T'^2 sum I'^2), T' and I' being less their means over \(w)x\(h) pixels of \(c) channel\(c == 1 ? "" : "s")"
      case .phase: "score = inverse transform of F(I) conj F(T) / |F(I) conj F(T)|"
      }
    Terminal.note(formula)
    let direct = 2 * Double(c * h * w) * Double(scores.shape.count)
    Terminal.note(
      String(
        format: "%d places; directly %.2f billion operations", scores.shape.count, direct * 1e-9))
  }

  private func annotated(_ photo: Image, _ found: [Match]) throws -> Image {
    var drawing = Drawing(width: photo.width, height: photo.height)
    drawing.image(0, 0, try photo.rgb)
    let line = max(2, Double(min(photo.width, photo.height)) / 200)
    for match in found.reversed() {
      let (l, t, r, b) = (match.x, match.y, match.x + match.width, match.y + match.height)
      let color: Drawing.Color = match == found[0] ? .red : .blue
      drawing.line([(l, t), (r, t), (r, b), (l, b), (l, t)], color, width: line)
      drawing.text(l, max(12, t - 3), String(format: "%.2f", match.score), size: max(10, 5 * line), color)
    }
    return drawing.image
  }
}

/// Numbers with commas between them; nil where one is none.
func numberList(_ text: String) -> [Double]? {
  let parts = text.split(separator: ",", omittingEmptySubsequences: false)
  let numbers = parts.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }.filter(\.isFinite)
  return numbers.count == parts.count ? numbers : nil
}

extension Image {
  /// Three 8-bit colour channels, without alpha.
  var rgb: Image { get throws { Image(planes: try planes([3, height, width])) } }
}
