import Fourier

/// How one kernel is applied to a block.
public struct LinearPlan: Sendable {
  /// The ways there are.
  public enum Method: String, Sendable {
    /// Every coefficient on register tiles.
    case direct
    /// A column pass and a row pass for each separable term.
    case separable
    /// Running sums: all coefficients are equal.
    case box
    /// By Fourier transforms of overlapping tiles. A NaN spreads over its tile.
    case fourier
  }

  public let kernel: Kernel
  public let method: Method
  /// Separable terms, for that method.
  public let terms: [Kernel.SeparableTerm]
  /// What the method leaves out, as the greatest error for inputs of magnitude 1; rounding not counted.
  public let truncationError: Double
  /// The estimated cost of the methods that were possible, in cycles for one vector of outputs.
  public let costs: [Method: Double]

  /// Weights as the register tiles want them: one set for direct, a column and a row set for each term.
  let packed: [[Float]]
  /// The tiles and the kernel's spectrum, for that method.
  let fourier: TileCorrelation?

  /// The cheapest plan whose truncation error stays within `errorBudget` (for inputs of magnitude 1).
  /// - Parameters:
  ///   - kernel: as correlation uses it.
  ///   - errorBudget: the greatest error that truncation may bring; 0 leaves room for rounding only.
  ///   - allowingBox: a box multiplies its sums when they are stored, which a kernel that shares its output
  ///     with others cannot.
  ///   - layout: of the images.
  public init(_ kernel: Kernel, errorBudget: Double, allowingBox: Bool = true, layout: SampleLayout) {
    let (costs, terms, residual) = Self.candidates(
      kernel, errorBudget: errorBudget, allowingBox: allowingBox, layout)
    let best = Self.best(costs)
    self.init(
      kernel, best, terms: best == .separable ? terms : [],
      truncationError: best == .separable ? residual : 0, costs: costs, layout)
  }

  /// The cost of the cheapest plan, without making it.
  static func leastCost(
    _ kernel: Kernel, errorBudget: Double, allowingBox: Bool, layout: SampleLayout
  ) -> Double {
    let costs = candidates(kernel, errorBudget: errorBudget, allowingBox: allowingBox, layout).costs
    return costs[best(costs)]!
  }

  /// What the methods cost that are possible, and the terms of the separable one.
  private static func candidates(
    _ kernel: Kernel, errorBudget: Double, allowingBox: Bool, _ layout: SampleLayout
  ) -> (costs: [Method: Double], terms: [Kernel.SeparableTerm], residual: Double) {
    let (terms, residual) = Self.terms(kernel, errorBudget: errorBudget)
    var costs: [Method: Double] = [.direct: directCost(kernel)]
    if let terms { costs[.separable] = separableCost(kernel, terms: terms.count) }
    let isBox = kernel.coefficients.allSatisfy { $0 == kernel.coefficients[0] }
    if isBox && allowingBox && kernel.coefficients.count > 1 { costs[.box] = boxCost(kernel) }
    costs[.fourier] = FourierTiles(kernel, layout).cyclesAVector
    return (costs, terms ?? [], residual)
  }

  private static func best(_ costs: [Method: Double]) -> Method {
    // The order decides between equals: the plainest first.
    let order: [Method] = [.direct, .separable, .box, .fourier]
    return order.filter { costs[$0] != nil }.min { costs[$0]! < costs[$1]! }!
  }

  /// A plan with a given method, or nil where the kernel does not allow it.
  public init?(_ kernel: Kernel, forcing method: Method, errorBudget: Double, layout: SampleLayout) {
    switch method {
    case .direct, .fourier:
      self.init(kernel, method, terms: [], truncationError: 0, costs: [:], layout)
    case .box:
      guard kernel.coefficients.allSatisfy({ $0 == kernel.coefficients[0] }) else { return nil }
      self.init(kernel, .box, terms: [], truncationError: 0, costs: [:], layout)
    case .separable:
      let (terms, residual) = Self.terms(kernel, errorBudget: errorBudget)
      guard let terms else { return nil }
      self.init(kernel, .separable, terms: terms, truncationError: residual, costs: [:], layout)
    }
  }

  private init(
    _ kernel: Kernel, _ method: Method, terms: [Kernel.SeparableTerm], truncationError: Double,
    costs: [Method: Double], _ layout: SampleLayout
  ) {
    self.kernel = kernel
    self.method = method
    self.terms = terms
    self.truncationError = truncationError
    self.costs = costs
    switch method {
    case .direct: packed = [pack(kernel.coefficients, rows: kernel.rows, columns: kernel.columns)]
    case .separable:
      packed = terms.flatMap {
        [
          pack($0.column, rows: $0.column.count, columns: 1),
          pack($0.row, rows: 1, columns: $0.row.count),
        ]
      }
    case .box, .fourier: packed = []
    }
    guard method == .fourier else {
      fourier = nil
      return
    }
    let tiles = FourierTiles(kernel, layout)
    fourier = TileCorrelation(
      kernel.coefficients, rows: kernel.rows, columns: kernel.columns, tapStep: layout.channels,
      tile: (tiles.rows, tiles.columns))
  }

