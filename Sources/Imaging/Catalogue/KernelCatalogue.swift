import Convolution
import Tensors

/// The kernels that have names.
///
/// All are defined by their effect: Sobel x is positive where brightness grows to the right, whether the
/// program convolves or correlates.
public enum KernelCatalogue {
  public static let entries: [CatalogueEntry] =
    smoothing + sharpening + gradients + lines + compasses + secondDerivatives

  /// The entry of a name, in any case.
  public static func entry(_ name: String) -> CatalogueEntry? {
    let name = name.lowercased()
    return entries.first { $0.name == name }
  }

  /// The names that a mistyped one may have meant: those at most two changes away, and those that contain it.
  static func names(like name: String) -> [String] {
    let name = name.lowercased()
    let near = entries.map(\.name).filter {
      editDistance(name, $0) <= max(1, min(2, name.count / 3)) || (name.count >= 3 && $0.contains(name))
    }
    return Array(near.prefix(3))
  }

  private static let sigma = CatalogueEntry.Parameter(
    "sigma", 1, 0.1...250, "standard deviation in pixels")

  private static func radius(_ standard: Double?, _ meaning: String) -> CatalogueEntry.Parameter {
    CatalogueEntry.Parameter("radius", standard, 0...511, meaning, whole: true)
  }

  private static let gaussianReach = CatalogueEntry.Parameter(
    "radius", nil, 1...511, "pixels either side; 4 sigma where left out", whole: true)

  private static let smoothing: [CatalogueEntry] = [
    CatalogueEntry(
      "identity", "the image unchanged", formula: "1", source: "the unit of convolution"
    ) { _ throws(KernelSpecificationError) in try bank(1, 1, [1]) },
    CatalogueEntry(
      "box", "the mean of a square", formula: "1 / (2 radius + 1)^2",
      source: "R. C. Gonzalez, R. E. Woods, Digital Image Processing, 3.5.1",
      [radius(1, "pixels either side")]
    ) { p throws(KernelSpecificationError) in
      let size = 2 * Int(p[0]) + 1
      return try bank(size, size, [Double](repeating: 1 / Double(size * size), count: size * size))
    },
    CatalogueEntry(
      "disk", "the mean of a disk: a lens out of focus",
      formula: "the part of each pixel that x^2 + y^2 <= radius^2 covers, over the sum",
      source: "M. Potmesil, I. Chakravarty, A Lens and Aperture Camera Model, SIGGRAPH 1981",
      [CatalogueEntry.Parameter("radius", 2, 0.5...250, "in pixels")]
    ) { p throws(KernelSpecificationError) in KernelBank(try diskKernel(radius: p[0])) },
    CatalogueEntry(
      "gaussian", "smooth blur", formula: "exp(-(x^2 + y^2) / (2 sigma^2)), over the sum",
      source: "D. Marr, E. Hildreth, Theory of edge detection, 1980", [sigma, gaussianReach]
    ) { p throws(KernelSpecificationError) in
      KernelBank(try gaussianKernel(sigma: p[0], radius: gaussianRadius(p[0], asked: p[1])))
    },
    CatalogueEntry(
      "binomial", "smooth blur with binomial coefficients",
      formula: "C(2 radius, x + radius) C(2 radius, y + radius) / 4^(2 radius)",
      source: "P. J. Burt, E. H. Adelson, The Laplacian Pyramid as a Compact Image Code, 1983",
      [CatalogueEntry.Parameter("radius", 1, 0...255, "pixels either side", whole: true)]
    ) { p throws(KernelSpecificationError) in KernelBank(try binomialKernel(radius: Int(p[0]))) },
    CatalogueEntry(
      "motion", "blur along a line: a moving camera",
      formula: "a line of length points at angle, over the sum",
      source: "A. Rosenfeld, A. C. Kak, Digital Picture Processing, 7.1",
      [
        CatalogueEntry.Parameter("length", 9, 1...511, "in pixels", whole: true),
        CatalogueEntry.Parameter("angle", 0, -360...360, "degrees counter-clockwise from the right"),
      ]
    ) { p throws(KernelSpecificationError) in KernelBank(try motionKernel(length: Int(p[0]), angle: p[1])) },
  ]

