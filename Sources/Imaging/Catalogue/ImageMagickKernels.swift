import Convolution
import Tensors
import RealModule

/// Kernels by ImageMagick's names and arguments, as it convolves with them: `Gaussian:0x2`, `Sobel:90`.
///
/// - Source: ImageMagick 6, magick/morphology.c, and its "Convolution of Images" examples; values compared
///   with its `-define morphology:showKernel=1`.
enum ImageMagickKernels {
  static let names = [
    "unity", "gaussian", "blur", "log", "dog", "binomial", "sobel", "prewitt", "roberts", "kirsch", "compass",
    "laplacian",
  ]

  /// - Returns: nil for a name that is not ImageMagick's.
  static func make(_ name: String, _ arguments: String) throws(KernelSpecificationError) -> KernelBank? {
    let lowercased = name.lowercased()
    guard names.contains(lowercased) else { return nil }
    let numbers = try numbers(in: arguments)
    func number(_ i: Int, _ standard: Double) -> Double { i < numbers.count ? numbers[i] : standard }
    switch lowercased {
    case "unity": return try bank(1, 1, [1])
    case "gaussian", "log", "dog", "blur":
      let radius = number(0, 0)
      let sigma = number(1, 1)
      guard (0...511).contains(radius) else {
        throw .parameterOutOfRange("radius", radius, 0...511, isWhole: false)
      }
      guard (0.05...250).contains(sigma) else {
        throw .parameterOutOfRange("sigma", sigma, 0.05...250, isWhole: false)
      }
      return try gaussianFamily(
        lowercased, radius: Int(radius), sigma: sigma, number(2, 0))
    case "binomial":
      let radius = max(1, number(0, 1))
      guard radius <= 255 else { throw .parameterOutOfRange("radius", radius, 1...255, isWhole: true) }
      return KernelBank(try binomialKernel(radius: Int(radius)))
    case "laplacian": return try laplacian(number(0, 0))
    default:
      let upright: [String: [Double]] = [
        "sobel": [-1, 0, 1, -2, 0, 2, -1, 0, 1], "prewitt": [-1, 0, 1, -1, 0, 1, -1, 0, 1],
        "roberts": [0, 0, 0, 0, -1, 1, 0, 0, 0], "kirsch": [-3, -3, 5, -3, 0, 5, -3, -3, 5],
        "compass": [-1, 1, 1, -1, -2, 1, -1, 1, 1],
      ]
      let angle = number(0, 0)
      guard abs(angle) <= 36000 else {
        throw .parameterOutOfRange("angle", angle, -36000...36000, isWhole: false)
      }
      // Its kernels turn in eighths, clockwise as they are written; ours are written the other way round.
      return try bank(3, 3, turned(upright[lowercased]!, steps: Int((angle / 45).rounded())))
    }
  }

  /// "0x2", "0,0.6,1", "0x1+90".
  private static func numbers(in text: String) throws(KernelSpecificationError) -> [Double] {
    var numbers: [Double] = []
    var spaced = ""
    var previous: Character = " "
    for character in text {
      // A sign starts a number of its own, except in an exponent.
      if (character == "+" || character == "-") && previous != "e" && previous != "E" { spaced.append(" ") }
      spaced.append("x,@><^!%".contains(character.lowercased()) ? " " : character)
      previous = character
    }
    for part in spaced.split(whereSeparator: \.isWhitespace) {
      guard let number = Double(part), number.isFinite else { throw .notANumber(String(part), near: text) }
      numbers.append(number)
    }
    return numbers
  }

