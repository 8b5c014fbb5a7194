import Fourier
import RealModule
import Tensors

/// What a filter lets through at each frequency.
public struct FrequencyFilter: Sendable {
  public enum Shape: String, Sendable, CaseIterable {
    /// All or nothing: rings appear beside edges.
    case ideal
    /// 1 / (1 + (f / cutoff)^2n)
    case butterworth
    /// e^(-f^2 / (2 cutoff^2))
    case gaussian
  }

  public enum Band: Sendable, Equatable {
    case lowPass(Double)
    case highPass(Double)
    case bandPass(Double, Double)
    case bandStop(Double, Double)
    /// Takes out circles of a radius around frequencies, and their mirror images.
    case notch([(x: Double, y: Double)], radius: Double)
    /// Lets through every other ring of a width.
    case rings(Double)

    public static func == (a: Band, b: Band) -> Bool { "\(a)" == "\(b)" }
  }

  public let band: Band
  public let shape: Shape
  /// Butterworth's n.
  public let order: Int

  /// - Parameters:
  ///   - band: frequencies in cycles a pixel, 0 to a half along an axis, 0.707 in the corners.
  ///   - shape: how sharply it ends.
  ///   - order: Butterworth's n.
  /// - Throws: ``ImagingError`` for frequencies that are not between 0 and 0.71, or bands without width.
  public init(_ band: Band, shape: Shape = .gaussian, order: Int = 2) throws(ImagingError) {
    func check(_ f: Double, _ name: String) throws(ImagingError) {
      guard f > 0, f <= 0.7072 else {
        throw ImagingError(
          "a \(name) of \(f) cycles a pixel: above 0, and up to 0.5 along an axis, 0.707 in the corners")
      }
    }
    switch band {
    case .lowPass(let f), .highPass(let f): try check(f, "cutoff")
    case .bandPass(let a, let b), .bandStop(let a, let b):
      try check(a, "lower cutoff")
      try check(b, "upper cutoff")
      guard a < b else { throw ImagingError("a band from \(a) to \(b): the lower cutoff comes first") }
    case .notch(let places, let radius):
      try check(radius, "radius")
      guard !places.isEmpty, places.allSatisfy({ abs($0.x) <= 0.5 && abs($0.y) <= 0.5 }) else {
        throw ImagingError("notches at \(places): at least one, coordinates from -0.5 to 0.5 cycles a pixel")
      }
    case .rings(let width): try check(width, "ring's width")
    }
    guard (1...100).contains(order) else { throw ImagingError("order \(order): 1 to 100") }
    (self.band, self.shape, self.order) = (band, shape, order)
  }

  /// The part of a frequency that goes through, 0 to 1.
  public func response(x: Double, y: Double) -> Double {
    let f = Double.hypot(x, y)
    switch band {
    case .lowPass(let cutoff): return low(f, cutoff)
    case .highPass(let cutoff): return 1 - low(f, cutoff)
    case .bandPass(let a, let b): return low(f, b) * (1 - low(f, a))
    case .bandStop(let a, let b): return 1 - low(f, b) * (1 - low(f, a))
    case .notch(let places, let radius):
      return places.reduce(1) {
        $0 * (1 - low(Double.hypot(x - $1.x, y - $1.y), radius))
          * (1 - low(Double.hypot(x + $1.x, y + $1.y), radius))
      }
    case .rings(let width):
      if shape == .ideal { return Int(f / width) % 2 == 0 ? 1 : 0 }
      return 0.5 + 0.5 * Double.cos(.pi * f / width)
    }
  }

  private func low(_ f: Double, _ cutoff: Double) -> Double {
    switch shape {
    case .ideal: f <= cutoff ? 1 : 0
    case .butterworth: 1 / (1 + Double.pow(f / cutoff, 2 * order))
    case .gaussian: Double.exp(-f * f / (2 * cutoff * cutoff))
    }
  }