  private static let sharpening: [CatalogueEntry] = [
    CatalogueEntry(
      "sharpen", "crisper edges: the image less its Laplacian",
      formula: "0 -a 0 / -a 1+4a -a / 0 -a 0", source: "Gonzalez & Woods, 3.6.2",
      [CatalogueEntry.Parameter("amount", 1, 0...100, "a")]
    ) { p throws(KernelSpecificationError) in
      let a = p[0]
      return try bank(3, 3, [0, -a, 0, -a, 1 + 4 * a, -a, 0, -a, 0])
    },
    CatalogueEntry(
      "unsharp", "unsharp masking: add what a blur takes away",
      formula: "(1 + amount) identity - amount gaussian(sigma)", source: "Gonzalez & Woods, 3.6.3",
      [sigma, CatalogueEntry.Parameter("amount", 1, 0...100, "how much is added"), gaussianReach]
    ) { p throws(KernelSpecificationError) in
      KernelBank(try unsharpKernel(sigma: p[0], amount: p[1], radius: gaussianRadius(p[0], asked: p[2])))
    },
    CatalogueEntry(
      "emboss", "a relief lit from the upper left", formula: "-2 -1 0 / -1 1 1 / 0 1 2",
      source: "J. Harris, Embossing, in Graphics Gems IV, 1994"
    ) { _ throws(KernelSpecificationError) in try bank(3, 3, [-2, -1, 0, -1, 1, 1, 0, 1, 2]) },
    CatalogueEntry(
      "outline", "edges of every direction", formula: "-1 -1 -1 / -1 8 -1 / -1 -1 -1",
      source: "W. K. Pratt, Digital Image Processing, 15.3"
    ) { _ throws(KernelSpecificationError) in try bank(3, 3, [-1, -1, -1, -1, 8, -1, -1, -1, -1]) },
  ]

  /// x, y and magnitude of a 3x3 gradient whose middle row weighs `side`, `middle`, `side`.
  private static func gradient(
    _ name: String, _ side: Double, _ middle: Double, source: String
  ) -> [CatalogueEntry] {
    let x = [-side, 0, side, -middle, 0, middle, -side, 0, side]
    let y = [-side, -middle, -side, 0, 0, 0, side, middle, side]
    let (s, m) = (plain(side), plain(middle))
    let title = name.prefix(1).uppercased() + name.dropFirst()
    return [
      CatalogueEntry(
        name, "\(title) gradient magnitude: edges", formula: "sqrt(\(name)-x^2 + \(name)-y^2)", source: source
      ) { _ throws(KernelSpecificationError) in
        KernelBank([try kernel(3, 3, x), try kernel(3, 3, y)], combination: .magnitude)
      },
      CatalogueEntry(
        "\(name)-x", "\(title) derivative: positive where brightness grows to the right",
        formula: "-\(s) 0 \(s) / -\(m) 0 \(m) / -\(s) 0 \(s)", source: source
      ) { _ throws(KernelSpecificationError) in try bank(3, 3, x) },
      CatalogueEntry(
        "\(name)-y", "\(title) derivative: positive where brightness grows downwards",
        formula: "-\(s) -\(m) -\(s) / 0 0 0 / \(s) \(m) \(s)", source: source
      ) { _ throws(KernelSpecificationError) in try bank(3, 3, y) },
    ]
  }

  private static let robertsSource = "L. G. Roberts, Machine Perception of Three-Dimensional Solids, 1963"

