import RealModule
import Tensors

/// Curves over axes with numbers.
public struct Chart: Sendable {
  public struct Curve: Sendable {
    public var name: String
    public var points: [(Double, Double)]
    public var color: Drawing.Color
    /// Single dots instead of a line.
    public var isDotted = false

    public init(
      _ name: String, _ points: [(Double, Double)], _ color: Drawing.Color = .blue, isDotted: Bool = false
    ) {
      (self.name, self.points, self.color, self.isDotted) = (name, points, color, isDotted)
    }
  }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var curves: [Curve]
  /// Filled between two curves, behind the others: an interval.
  public var band: [(x: Double, low: Double, high: Double)] = []
  public var isLogarithmicX = false
  public var isLogarithmicY = false

  public init(_ title: String, xLabel: String, yLabel: String, _ curves: [Curve]) {
    (self.title, self.xLabel, self.yLabel, self.curves) = (title, xLabel, yLabel, curves)
  }

  /// The chart on a sheet.
  public func drawing(width: Int = 900, height: Int = 480) -> Drawing {
    var sheet = Drawing(width: width, height: height)
    let (left, right, top, bottom) = (78.0, Double(width) - 24, 56.0, Double(height) - 56)
    let all = curves.flatMap(\.points) + band.flatMap { [($0.x, $0.low), ($0.x, $0.high)] }
    let points = all.filter {
      $0.0.isFinite && $0.1.isFinite && (!isLogarithmicX || $0.0 > 0) && (!isLogarithmicY || $0.1 > 0)
    }
    let xs = Axis(points.map(\.0), isLogarithmic: isLogarithmicX)
    let ys = Axis(points.map(\.1), isLogarithmic: isLogarithmicY)
    func place(_ point: (Double, Double)) -> (Double, Double) {
      (left + xs.position(point.0) * (right - left), bottom - ys.position(point.1) * (bottom - top))
    }
    sheet.text(left, 24, title, size: 16)
    for tick in xs.ticks {
      let x = left + xs.position(tick) * (right - left)
      sheet.line([(x, top), (x, bottom)], .grey)
      sheet.text(x, bottom + 18, Axis.label(tick), anchor: .middle)
    }
    for tick in ys.ticks {
      let y = bottom - ys.position(tick) * (bottom - top)
      sheet.line([(left, y), (right, y)], .grey)
      sheet.text(left - 8, y + 4, Axis.label(tick), anchor: .end)
    }
    let step = band.count > 1 ? max(1, place((band[1].x, 0)).0 - place((band[0].x, 0)).0) : 6
    for slice in band where slice.low.isFinite && slice.high.isFinite {
      let (a, b) = (place((slice.x, slice.low)), place((slice.x, slice.high)))
      sheet.box(a.0 - step / 2, b.1, width: step, height: max(1, a.1 - b.1), Drawing.Color(200, 220, 236))
    }
    for curve in curves {
      let places = curve.points.filter {
        $0.0.isFinite && $0.1.isFinite && (!isLogarithmicX || $0.0 > 0) && (!isLogarithmicY || $0.1 > 0)
      }.map(place)
      if curve.isDotted {
        for (x, y) in places { sheet.box(x - 2, y - 2, width: 4, height: 4, curve.color) }
      } else if !places.isEmpty {
        sheet.line(places, curve.color, width: 1.6)
      }
    }
    sheet.line([(left, top), (left, bottom), (right, bottom)], .black)
    sheet.text((left + right) / 2, bottom + 42, xLabel, anchor: .middle)
    sheet.text(left, top - 8, yLabel)
    var x = right
    for curve in curves.reversed() where !curve.name.isEmpty {
      sheet.text(x, 24, curve.name, anchor: .end, curve.color)
      x -= Double(curve.name.count) * 8 + 20
    }
    return sheet
  }
}

/// Where numbers stand along an axis.
private struct Axis {
  let low: Double
  let high: Double
  let isLogarithmic: Bool

  init(_ values: [Double], isLogarithmic: Bool) {
    self.isLogarithmic = isLogarithmic
    let all = isLogarithmic ? values.map { Double.log10($0) } : values
    let (least, greatest) = (all.min() ?? 0, all.max() ?? 1)
    let room = greatest > least ? (greatest - least) * 0.04 : max(abs(least) * 0.1, 0.5)
    (low, high) = (least - room, greatest + room)
  }

  func position(_ value: Double) -> Double {
    ((isLogarithmic ? Double.log10(value) : value) - low) / (high - low)
  }

  /// Round numbers within.
  var ticks: [Double] {
    if isLogarithmic {
      let powers = Int(low.rounded(.up))...max(Int(low.rounded(.up)), Int(high.rounded(.down)))
      let all = powers.map { Double.pow(10, $0) }
      if powers.count > 1 { return all }
      return (Int(low.rounded(.down))...Int(high)).flatMap { e in [1.0, 2, 5].map { $0 * Double.pow(10, e) } }
        .filter { (low...high).contains(Double.log10($0)) }
    }
    let rough = (high - low) / 6
    let unit = Double.pow(10, Int(Double.log10(rough).rounded(.down)))
    let step = [1.0, 2, 5, 10].first { $0 * unit >= rough }! * unit
    let first = Int((low / step).rounded(.up))
    return (first...max(first, Int((high / step).rounded(.down)))).map { Double($0) * step }
  }

  /// Six significant digits at most, without noise.
  static func label(_ value: Double) -> String {
    if value == 0 { return "0" }
    let size = abs(value)
    if size >= 1e7 || size < 1e-4 {
      let e = Int(Double.log10(size).rounded(.down))
      return "\(plain((value / Double.pow(10, e) * 100).rounded() / 100))e\(e)"
    }
    return plain((value * 1e6).rounded() / 1e6)
  }
}
