import Foundation
import Tensors

/// A picture of lines, boxes, images and words, as SVG or as pixels.
public struct Drawing: Sendable {
  /// Red, green and blue, 0 to 255.
  public struct Color: Sendable, Hashable {
    public let red: UInt8
    public let green: UInt8
    public let blue: UInt8

    public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
      (self.red, self.green, self.blue) = (red, green, blue)
    }

    public static let black = Color(0, 0, 0)
    public static let white = Color(255, 255, 255)
    public static let grey = Color(221, 221, 221)
    public static let blue = Color(27, 108, 168)
    public static let red = Color(200, 85, 61)
    public static let green = Color(58, 125, 68)

    var css: String { "rgb(\(red),\(green),\(blue))" }
  }

  public enum Anchor: String, Sendable {
    case start, middle, end
  }

  private enum Shape: Sendable {
    case line([(Double, Double)], Color, Double)
    case box(Double, Double, Double, Double, Color)
    case text(Double, Double, String, Double, Anchor, Color)
    case image(Int, Int, Image)
  }

  public let width: Int
  public let height: Int
  private var shapes: [Shape] = []

  /// A white sheet.
  public init(width: Int, height: Int) { (self.width, self.height) = (width, height) }

  /// A line through points.
  public mutating func line(_ points: [(Double, Double)], _ color: Color = .black, width: Double = 1) {
    shapes.append(.line(points, color, width))
  }

  /// A filled box.
  public mutating func box(_ x: Double, _ y: Double, width: Double, height: Double, _ color: Color) {
    shapes.append(.box(x, y, width, height, color))
  }

  /// Words whose foot stands at `y`, `size` high.
  public mutating func text(
    _ x: Double, _ y: Double, _ text: String, size: Double = 12, anchor: Anchor = .start,
    _ color: Color = .black
  ) {
    shapes.append(.text(x, y, text, size, anchor, color))
  }

  /// An image, pixel by pixel.
  public mutating func image(_ x: Int, _ y: Int, _ image: Image) { shapes.append(.image(x, y, image)) }

  /// The picture as SVG; images in it are PNG files within.
  public var svg: String {
    func number(_ value: Double) -> String { plain((value * 100).rounded() / 100) }
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\" font-family=\"sans-serif\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
    ]
    for shape in shapes {
      switch shape {
      case .line(let points, let color, let width):
        let places = points.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ")
        lines.append(
          "<polyline points=\"\(places)\" fill=\"none\" stroke=\"\(color.css)\" stroke-width=\"\(number(width))\"/>"
        )
      case .box(let x, let y, let width, let height, let color):
        lines.append(
          "<rect x=\"\(number(x))\" y=\"\(number(y))\" width=\"\(number(width))\" height=\"\(number(height))\" "
            + "fill=\"\(color.css)\"/>")
      case .text(let x, let y, let text, let size, let anchor, let color):
        let safe = text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(
          of: "<", with: "&lt;")
        lines.append(
          "<text x=\"\(number(x))\" y=\"\(number(y))\" font-size=\"\(number(size))\" text-anchor=\"\(anchor.rawValue)\" "
            + "fill=\"\(color.css)\">\(safe)</text>")
      case .image(let x, let y, let image):
        guard let bytes = try? image.encoded(as: .png) else { continue }
        lines.append(
          "<image x=\"\(x)\" y=\"\(y)\" width=\"\(image.width)\" height=\"\(image.height)\" "
            + "image-rendering=\"pixelated\" href=\"data:image/png;base64,\(Data(bytes).base64EncodedString())\"/>"
        )
      }
    }
    return (lines + ["</svg>", ""]).joined(separator: "\n")
  }

  /// The picture as pixels, RGB.
  public var image: Image {
    var canvas = Canvas(width: width, height: height)
    for shape in shapes {
      switch shape {
      case .line(let points, let color, let width):
        for (a, b) in zip(points, points.dropFirst()) { canvas.line(a, b, color, width: width) }
      case .box(let x, let y, let width, let height, let color):
        canvas.box(x, y, width, height, color)
      case .text(let x, let y, let text, let size, let anchor, let color):
        // Capitals are 0.72 of a font's size high, as in common fonts.
        let scale = size * 0.72 / StrokeFont.height
        let length = (Double(text.count) * StrokeFont.advance - 1.6) * scale
        var left = anchor == .start ? x : anchor == .middle ? x - length / 2 : x - length
        for character in text {
          for stroke in StrokeFont.strokes(character) {
            let points = stroke.map { (left + $0.0 * scale, y + ($0.1 - StrokeFont.height) * scale) }
            for (a, b) in zip(points, points.dropFirst()) {
              canvas.line(a, b, color, width: max(1, size / 11))
            }
          }
          left += StrokeFont.advance * scale
        }
      case .image(let x, let y, let image): canvas.paste(x, y, image)
      }
    }
    return Image(.uint8(Tensor(canvas.pixels, shape: [height, width, 3])))
  }
}