  private static let gradients: [CatalogueEntry] =
    gradient("sobel", 1, 2, source: "I. Sobel, G. Feldman, A 3x3 Isotropic Gradient Operator, 1968")
    + gradient("scharr", 3, 10, source: "H. Scharr, Optimal Operators in Digital Image Processing, 2000")
    + gradient("prewitt", 1, 1, source: "J. M. S. Prewitt, Object Enhancement and Extraction, 1970")
    + [
      CatalogueEntry(
        "roberts", "Roberts cross magnitude: thin edges", formula: "sqrt(roberts-x^2 + roberts-y^2)",
        source: robertsSource
      ) { _ throws(KernelSpecificationError) in
        KernelBank(
          [try kernel(2, 2, [-1, 0, 0, 1]), try kernel(2, 2, [0, -1, 1, 0])], combination: .magnitude)
      },
      CatalogueEntry(
        "roberts-x", "Roberts cross: positive where brightness grows to the lower right",
        formula: "-1 0 / 0 1", source: robertsSource
      ) { _ throws(KernelSpecificationError) in try bank(2, 2, [-1, 0, 0, 1]) },
      CatalogueEntry(
        "roberts-y", "Roberts cross: positive where brightness grows to the lower left",
        formula: "0 -1 / 1 0", source: robertsSource
      ) { _ throws(KernelSpecificationError) in try bank(2, 2, [0, -1, 1, 0]) },
    ]

  private static let lineSource = "Gonzalez & Woods, 10.2.3"

  private static let lines: [CatalogueEntry] = [
    CatalogueEntry(
      "line-horizontal", "bright horizontal lines one pixel thick", formula: "-1 -1 -1 / 2 2 2 / -1 -1 -1",
      source: lineSource
    ) { _ throws(KernelSpecificationError) in try bank(3, 3, [-1, -1, -1, 2, 2, 2, -1, -1, -1]) },
    CatalogueEntry(
      "line-vertical", "bright vertical lines one pixel thick", formula: "-1 2 -1 / -1 2 -1 / -1 2 -1",
      source: lineSource
    ) { _ throws(KernelSpecificationError) in try bank(3, 3, [-1, 2, -1, -1, 2, -1, -1, 2, -1]) },
    CatalogueEntry(
      "line-rising", "bright diagonal lines that rise to the right", formula: "-1 -1 2 / -1 2 -1 / 2 -1 -1",
      source: lineSource
    ) { _ throws(KernelSpecificationError) in try bank(3, 3, [-1, -1, 2, -1, 2, -1, 2, -1, -1]) },
    CatalogueEntry(
      "line-falling", "bright diagonal lines that fall to the right", formula: "2 -1 -1 / -1 2 -1 / -1 -1 2",
      source: lineSource
    ) { _ throws(KernelSpecificationError) in try bank(3, 3, [2, -1, -1, -1, 2, -1, -1, -1, 2]) },
  ]

  /// A compass operator: the greatest of eight directions, or one of them.
  private static func compass(
    _ name: String, _ summary: String, _ north: [Double], formula: String, source: String
  ) -> CatalogueEntry {
    CatalogueEntry(
      name, summary, formula: formula, source: source,
      [
        CatalogueEntry.Parameter(
          "angle", nil, 0...315,
          "one direction only: degrees clockwise from up, in steps of 45, towards the brighter side")
      ]
    ) { p throws(KernelSpecificationError) in
      if !p[0].isNaN {
        guard p[0].truncatingRemainder(dividingBy: 45) == 0 else {
          throw .malformed("angle=\(plain(p[0])): a compass turns in steps of 45 degrees")
        }
        return try bank(3, 3, turned(north, steps: Int(p[0]) / 45))
      }
      var kernels: [Kernel] = []
      for steps in 0..<8 { kernels.append(try kernel(3, 3, turned(north, steps: steps))) }
      return KernelBank(kernels, combination: .maximum)
    }
  }

  private static let compasses: [CatalogueEntry] = [
    compass(
      "kirsch", "the strongest of eight edge directions", [5, 5, 5, -3, 0, -3, -3, -3, -3],
      formula: "max of 5 5 5 / -3 0 -3 / -3 -3 -3 turned by 0 to 315 degrees",
      source: "R. A. Kirsch, Computer determination of the constituent structure of biological images, 1971"),
    compass(
      "robinson", "the strongest of eight Sobel-like directions", [1, 2, 1, 0, 0, 0, -1, -2, -1],
      formula: "max of 1 2 1 / 0 0 0 / -1 -2 -1 turned by 0 to 315 degrees",
      source: "G. S. Robinson, Edge detection by compass gradient masks, 1977"),
  ]

