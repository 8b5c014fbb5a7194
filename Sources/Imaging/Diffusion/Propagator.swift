import Convolution
import RealModule
import Tensors

/// How the coefficients of a kernel become probabilities of steps.
public enum PropagatorRule: String, Sendable, CaseIterable {
  /// e^(k / temperature) over their sum.
  case softmax
  /// |k| over their sum.
  case absolute
  /// k^2 over their sum: a wave's amplitudes read as quantum mechanics does.
  case square
}

extension Kernel {
  /// The kernel as a probability density: coefficients of 0 or more whose sum is 1.
  /// - Parameters:
  ///   - rule: what makes a coefficient a probability.
  ///   - temperature: for softmax: the smaller, the more the greatest coefficient takes.
  /// - Throws: ``ImagingError`` for a kernel of zeros by other rules than softmax, and a temperature that is not above 0.
  public func propagator(
    _ rule: PropagatorRule, temperature: Double = 1
  ) throws(ImagingError) -> Kernel {
    guard temperature > 0, temperature.isFinite else {
      throw ImagingError("temperature \(temperature): above 0")
    }
    let greatest = coefficients.max()!
    let weights = coefficients.map { k in
      switch rule {
      case .softmax: Double.exp((k - greatest) / temperature)
      case .absolute: abs(k)
      case .square: k * k
      }
    }
    let sum = weights.reduce(0, +)
    guard sum > 0, sum.isFinite else {
      throw ImagingError("a kernel of zeros has no probabilities by the rule \(rule.rawValue): use softmax")
    }
    do {
      return try Kernel(rows: rows, columns: columns, coefficients: weights.map { $0 / sum }, anchor: anchor)
    } catch {
      throw ImagingError("\(error)")
    }
  }
}

/// A kernel read as chances: each sample of a pixel takes one of the kernel's positions, with a probability of its magnitude,
/// and the sign along. The mean of many samples tends to the filter's result.
public struct StochasticConvolution: Sendable {
  public let kernel: Kernel
  public let seed: UInt64
  /// The sum of magnitudes, which every sample is multiplied with.
  private let total: Float
  /// Cumulated probabilities, in 2^-32.
  private let thresholds: [UInt32]

  /// - Parameters:
  ///   - kernel: as correlation uses it.
  ///   - seed: another one draws other positions.
  /// - Throws: ``ImagingError`` for a kernel of zeros.
  public init(_ kernel: Kernel, seed: UInt64 = 0) throws(ImagingError) {
    let sum = kernel.coefficients.reduce(0) { $0 + abs($1) }
    guard sum > 0 else { throw ImagingError("a kernel of zeros has no position to sample") }
    (self.kernel, self.seed, total) = (kernel, seed, Float(sum))
    var running = 0.0
    thresholds = kernel.coefficients.map {
      running += abs($0)
      return UInt32(min(4_294_967_295, (running / sum * 4_294_967_296).rounded(.down)))
    }
  }

  /// Adds samples to sums.
  /// - Parameters:
  ///   - planes: `[C, H, W]`; beyond the edges, they are mirrored.
  ///   - sums: of the planes' shape.
  ///   - samples: the numbers of the samples: each draws the same positions in every run, on any number of threads. The
  ///     channels of a pixel take the same position.
  public func add(_ planes: Tensor<Float>, to sums: inout Tensor<Double>, samples: Range<Int>) {
    let (channels, height, width) = (planes.shape[0], planes.shape[1], planes.shape[2])
    let columns = kernel.columns
    let (anchor, coefficients) = (kernel.anchor, kernel.coefficients)
    let last = thresholds.count - 1
    // The mirrored places that the kernel reaches, from -anchor on.
    func places(_ size: Int, _ anchor: Int, _ count: Int) -> [Int] {
      (-anchor..<count + size - anchor).map { PaddingMode.reflect.sourceIndex($0, count: count)! }
    }
    let (down, across) = (places(kernel.rows, anchor.row, height), places(columns, anchor.column, width))
    sums.withUnsafeMutableBufferPointer { out in
      let out = out.baseAddress!
      planes.withUnsafeBufferPointer { x in
        ThreadPool.shared.parallelFor(height) { y in
          for u in 0..<width {
            for sample in samples {
              let draw = random(UInt64(y * width + u), UInt64(sample))
              // The first position whose cumulated probability is above the draw.
              var (low, high) = (0, last)
              while low < high {
                let middle = (low + high) / 2
                if thresholds[middle] > draw { high = middle } else { low = middle + 1 }
              }
              let (v, w) = (down[y + low / columns], across[u + low % columns])
              let sign: Float = coefficients[low] < 0 ? -total : total
              for c in 0..<channels {
                out[(c * height + y) * width + u] += Double(sign * x[(c * height + v) * width + w])
              }
            }
          }
        }
      }
    }
  }

  /// SplitMix64 of the seed, the pixel and the sample.
  private func random(_ pixel: UInt64, _ sample: UInt64) -> UInt32 {
    var z = seed &+ (pixel &* 0x9E37_79B9_7F4A_7C15) ^ (sample &* 0xD1B5_4A32_D192_ED03)
    for _ in 0..<2 {
      z &+= 0x9E37_79B9_7F4A_7C15
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      z ^= z >> 31
    }
    return UInt32(truncatingIfNeeded: z >> 32)
  }
}
