import ArgumentParser
import Convolve

/// How a kernel is written as text.
enum KernelFormat: String, ExpressibleByArgument, CaseIterable {
  case text, vips, imagemagick, json
}

extension Kernel {
  var matrix: [[Double]] { (0..<rows).map { r in (0..<columns).map { self[r, $0] } } }

  func text(_ format: KernelFormat) -> String {
    switch format {
    case .text: return matrix.map { $0.map(plain).joined(separator: " ") }.joined(separator: "\n")
    case .vips: return "\(columns) \(rows) 1 0\n" + text(.text)
    case .imagemagick:
      let rowsText = matrix.map { $0.map(plain).joined(separator: ",") }.joined(separator: " ")
      return "\(columns)x\(rows)+\(anchor.column)+\(anchor.row): \(rowsText)"
    case .json: return jsonText(matrix)
    }
  }

  /// The numbers in columns; only the middle of a large kernel.
  var table: String {
    let most = 15
    let (top, left) = (max(0, (rows - most) / 2), max(0, (columns - most) / 2))
    let cells = (top..<min(rows, top + most)).map { r in
      (left..<min(columns, left + most)).map { short(self[r, $0]) }
    }
    let width = 2 + (cells.joined().map(\.count).max() ?? 0)
    var text = cells.map { row in
      row.map { String(repeating: " ", count: width - $0.count) + $0 }.joined()
    }.joined(separator: "\n")
    if rows > most || columns > most {
      text += "\n  (the middle \(cells[0].count)x\(cells.count) of \(columns)x\(rows))"
    }
    return text
  }

  /// Four significant digits.
  private func short(_ value: Double) -> String {
    guard value != 0 else { return "0" }
    var unit = 1.0
    var magnitude = abs(value)
    while magnitude < 1000, unit < 1e8 { (magnitude, unit) = (magnitude * 10, unit * 10) }
    let rounded = (value * unit).rounded() / unit
    return rounded == 0 ? (value < 0 ? "-0.0" : "0.0") : plain(rounded)
  }

  /// A cell a coefficient: blue below zero, red above it, in colour; otherwise shades, with a minus sign in
  /// negative ones.
  func drawing(colored: Bool) -> String {
    let greatest = coefficients.map(abs).max() ?? 0
    return matrix.map { row in
      "  "
        + row.map { value in
          let strength = greatest > 0 ? abs(value) / greatest : 0
          if colored {
            let fade = Int(247 - 200 * strength)
            let (r, g, b) = value < 0 ? (fade, fade, 247) : value > 0 ? (247, fade, fade) : (247, 247, 247)
            return "\u{1B}[48;2;\(r);\(g);\(b)m  \u{1B}[0m"
          }
          let shade = ["·", "░", "▒", "▓", "█"][strength < 0.01 ? 0 : 1 + min(3, Int(strength * 4))]
          return (value < 0 && strength >= 0.01 ? "-" : shade) + shade
        }.joined()
    }.joined(separator: "\n")
  }
}

extension KernelBank {
  /// The kernels side by side, a square for each coefficient: blue below zero, white at zero, red above it.
  func picture() -> Image {
    let cell = max(2, min(32, 512 / max(rows, columns)))
    let gap = 8
    let greatest = Float(kernels.flatMap(\.coefficients).map(abs).max() ?? 0)
    let width = kernels.count * columns * cell + (kernels.count - 1) * gap
    var pixels = Tensor<UInt8>(repeating: 255, shape: [rows * cell, width, 3])
    let colors = kernels.map { kernel in
      divergingImage(kernel.coefficients.map { Float($0) }, height: rows, width: columns, greatest: greatest)
    }
    pixels.withUnsafeMutableBufferPointer { pixels in
      for (index, color) in colors.enumerated() {
        for y in 0..<rows * cell {
          for x in 0..<columns * cell {
            let column = index * (columns * cell + gap) + x
            for c in 0..<3 { pixels[(y * width + column) * 3 + c] = color[y / cell, x / cell, c] }
          }
        }
      }
    }
    return Image(.uint8(pixels))
  }
}
