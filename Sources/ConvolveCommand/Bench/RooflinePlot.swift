import Convolve

/// A roofline as SVG: operations a byte along x, GFLOP/s along y, both in powers of two.
struct RooflinePlot {
  let limits: MachineLimits
  let measurements: [LayerMeasurement]

  private let width = 960.0
  private let height = 600.0
  private let left = 70.0
  private let right = 30.0
  private let top = 50.0
  private let bottom = 60.0

  private static func exponents(_ values: [Double]) -> ClosedRange<Double> {
    let logarithms = values.map { Double.log2(max($0, 1e-3)) }
    return logarithms.min()!.rounded(
      .down)...max(logarithms.max()!.rounded(.up), logarithms.min()!.rounded(.down) + 1)
  }

  var svg: String {
    let ridge = limits.peak / limits.bandwidth
    let xs = Self.exponents(measurements.map(\.intensity) + [ridge / 2, ridge * 2])
    let ys = Self.exponents(measurements.map(\.rate) + [limits.peak * 2, limits.peak / 16])
    func x(_ intensity: Double) -> Double {
      left + (Double.log2(intensity) - xs.lowerBound) / (xs.upperBound - xs.lowerBound)
        * (width - left - right)
    }
    func y(_ rate: Double) -> Double {
      height - bottom - (Double.log2(max(rate, 1e-3)) - ys.lowerBound) / (ys.upperBound - ys.lowerBound)
        * (height - top - bottom)
    }
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(plain(width)) \(plain(height))\" "
        + "font-family=\"sans-serif\" font-size=\"12\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
      text(
        left, 28,
        "\(limits.processor): \(plain(limits.peak.rounded())) GFLOP/s, "
          + "\(plain(limits.bandwidth.rounded())) GB/s", size: 15),
    ]
    for exponent in Int(xs.lowerBound)...Int(xs.upperBound) {
      let place = x(Double.exp2(Double(exponent)))
      lines.append(line(place, top, place, height - bottom, "#ddd"))
      lines.append(text(place, height - bottom + 18, plain(Double.exp2(Double(exponent))), anchor: "middle"))
    }
    for exponent in Int(ys.lowerBound)...Int(ys.upperBound) {
      let place = y(Double.exp2(Double(exponent)))
      lines.append(line(left, place, width - right, place, "#ddd"))
      lines.append(text(left - 8, place + 4, plain(Double.exp2(Double(exponent))), anchor: "end"))
    }
    lines.append(
      text((left + width - right) / 2, height - 16, "operations a byte", anchor: "middle", size: 14))
    lines.append(
      "<text x=\"20\" y=\"\(plain((top + height - bottom) / 2))\" font-size=\"14\" text-anchor=\"middle\" "
        + "transform=\"rotate(-90 20 \(plain((top + height - bottom) / 2)))\">GFLOP/s by the definition</text>"
    )
    let (first, last) = (Double.exp2(xs.lowerBound), Double.exp2(xs.upperBound))
    let lowest = Double.exp2(ys.lowerBound)
    let start = max(first, lowest / limits.bandwidth)
    let roof = [(start, limits.roof(intensity: start)), (ridge, limits.peak), (last, limits.peak)]
    lines.append(
      "<polyline fill=\"none\" stroke=\"black\" stroke-width=\"2\" points=\""
        + roof.map { "\(rounded(x($0.0))),\(rounded(y($0.1)))" }.joined(separator: " ") + "\"/>")
    let algorithms = Array(Set(measurements.map(\.algorithm))).sorted()
    let colors = ["#1b6ca8", "#c8553d", "#3a7d44", "#8e5ea2", "#b8860b", "#555555", "#008b8b"]
    for measurement in measurements {
      let color = colors[algorithms.firstIndex(of: measurement.algorithm)! % colors.count]
      lines.append(
        "<circle cx=\"\(rounded(x(measurement.intensity)))\" cy=\"\(rounded(y(measurement.rate)))\" r=\"5\" "
          + "fill=\"\(color)\" fill-opacity=\"0.75\"><title>\(escaped(measurement.layer)): "
          + "\(rounded(measurement.rate)) GFLOP/s, \(rounded(measurement.percentOfRoof)) % of the roof</title></circle>"
      )
    }
    for (i, algorithm) in algorithms.enumerated() {
      let place = top + 16 + Double(i) * 18
      lines.append(
        "<circle cx=\"\(plain(left + 16))\" cy=\"\(plain(place - 4))\" r=\"5\" fill=\"\(colors[i % colors.count])\"/>"
      )
      lines.append(text(left + 28, place, algorithm))
    }
    lines.append("</svg>")
    return lines.joined(separator: "\n") + "\n"
  }

  private func rounded(_ value: Double) -> String { plain((value * 10).rounded() / 10) }

  private func line(_ x0: Double, _ y0: Double, _ x1: Double, _ y1: Double, _ color: String) -> String {
    "<line x1=\"\(rounded(x0))\" y1=\"\(rounded(y0))\" x2=\"\(rounded(x1))\" y2=\"\(rounded(y1))\" "
      + "stroke=\"\(color)\"/>"
  }

  private func text(
    _ x: Double, _ y: Double, _ content: String, anchor: String = "start", size: Int = 12
  ) -> String {
    "<text x=\"\(rounded(x))\" y=\"\(rounded(y))\" text-anchor=\"\(anchor)\" font-size=\"\(size)\">"
      + "\(escaped(content))</text>"
  }

  private func escaped(_ text: String) -> String {
    text.split(separator: "&", omittingEmptySubsequences: false).joined(separator: "&amp;")
      .split(separator: "<", omittingEmptySubsequences: false).joined(separator: "&lt;")
      .split(separator: ">", omittingEmptySubsequences: false).joined(separator: "&gt;")
  }
}