  private static func gaussianFamily(
    _ name: String, radius: Int, sigma: Double, _ third: Double
  ) throws(KernelSpecificationError) -> KernelBank {
    switch name {
    case "gaussian":
      let radius = try radius > 0 ? radius : optimalRadius2D(sigma)
      return KernelBank(try gaussianKernel(sigma: sigma, radius: radius))
    case "blur":
      let radius = try radius > 0 ? radius : optimalRadius1D(sigma)
      // Each coefficient is the sum of three samples a third of a pixel apart.
      var line = [Double](repeating: 0, count: 2 * radius + 1)
      let reach = ((2 * radius + 1) * 3 - 1) / 2
      for u in -reach...reach {
        line[(u + reach) / 3] += Double.exp(-Double(u * u) / (2 * 9 * sigma * sigma))
      }
      let sum = line.reduce(0, +)
      line = line.map { $0 / sum }
      let isVertical = Int((third / 90).rounded()) % 2 != 0
      return try isVertical ? bank(line.count, 1, line) : bank(1, line.count, line)
    case "log":
      let radius = try radius > 0 ? radius : optimalRadius2D(sigma)
      let raw = try squareKernel(radius: radius) { x, y in
        let r = (x * x + y * y) / (2 * sigma * sigma)
        return (1 - r) * Double.exp(-r)
      }
      return KernelBank(try balanced(raw))
    default:
      let sigma2 = third
      guard (0...250).contains(sigma2) else {
        throw .parameterOutOfRange("the second sigma", sigma2, 0...250, isWhole: false)
      }
      let radius = try radius > 0 ? radius : optimalRadius2D(max(sigma, sigma2))
      let raw = try squareKernel(radius: radius) { x, y in
        let r2 = x * x + y * y
        let first = Double.exp(-r2 / (2 * sigma * sigma)) / (2 * .pi * sigma * sigma)
        guard sigma2 > 0 else { return first - (r2 == 0 ? 1 : 0) }
        return first - Double.exp(-r2 / (2 * sigma2 * sigma2)) / (2 * .pi * sigma2 * sigma2)
      }
      return KernelBank(try balanced(raw))
    }
  }

  /// Positive coefficients scaled to sum to 1, negative ones to -1.
  private static func balanced(_ raw: Kernel) throws(KernelSpecificationError) -> Kernel {
    let positive = raw.coefficients.reduce(0) { $0 + max(0, $1) }
    let negative = raw.coefficients.reduce(0) { $0 - min(0, $1) }
    guard positive > 0, negative > 0 else {
      throw .malformed("the two Gaussians are too alike to make a difference; give other sigmas")
    }
    return try kernel(
      raw.rows, raw.columns, raw.coefficients.map { $0 > 0 ? $0 / positive : $0 / negative })
  }

  /// The least radius whose outermost coefficient is below one part in 65,535.
  private static func optimalRadius2D(_ sigma: Double) throws(KernelSpecificationError) -> Int {
    try optimalRadius { radius in
      let line = gaussianLine(sigma: sigma, radius: radius)
      return line[0] * line[radius]
    }
  }

  private static func optimalRadius1D(_ sigma: Double) throws(KernelSpecificationError) -> Int {
    try optimalRadius { radius in gaussianLine(sigma: sigma, radius: radius)[0] }
  }

  private static func optimalRadius(_ outermost: (Int) -> Double) throws(KernelSpecificationError) -> Int {
    var radius = 2
    while outermost(radius) >= 1 / 65535.0 {
      radius += 1
      guard 2 * radius + 1 <= Kernel.largestSize else {
        throw .kernel(.tooLarge(rows: 2 * radius + 1, columns: 2 * radius + 1))
      }
    }
    return max(1, radius - 1)
  }

  private static func laplacian(_ type: Double) throws(KernelSpecificationError) -> KernelBank {
    switch type {
    case 0: return try bank(3, 3, [-1, -1, -1, -1, 8, -1, -1, -1, -1])
    case 1: return try bank(3, 3, [0, -1, 0, -1, 4, -1, 0, -1, 0])
    case 2: return try bank(3, 3, [-2, 1, -2, 1, 4, 1, -2, 1, -2])
    case 3: return try bank(3, 3, [1, -2, 1, -2, 4, -2, 1, -2, 1])
    case 5:
      return try bank(
        5, 5,
        [-4, -1, 0, -1, -4, -1, 2, 3, 2, -1, 0, 3, 4, 3, 0, -1, 2, 3, 2, -1, -4, -1, 0, -1, -4])
    case 15:
      return try bank(
        5, 5,
        [0, 0, -1, 0, 0, 0, -1, -2, -1, 0, -1, -2, 16, -2, -1, 0, -1, -2, -1, 0, 0, 0, -1, 0, 0])
    default:
      throw .malformed("Laplacian:\(plain(type)): the types 0, 1, 2, 3, 5 and 15 are known")
    }
  }
}
