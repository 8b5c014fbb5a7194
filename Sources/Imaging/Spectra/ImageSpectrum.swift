import Fourier
import RealModule
import Tensors

/// The Fourier transform of a grey plane, and what a person can read off it.
public struct ImageSpectrum: Sendable {
  public let height: Int
  public let width: Int
  /// `[H, W / 2 + 1]`: the other half is its mirror image.
  public let coefficients: ComplexTensor<Float>

  /// - Parameters:
  ///   - plane: `[H, W]`
  ///   - isWindowed: fades out towards the edges (Hann's window, the mean taken off), so that the jump from one edge to the
  ///     opposite one does not draw a cross.
  /// - Throws: ``ImagingError`` for a plane without pixels or with numbers that are not finite.
  public init(_ plane: Tensor<Float>, isWindowed: Bool = false) throws(ImagingError) {
    guard plane.shape.rank == 2, plane.shape.count > 0, plane.scalars.allSatisfy(\.isFinite) else {
      throw ImagingError("a spectrum of a plane of shape \(plane.shape): it takes [H, W] of finite numbers")
    }
    (height, width) = (plane.shape[0], plane.shape[1])
    var plane = plane
    if isWindowed {
      let mean = Float(plane.scalars.reduce(0.0) { $0 + Double($1) } / Double(plane.shape.count))
      func hann(_ count: Int) -> [Float] {
        (0..<count).map { 0.5 - 0.5 * Float.cos(2 * .pi * (Float($0) + 0.5) / Float(count)) }
      }
      let (rows, columns, width) = (hann(height), hann(width), width)
      plane = Tensor(
        plane.scalars.enumerated().map { ($1 - mean) * rows[$0 / width] * columns[$0 % width] },
        shape: plane.shape)
    }
    do throws(FourierError) { coefficients = try rfft(plane) } catch { throw ImagingError("\(error)") }
  }

  /// A number for every frequency, the frequency 0 in the middle: `[H, W]`, from one of the real and imaginary part.
  private func centred(_ body: (Float, Float) -> Float) -> Tensor<Float> {
    let (re, im) = (coefficients.real.scalars, coefficients.imaginary.scalars)
    let half = width / 2 + 1
    var values: [Float] = []
    values.reserveCapacity(height * width)
    for y in 0..<height {
      for x in 0..<width {
        let isOwn = x < half
        let i = isOwn ? y * half + x : (height - y) % height * half + width - x
        values.append(body(re[i], isOwn ? im[i] : -im[i]))
      }
    }
    return Tensor(values, shape: [height, width]).fftShifted()
  }

  /// |F| of every frequency, 0 in the middle: `[H, W]`.
  public var magnitude: Tensor<Float> { centred { Float.hypot($0, $1) } }

  /// The angle of every frequency, from -pi to pi, 0 in the middle: `[H, W]`.
  public var phase: Tensor<Float> { centred { Float.atan2(y: $1, x: $0) } }

  /// The mean of |F| over rings around the frequency 0: ring i is for i / (2 (count - 1)) cycles a pixel, up to a half.
  public func radialProfile(count: Int = 128) -> [Double] {
    var (sums, counts) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
    forEachFrequency { fy, fx, power in
      let ring = Int((Double.hypot(fy, fx) * 2 * Double(count - 1)).rounded())
      guard ring < count else { return }
      sums[ring] += power.squareRoot()
      counts[ring] += 1
    }
    return zip(sums, counts).map { $1 > 0 ? $0 / $1 : 0 }
  }

  /// Where the texture's waves run.
  public struct Orientation: Sendable, Codable {
    /// The direction across the stripes, counterclockwise from the x axis: 0 to 180 degrees.
    public let degrees: Double
    /// 0 for a texture without a direction, 1 for waves of one direction alone.
    public let coherence: Double
    /// Pixels from wave to wave, of the strongest frequency.
    public let period: Double
  }

  /// The direction in which the image changes most: the principal axis of the power's second moments, without the lowest
  /// frequencies.
  /// - Source: Bigün and Granlund (1987), the structure tensor, in the frequency domain.
  public var orientation: Orientation {
    let lowest = 1.5 / Double(max(2, min(height, width)))
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    var (greatest, strongest) = (0.0, 0.0)
    forEachFrequency { fy, fx, power in
      let f = Double.hypot(fy, fx)
      guard f > lowest, f <= 0.5 else { return }
      // Waves of one strength count alike, whatever their length: the gradient's power is divided by f^2.
      let weight = power / (f * f)
      xx += weight * fx * fx
      yy += weight * fy * fy
      xy += weight * fx * fy
      if power > greatest { (greatest, strongest) = (power, f) }
    }
    // Rows count downwards.
    var degrees = -0.5 * Double.atan2(y: 2 * xy, x: xx - yy) * 180 / .pi
    if degrees < 0 { degrees += 180 }
    let sum = xx + yy
    return Orientation(
      degrees: degrees, coherence: sum > 0 ? Double.hypot(xx - yy, 2 * xy) / sum : 0,
      period: strongest > 0 ? 1 / strongest : 0)
  }

  /// Calls `body` with cycles a pixel and |F|^2 of all frequencies but mirrored ones.
  private func forEachFrequency(_ body: (Double, Double, Double) -> Void) {
    let (re, im) = (coefficients.real.scalars, coefficients.imaginary.scalars)
    let (rows, columns) = (fftFrequencies(height) as [Double], rfftFrequencies(width) as [Double])
    for (y, fy) in rows.enumerated() {
      for (x, fx) in columns.enumerated() {
        let i = y * columns.count + x
        body(fy, fx, Double(re[i]) * Double(re[i]) + Double(im[i]) * Double(im[i]))
      }
    }
  }
}

extension Tensor where Scalar == Float {
  /// Magnitudes as a grey picture, `[H, W, 1]`: the logarithm of 1 + value, black at 0.
  public var logarithmicPicture: Image {
    let greatest = scalars.reduce(0) { Swift.max($0, $1) }
    // What is a millionth of the greatest is black.
    let floor = Swift.max(greatest * 1e-6, .leastNormalMagnitude)
    let range = Float.log(1 + greatest / floor)
    return Image(
      .uint8(
        Tensor<UInt8>(
          scalars.map { UInt8((255 * Float.log(1 + $0 / floor) / range).rounded()) },
          shape: [shape[0], shape[1], 1])))
  }

  /// Numbers of a range as a grey picture.
  public func greyPicture(low: Float, high: Float) -> Image {
    let scale = high > low ? 255 / (high - low) : 0
    return Image(
      .uint8(
        Tensor<UInt8>(
          scalars.map { UInt8(Swift.min(255, Swift.max(0, ($0 - low) * scale)).rounded()) },
          shape: [shape[0], shape[1], 1])))
  }
}

/// The frequency response of a kernel as it is used on an image of a size: |F| with the frequency 0 in the middle.
public func frequencyResponse(
  _ coefficients: [[Double]], height: Int, width: Int
) throws(ImagingError) -> Tensor<Float> {
  let (rows, columns) = (coefficients.count, coefficients.first?.count ?? 0)
  guard rows > 0, columns > 0, rows <= height, columns <= width else {
    throw ImagingError(
      "the response of a kernel of \(columns)x\(rows) at \(width)x\(height) frequencies: it must fit")
  }
  var plane = Tensor<Float>(zeros: [height, width])
  for (y, row) in coefficients.enumerated() {
    for (x, value) in row.enumerated() { plane[y, x] = Float(value) }
  }
  return try ImageSpectrum(plane).magnitude
}
