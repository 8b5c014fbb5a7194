import Convolution
import RealModule

// The formulas behind the catalogue. All kernels are in correlation form: they are laid over the image as
// they stand.

/// A kernel of `2 * radius + 1` squared from a function of the offset (x to the right, y downwards).
func squareKernel(
  radius: Int, _ value: (_ x: Double, _ y: Double) -> Double
) throws(KernelSpecificationError) -> Kernel {
  let size = 2 * radius + 1
  guard size <= Kernel.largestSize else { throw .kernel(.tooLarge(rows: size, columns: size)) }
  var coefficients: [Double] = []
  coefficients.reserveCapacity(size * size)
  for y in -radius...radius {
    for x in -radius...radius { coefficients.append(value(Double(x), Double(y))) }
  }
  return try kernel(size, size, coefficients)
}

func kernel(
  _ rows: Int, _ columns: Int, _ coefficients: [Double], anchor: Kernel.Anchor? = nil
) throws(KernelSpecificationError) -> Kernel {
  do throws(KernelError) {
    return try Kernel(rows: rows, columns: columns, coefficients: coefficients, anchor: anchor)
  } catch {
    throw .kernel(error)
  }
}

func bank(_ rows: Int, _ columns: Int, _ coefficients: [Double]) throws(KernelSpecificationError)
  -> KernelBank
{
  KernelBank(try kernel(rows, columns, coefficients))
}

/// exp(-(x^2 + y^2) / (2 sigma^2)), summing to 1. Its rank is exactly 1: built from one line.
func gaussianKernel(sigma: Double, radius: Int) throws(KernelSpecificationError) -> Kernel {
  let line = gaussianLine(sigma: sigma, radius: radius)
  return try squareKernel(radius: radius) { x, y in line[Int(x) + radius] * line[Int(y) + radius] }
}

/// The 1-D Gaussian, summing to 1.
func gaussianLine(sigma: Double, radius: Int) -> [Double] {
  let line = (-radius...radius).map { Double.exp(-Double($0 * $0) / (2 * sigma * sigma)) }
  let sum = line.reduce(0, +)
  return line.map { $0 / sum }
}

/// Where a Gaussian may be cut: 4 sigma leave out 1 part in 16,000.
func gaussianRadius(_ sigma: Double, asked radius: Double) -> Int {
  radius.isNaN ? max(1, Int((4 * sigma).rounded(.up))) : Int(radius)
}

/// A disk, each pixel weighted by how much of it the disk covers, summing to 1.
func diskKernel(radius: Double) throws(KernelSpecificationError) -> Kernel {
  let steps = 16
  return try squareKernel(radius: max(0, Int((radius - 0.5).rounded(.up)))) { x, y in
    var covered = 0
    for i in 0..<steps {
      for j in 0..<steps {
        let dx = x + (Double(i) + 0.5) / Double(steps) - 0.5
        let dy = y + (Double(j) + 0.5) / Double(steps) - 0.5
        if dx * dx + dy * dy <= radius * radius { covered += 1 }
      }
    }
    return Double(covered)
  }.withUnitSum
}

/// A line of `length` points one pixel apart, each shared out among the pixels around it, summing to 1.
func motionKernel(length: Int, angle: Double) throws(KernelSpecificationError) -> Kernel {
  let half = Double(length - 1) / 2
  let radius = Int(half.rounded(.up))
  let size = 2 * radius + 1
  guard size <= Kernel.largestSize else { throw .kernel(.tooLarge(rows: size, columns: size)) }
  let (dx, dy) = direction(angle)
  var coefficients = [Double](repeating: 0, count: size * size)
  for i in 0..<length {
    let t = Double(i) - half
    let (x, y) = (t * dx + Double(radius), t * dy + Double(radius))
    let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
    for (row, column) in [(top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)]
    where (0..<size).contains(row) && (0..<size).contains(column) {
      let weight = (1 - abs(x - Double(column))) * (1 - abs(y - Double(row)))
      coefficients[row * size + column] += weight
    }
  }
  return try kernel(size, size, coefficients).withUnitSum
}

