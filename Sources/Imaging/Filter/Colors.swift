import RealModule
import Tensors

/// Light from an sRGB-encoded value, both in units of `white`; odd about zero, and beyond white continued.
///
/// - Source: IEC 61966-2-1, 5.2.
func linearized(_ value: Float, white: Double) -> Float {
  TransferCurve.linearizing(value, white: Float(white))
}

/// The sRGB encoding of light: the inverse of ``linearized(_:white:)``.
func encoded(_ value: Float, white: Double) -> Float { TransferCurve.encoding(value, white: Float(white)) }

/// A curve from 0 ... 1 to 0 ... 1, looked up between 65,537 points: within 1e-6 of the formula, and many
/// times as fast.
private struct TransferCurve: Sendable {
  static let linearizing = TransferCurve { v in
    v <= 0.04045 ? v / 12.92 : Double.pow((v + 0.055) / 1.055, 2.4)
  }
  static let encoding = TransferCurve { v in
    v <= 0.0031308 ? v * 12.92 : 1.055 * Double.pow(v, 1 / 2.4) - 0.055
  }

  private static let steps = 65536
  private let points: [Float]
  private let formula: @Sendable (Double) -> Double

  init(_ formula: @escaping @Sendable (Double) -> Double) {
    self.formula = formula
    points = (0...Self.steps).map { Float(formula(Double($0) / Double(Self.steps))) }
  }

  func callAsFunction(_ value: Float, white: Float) -> Float {
    let position = abs(value) / white * Float(Self.steps)
    let result: Float
    if position < Float(Self.steps) {
      let index = Int(position)
      result = points[index] + (points[index + 1] - points[index]) * (position - Float(index))
    } else {
      result = Float(formula(Double(abs(value) / white)))
    }
    return value < 0 ? -result * white : result * white
  }
}

/// Blue for negative, white for zero, red for positive values: `[H, W, 3]` in units of `white`.
///
/// - Source: C. Brewer, M. Harrower, ColorBrewer, the scheme RdBu.
func divergingColors(_ values: Tensor<Float>, greatest: Float, white: Float) -> Tensor<Float> {
  let blues: [(Float, Float, Float)] = [(247, 247, 247), (67, 147, 195), (5, 48, 97)]
  let reds: [(Float, Float, Float)] = [(247, 247, 247), (214, 96, 77), (103, 0, 31)]
  let scale = white / 255
  let factor = greatest > 0 ? 2 / greatest : 0
  return values.withUnsafeBufferPointer { source in
    Tensor(unsafeUninitializedShape: [values.shape[0], values.shape[1], 3]) { destination in
      parallelRanges(source.count) { range in
        for i in range {
          let position = min(abs(source[i]) * factor, 2)
          let colors = source[i] < 0 ? blues : reds
          let index = min(1, Int(position))
          let t = position - Float(index)
          let (a, b) = (colors[index], colors[index + 1])
          destination.initializeElement(at: 3 * i, to: (a.0 + (b.0 - a.0) * t) * scale)
          destination.initializeElement(at: 3 * i + 1, to: (a.1 + (b.1 - a.1) * t) * scale)
          destination.initializeElement(at: 3 * i + 2, to: (a.2 + (b.2 - a.2) * t) * scale)
        }
      }
    }
  }
}

/// Values shown in colour, `[H, W, 3]`: blue for negative, white for zero, red for positive ones.
public func divergingImage(_ values: [Float], height: Int, width: Int, greatest: Float) -> Tensor<UInt8> {
  divergingColors(Tensor(values, shape: [height, width, 1]), greatest: greatest, white: 255)
    .mapped { UInt8($0.rounded()) }
}