  /// The greatest difference to the exact result, truncation and rounding together, for inputs of
  /// magnitude 1: each of n rounded additions adds at most one unit in the last place of the running sum.
  public var errorBound: Double {
    let unit = 0x1p-24
    switch method {
    case .direct:
      return Double(kernel.coefficients.count + 1) * unit * kernel.absoluteSum
    case .separable:
      let rounding = terms.reduce(0.0) { sum, term in
        let magnitude = term.column.reduce(0) { $0 + abs($1) } * term.row.reduce(0) { $0 + abs($1) }
        return sum + Double(kernel.rows + kernel.columns + terms.count + 4) * unit * magnitude
      }
      return truncationError + rounding
    case .box:
      // A running sum takes two more roundings with every row that it goes down.
      return Double(kernel.rows + kernel.columns + 2 * FilterBlocks.longestSum) * unit * kernel.absoluteSum
    case .fourier:
      let (rows, columns) = (fourier!.tileRows, fourier!.tileColumns)
      return TileCorrelation.errorBound(rows: rows, columns: columns) * kernel.absoluteSum
    }
  }

  /// Multiply-adds (for a box, additions) for one output sample.
  public var operationsPerSample: Int {
    switch method {
    case .direct: kernel.coefficients.count
    case .separable: terms.count * (kernel.rows + kernel.columns)
    case .box: 2 + Self.boxRowAdditions(kernel.columns)
    case .fourier: fourier!.operationsPerSample
    }
  }
}

// What a method costs, in cycles for one vector of outputs, from measured throughput: two multiply-adds a
// cycle; a load that crosses a cache line takes about 1.4 cycles, an aligned one half a cycle.
extension LinearPlan {
  private static func directCost(_ kernel: Kernel) -> Double {
    let tile = kernel.rows >= 8 ? 8 : kernel.rows >= 6 ? 6 : min(4, kernel.rows)
    let loads = 1.4 * Double(kernel.columns * (tile + kernel.rows - 1)) / Double(tile)
    return max(0.5 * Double(kernel.coefficients.count), loads) + 1
  }

  private static func separableCost(_ kernel: Kernel, terms: Int) -> Double {
    let columnPass = 0.5 * Double(kernel.rows) + 1
    let rowPass = 1.1 * Double(kernel.columns) + 1.5
    return Double(terms) * (columnPass + rowPass + 1)
  }

  private static func boxCost(_ kernel: Kernel) -> Double {
    3.5 + Double(boxRowAdditions(kernel.columns))
  }

  /// How many neighbours of a row's box are summed first so that the fewest additions are left: about the
  /// square root of the width.
  static func boxTapsTogether(_ width: Int) -> Int {
    (1...width).min { additions(width, together: $0) < additions(width, together: $1) }!
  }

  private static func additions(_ width: Int, together: Int) -> Int {
    together + width / together + width % together
  }

  /// The additions of a row's box, in two levels.
  private static func boxRowAdditions(_ width: Int) -> Int {
    additions(width, together: boxTapsTogether(width))
  }

  /// The fewest separable terms within the budget, or nil where there are none that pay. A term that
  /// carries no more than rounding is left out even under a budget of zero.
  private static func terms(
    _ kernel: Kernel, errorBudget: Double
  ) -> ([Kernel.SeparableTerm]?, Double) {
    guard kernel.rows > 1, kernel.columns > 1 else { return (nil, 0) }
    let budget = max(errorBudget, 0x1p-22 * kernel.absoluteSum)
    let mostTerms = kernel.rows * kernel.columns / (kernel.rows + kernel.columns)
    if let term = kernel.outerProduct() {
      let residual = kernel.residuals(of: [term])[0]
      if residual <= budget { return ([term], residual) }
    }
    guard mostTerms >= 1, min(kernel.rows, kernel.columns) <= largestDecomposition else { return (nil, 0) }
    let decomposition = Decompositions.shared.decomposition(of: kernel)
    guard
      let last = decomposition.residuals.prefix(mostTerms).firstIndex(where: { $0 <= budget })
    else { return (nil, 0) }
    return (Array(decomposition.terms[...last]), decomposition.residuals[last])
  }

  /// Larger kernels would take seconds to decompose.
  private static let largestDecomposition = 160
}

extension Kernel {
  /// The row through the largest coefficient and the column through it: all of a kernel of rank 1.
  func outerProduct() -> SeparableTerm? {
    guard let peak = coefficients.indices.max(by: { abs(coefficients[$0]) < abs(coefficients[$1]) }),
      coefficients[peak] != 0
    else { return nil }
    let (r, s) = (peak / columns, peak % columns)
    return SeparableTerm(
      column: (0..<rows).map { self[$0, s] / coefficients[peak] }, row: (0..<columns).map { self[r, $0] })
  }
}

/// Column by column, each column twice over: see `ConvolveBlock.weights`.
private func pack(_ coefficients: [Double], rows: Int, columns: Int) -> [Float] {
  var packed: [Float] = []
  packed.reserveCapacity(2 * coefficients.count)
  for s in 0..<columns {
    let column = (0..<rows).map { Float(coefficients[$0 * columns + s]) }
    packed += column
    packed += column
  }
  return packed
}