/// The unit vector at an angle in degrees, counter-clockwise from the right; y downwards. Exact for
/// multiples of 90.
private func direction(_ angle: Double) -> (Double, Double) {
  switch angle.truncatingRemainder(dividingBy: 360) {
  case 0: return (1, 0)
  case 90, -270: return (0, -1)
  case 180, -180: return (-1, 0)
  case 270, -90: return (0, 1)
  default: return (Double.cos(angle * .pi / 180), -Double.sin(angle * .pi / 180))
  }
}

/// (1 + amount) times the image less amount times its blur.
func unsharpKernel(sigma: Double, amount: Double, radius: Int) throws(KernelSpecificationError) -> Kernel {
  let blur = try gaussianKernel(sigma: sigma, radius: radius)
  return try squareKernel(radius: radius) { x, y in
    let center: Double = x == 0 && y == 0 ? 1 + amount : 0
    return center - amount * blur[Int(y) + radius, Int(x) + radius]
  }
}

/// The Laplacian of a Gaussian; what the sampled formula sums to is taken off evenly, so that flat areas
/// give zero.
func laplacianOfGaussian(sigma: Double, radius: Int) throws(KernelSpecificationError) -> Kernel {
  let s2 = sigma * sigma
  let raw = try squareKernel(radius: radius) { x, y in
    let r2 = x * x + y * y
    return (r2 - 2 * s2) / (2 * .pi * s2 * s2 * s2) * Double.exp(-r2 / (2 * s2))
  }
  let mean = raw.sum / Double(raw.coefficients.count)
  return try kernel(raw.rows, raw.columns, raw.coefficients.map { $0 - mean })
}

/// The narrower Gaussian less the wider one.
func differenceOfGaussians(
  _ sigma1: Double, _ sigma2: Double, radius: Int
) throws(KernelSpecificationError) -> Kernel {
  let (first, second) = (
    try gaussianKernel(sigma: sigma1, radius: radius), try gaussianKernel(sigma: sigma2, radius: radius)
  )
  return try kernel(first.rows, first.columns, zip(first.coefficients, second.coefficients).map { $0 - $1 })
}

/// A wave under a Gaussian.
func gaborKernel(
  sigma: Double, theta: Double, wavelength: Double, gamma: Double, psi: Double, radius: Double
) throws(KernelSpecificationError) -> Kernel {
  let (c, s) = (Double.cos(theta * .pi / 180), Double.sin(theta * .pi / 180))
  let reach = radius.isNaN ? (3 * sigma * max(1, 1 / gamma)).rounded(.up) : radius
  return try squareKernel(radius: Int(min(reach, Double(Kernel.largestSize)))) { x, y in
    let (u, v) = (x * c + y * s, -x * s + y * c)
    return Double.exp(-(u * u + gamma * gamma * v * v) / (2 * sigma * sigma))
      * Double.cos(2 * .pi * u / wavelength + psi * .pi / 180)
  }
}

/// Binomial coefficients: what repeated averaging of two neighbours tends to.
func binomialKernel(radius: Int) throws(KernelSpecificationError) -> Kernel {
  var line = [1.0]
  for _ in 0..<2 * radius { line = zip(line + [0], [0] + line).map { ($0 + $1) / 2 } }
  return try squareKernel(radius: radius) { x, y in line[Int(x) + radius] * line[Int(y) + radius] }
}

/// A 3x3 kernel with its outer ring turned clockwise by `steps` eighths of a circle.
func turned(_ coefficients: [Double], steps: Int) -> [Double] {
  let ring = [0, 1, 2, 5, 8, 7, 6, 3]
  var result = coefficients
  for i in 0..<8 { result[ring[((i + steps) % 8 + 8) % 8]] = coefficients[ring[i]] }
  return result
}