  /// The response at every frequency of a plane, 0 in the middle: `[H, W]`.
  public func mask(height: Int, width: Int) -> Tensor<Float> {
    let (rows, columns) = (fftFrequencies(height) as [Double], fftFrequencies(width) as [Double])
    let values = rows.flatMap { y in columns.map { x in Float(response(x: x, y: y)) } }
    return Tensor(values, shape: [height, width]).fftShifted()
  }

  /// The response as a formula with the numbers put in.
  public var formula: String {
    func low(_ f: String, _ cutoff: Double) -> String {
      switch shape {
      case .ideal: "(\(f) <= \(cutoff))"
      case .butterworth: "1 / (1 + (\(f) / \(cutoff))^\(2 * order))"
      case .gaussian: "e^(-\(f)^2 / (2 * \(cutoff)^2))"
      }
    }
    return switch band {
    case .lowPass(let f): "H(f) = \(low("f", f))"
    case .highPass(let f): "H(f) = 1 - \(low("f", f))"
    case .bandPass(let a, let b): "H(f) = \(low("f", b)) * (1 - \(low("f", a)))"
    case .bandStop(let a, let b): "H(f) = 1 - \(low("f", b)) * (1 - \(low("f", a)))"
    case .notch(let places, let radius):
      "H(f) = product over (u, v) in \(places.map { "(\($0.x), \($0.y))" }.joined(separator: ", ")) and -(u, v) of 1 - \(low("|f - (u, v)|", radius))"
    case .rings(let width):
      shape == .ideal ? "H(f) = 1 where floor(f / \(width)) is even" : "H(f) = (1 + cos(pi f / \(width))) / 2"
    }
  }
}

/// What a filter of the frequency domain leaves of an image.
public struct FrequencyFiltered: Sendable {
  /// `[C, H, W]`
  public let planes: Tensor<Float>
  /// The part of the coefficients that are kept: of a response of a half or more.
  public let share: Double
}

/// Planes whose frequencies are multiplied with a mask.
/// - Parameters:
///   - planes: `[C, H, W]`
///   - mask: `[H, W]`, the frequency 0 in the middle. It is made symmetric, as real images are.
/// - Throws: ``ImagingError`` for a mask of another size, or numbers that are not finite.
public func filterFrequencies(
  _ planes: Tensor<Float>, mask: Tensor<Float>
) throws(ImagingError) -> FrequencyFiltered {
  guard planes.shape.rank == 3, mask.shape == [planes.shape[1], planes.shape[2]], mask.shape.count > 0 else {
    throw ImagingError(
      "a mask of shape \(mask.shape) for planes of shape \(planes.shape): one number a frequency, as many as pixels"
    )
  }
  guard planes.scalars.allSatisfy(\.isFinite), mask.scalars.allSatisfy(\.isFinite) else {
    throw ImagingError("the image or the mask has numbers that are not finite")
  }
  let (height, width) = (mask.shape[0], mask.shape[1])
  let half = width / 2 + 1
  let places = mask.inverseFFTShifted().scalars
  var response = [Float](repeating: 0, count: height * half)
  for y in 0..<height {
    for x in 0..<half {
      let other = (height - y) % height * width + (width - x) % width
      response[y * half + x] = (places[y * width + x] + places[other]) / 2
    }
  }
  do throws(FourierError) {
    let channels = planes.shape[0]
    let spectrum = try rfft(planes, axes: [1, 2])
    let all = Tensor((0..<channels).flatMap { _ in response }, shape: spectrum.shape)
    let kept = Double(places.filter { $0 >= 0.5 }.count)
    return FrequencyFiltered(
      planes: try irfft(spectrum * all, count: width, axes: [1, 2]), share: kept / Double(places.count))
  } catch {
    throw ImagingError("\(error)")
  }
}

/// The peak signal-to-noise ratio of samples from 0 to 1, in decibels; infinite for equal ones.
public func peakSignalToNoiseRatio(_ a: Tensor<Float>, _ b: Tensor<Float>) -> Double {
  precondition(a.shape == b.shape, "images of shapes \(a.shape) and \(b.shape)")
  let sum = zip(a.scalars, b.scalars).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
  return sum == 0 ? .infinity : -10 * Double.log10(sum / Double(a.shape.count))
}