  private static let secondDerivatives: [CatalogueEntry] = [
    CatalogueEntry(
      "laplacian", "second derivative: how much darker a pixel is than its neighbours",
      formula: "0 1 0 / 1 -4 1 / 0 1 0, or 1 1 1 / 1 -8 1 / 1 1 1",
      source: "Gonzalez & Woods, 3.6.2",
      [CatalogueEntry.Parameter("neighbors", 4, 4...8, "4 or 8", whole: true)]
    ) { p throws(KernelSpecificationError) in
      guard p[0] == 4 || p[0] == 8 else {
        throw .malformed("neighbors=\(plain(p[0])): a pixel has 4 neighbours, or 8 with the diagonal ones")
      }
      return p[0] == 4
        ? try bank(3, 3, [0, 1, 0, 1, -4, 1, 0, 1, 0]) : try bank(3, 3, [1, 1, 1, 1, -8, 1, 1, 1, 1])
    },
    CatalogueEntry(
      "log", "Laplacian of Gaussian: blobs and edges of one size",
      formula: "(x^2 + y^2 - 2 sigma^2) / (2 pi sigma^6) exp(-(x^2 + y^2) / (2 sigma^2)), less its mean",
      source: "D. Marr, E. Hildreth, Theory of edge detection, 1980",
      [CatalogueEntry.Parameter("sigma", 1.4, 0.3...100, "standard deviation in pixels"), gaussianReach]
    ) { p throws(KernelSpecificationError) in
      KernelBank(try laplacianOfGaussian(sigma: p[0], radius: gaussianRadius(p[0], asked: p[1])))
    },
    CatalogueEntry(
      "dog", "difference of Gaussians: details between two sizes",
      formula: "gaussian(sigma1) - gaussian(sigma2)", source: "D. Marr, E. Hildreth, 1980; D. G. Lowe, 2004",
      [
        CatalogueEntry.Parameter("sigma1", 1, 0.1...250, "the finer deviation"),
        CatalogueEntry.Parameter("sigma2", 1.6, 0.1...250, "the coarser deviation"), gaussianReach,
      ]
    ) { p throws(KernelSpecificationError) in
      KernelBank(
        try differenceOfGaussians(p[0], p[1], radius: gaussianRadius(max(p[0], p[1]), asked: p[2])))
    },
    CatalogueEntry(
      "gabor", "stripes of one width and direction",
      formula:
        "exp(-(u^2 + gamma^2 v^2) / (2 sigma^2)) cos(2 pi u / wavelength + psi), (u, v) turned by theta",
      source: "D. Gabor, Theory of communication, 1946; J. G. Daugman, 1985",
      [
        CatalogueEntry.Parameter("sigma", 3, 0.3...150, "deviation of the envelope in pixels"),
        CatalogueEntry.Parameter("theta", 0, -360...360, "direction across the stripes, in degrees"),
        CatalogueEntry.Parameter("wavelength", 8, 2...500, "pixels from stripe to stripe"),
        CatalogueEntry.Parameter("gamma", 0.5, 0.1...10, "width of the envelope over its length"),
        CatalogueEntry.Parameter("psi", 0, -360...360, "phase in degrees: 0 is even, 90 is odd"),
        CatalogueEntry.Parameter(
          "radius", nil, 1...511, "pixels either side; 3 deviations where left out", whole: true),
      ]
    ) { p throws(KernelSpecificationError) in
      KernelBank(
        try gaborKernel(
          sigma: p[0], theta: p[1], wavelength: p[2], gamma: p[3], psi: p[4], radius: p[5]))
    },
  ]
}

/// Insertions, deletions and replacements that turn one word into another.
private func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a), Array(b))
  var row = Array(0...b.count)
  for i in a.indices {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let replaced = diagonal + (a[i] == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[b.count]
}
