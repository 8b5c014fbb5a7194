import RealModule
import Tensors

/// What a parameter is before training.
public enum Initializer: Sendable, Hashable {
  case constant(Double)
  /// From -bound to bound.
  case uniform(bound: Double)
  case normal(deviation: Double)
  /// Even, within gain * sqrt(3 / fan): K. He et al. (2015). PyTorch's convolutions start with a slope of sqrt(5).
  case kaimingUniform(slope: Double = 0, fan: Fan = .in)
  /// Normal, of deviation gain / sqrt(fan); torchvision's convolutions start with the fan out.
  case kaimingNormal(slope: Double = 0, fan: Fan = .in)
  /// Even, within gain * sqrt(6 / (fan in + fan out)): X. Glorot, Y. Bengio (2010).
  case xavierUniform(gain: Double = 1)
  /// Normal, of deviation gain * sqrt(2 / (fan in + fan out)).
  case xavierNormal(gain: Double = 1)
  /// Rows (or columns, whichever are fewer) at right angles to one another: A. Saxe et al. (2013).
  case orthogonal(gain: Double = 1)

  /// The sums whose size a weight keeps: forward, or backward.
  public enum Fan: Sendable, Hashable {
    case `in`
    case out
  }

  public static let zeros = Initializer.constant(0)
  public static let ones = Initializer.constant(1)

  /// Products that are summed for an output, and outputs that an input has a part in.
  private static func fans(_ shape: Shape) -> (in: Double, out: Double) {
    guard shape.rank >= 2 else { return (Double(max(1, shape.count)), Double(max(1, shape.count))) }
    let taps = Double(shape.dimensions[2...].reduce(1, *))
    return (Double(shape[1]) * taps, Double(shape[0]) * taps)
  }

  func tensor(_ shape: Shape, using generator: inout SeededGenerator) -> Tensor<Float> {
    let fans = Self.fans(shape)
    func even(_ bound: Double) -> Tensor<Float> {
      .random(in: Float(-bound)...Float(bound), shape: shape, using: &generator)
    }
    func normal(_ deviation: Double) -> Tensor<Float> {
      let standard = Tensor<Float>.randomNormal(shape: shape, using: &generator)
      return Tensor(standard.scalars.map { $0 * Float(deviation) }, shape: shape)
    }
    func gain(_ slope: Double) -> Double { (2 / (1 + slope * slope)).squareRoot() }
    switch self {
    case .constant(let value): return Tensor(repeating: Float(value), shape: shape)
    case .uniform(let bound): return even(bound)
    case .normal(let deviation): return normal(deviation)
    case .kaimingUniform(let slope, let fan):
      return even(gain(slope) * (3 / (fan == .in ? fans.in : fans.out)).squareRoot())
    case .kaimingNormal(let slope, let fan):
      return normal(gain(slope) / (fan == .in ? fans.in : fans.out).squareRoot())
    case .xavierUniform(let gain): return even(gain * (6 / (fans.in + fans.out)).squareRoot())
    case .xavierNormal(let gain): return normal(gain * (2 / (fans.in + fans.out)).squareRoot())
    case .orthogonal(let gain): return Self.orthogonal(shape, gain: gain, using: &generator)
    }
  }

  /// Normal rows, each less its parts along those before (Gram and Schmidt, twice, against rounding).
  private static func orthogonal(
    _ shape: Shape, gain: Double, using generator: inout SeededGenerator
  ) -> Tensor<Float> {
    let rows = shape.rank == 0 ? 1 : shape[0]
    let columns = shape.count / max(1, rows)
    let (few, many) = (min(rows, columns), max(rows, columns))
    var basis: [[Double]] = []
    for _ in 0..<few {
      var row = Tensor<Double>.randomNormal(shape: [many], using: &generator).scalars
      for _ in 0..<2 {
        for other in basis {
          let part = zip(row, other).reduce(0) { $0 + $1.0 * $1.1 }
          for i in row.indices { row[i] -= part * other[i] }
        }
      }
      let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      basis.append(row.map { $0 / length })
    }
    let elements = (0..<rows * columns).map { i in
      let (row, column) = (i / columns, i % columns)
      return Float(gain * (rows <= columns ? basis[row][column] : basis[column][row]))
    }
    return Tensor(elements, shape: shape)
  }
}