/// Pixels that are drawn on.
private struct Canvas {
  let width: Int
  let height: Int
  var pixels: [UInt8]

  init(width: Int, height: Int) {
    (self.width, self.height) = (width, height)
    pixels = [UInt8](repeating: 255, count: width * height * 3)
  }

  private mutating func blend(_ x: Int, _ y: Int, _ color: Drawing.Color, _ share: Double) {
    guard x >= 0, x < width, y >= 0, y < height, share > 0 else { return }
    let share = min(share, 1)
    for (k, value) in [color.red, color.green, color.blue].enumerated() {
      let old = Double(pixels[(y * width + x) * 3 + k])
      pixels[(y * width + x) * 3 + k] = UInt8((old + (Double(value) - old) * share).rounded())
    }
  }

  /// Each pixel by how much of the line's width lies over it, from its centre's distance.
  mutating func line(_ a: (Double, Double), _ b: (Double, Double), _ color: Drawing.Color, width: Double) {
    let reach = width / 2 + 1
    let (dx, dy) = (b.0 - a.0, b.1 - a.1)
    let square = dx * dx + dy * dy
    let rows = max(0, Int(min(a.1, b.1) - reach))..<max(0, min(height, Int(max(a.1, b.1) + reach) + 1))
    let columns = max(0, Int(min(a.0, b.0) - reach))..<max(0, min(self.width, Int(max(a.0, b.0) + reach) + 1))
    for y in rows where rows.lowerBound < rows.upperBound {
      for x in columns {
        let (px, py) = (Double(x) + 0.5 - a.0, Double(y) + 0.5 - a.1)
        let t = square == 0 ? 0 : min(max((px * dx + py * dy) / square, 0), 1)
        let distance = ((px - t * dx) * (px - t * dx) + (py - t * dy) * (py - t * dy)).squareRoot()
        blend(x, y, color, width / 2 + 0.5 - distance)
      }
    }
  }

  mutating func box(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ color: Drawing.Color) {
    let (right, bottom) = (x + width, y + height)
    for row in max(0, Int(y))..<max(0, min(self.height, Int(bottom.rounded(.up)))) {
      let down = min(bottom, Double(row) + 1) - max(y, Double(row))
      for column in max(0, Int(x))..<max(0, min(self.width, Int(right.rounded(.up)))) {
        blend(column, row, color, down * (min(right, Double(column) + 1) - max(x, Double(column))))
      }
    }
  }

  mutating func paste(_ left: Int, _ top: Int, _ image: Image) {
    guard case .uint8(let samples) = image.converted(to: .uint8).samples else { return }
    let (channels, colors) = (image.channels, image.colorChannels)
    samples.withUnsafeBufferPointer { from in
      for y in 0..<image.height where top + y >= 0 && top + y < height {
        for x in 0..<image.width where left + x >= 0 && left + x < width {
          for k in 0..<3 {
            pixels[((top + y) * width + left + x) * 3 + k] =
              from[(y * image.width + x) * channels + min(k, colors - 1)]
          }
        }
      }
    }
  }
}
