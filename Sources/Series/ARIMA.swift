import RealModule

/// The orders of a seasonal ARIMA model: (p, d, q) x (P, D, Q) of a period.
public struct ARIMAOrder: Sendable, Codable, Equatable, CustomStringConvertible {
  public var p: Int
  public var d: Int
  public var q: Int
  public var seasonalP = 0
  public var seasonalD = 0
  public var seasonalQ = 0
  public var period = 0

  public init(_ p: Int, _ d: Int, _ q: Int) { (self.p, self.d, self.q) = (p, d, q) }

  public init(_ p: Int, _ d: Int, _ q: Int, seasonal: (Int, Int, Int), period: Int) {
    self.init(p, d, q)
    (seasonalP, seasonalD, seasonalQ, self.period) = (seasonal.0, seasonal.1, seasonal.2, period)
  }

  public var description: String {
    "ARIMA(\(p), \(d), \(q))" + (period > 0 ? "x(\(seasonalP), \(seasonalD), \(seasonalQ), \(period))" : "")
  }

  var isSeasonal: Bool { seasonalP + seasonalD + seasonalQ > 0 }
  var parameterCount: Int { p + q + seasonalP + seasonalQ }
  /// Values that differences take.
  var lost: Int { d + seasonalD * period }

  func validate() throws(SeriesError) {
    guard [p, d, q, seasonalP, seasonalD, seasonalQ].allSatisfy({ (0...30).contains($0) }), d + seasonalD <= 4
    else {
      throw SeriesError("\(self): orders of 0 to 30, and up to 4 differences")
    }
    if isSeasonal, !(2...400).contains(period) {
      throw SeriesError("\(self): a seasonal model has a period of 2 to 400")
    }
    guard max(p + seasonalP * period, q + seasonalQ * period + 1) <= 400 else {
      throw SeriesError("\(self): reaches back more than 400 values")
    }
  }
}

/// An ARIMA model fitted by exact maximum likelihood:
/// phi(B) Phi(B^s) ((1 - B)^d (1 - B^s)^D y_t - mean) = theta(B) Theta(B^s) e_t.
///
/// Each such model is a convolution: the noise e with the impulse response ``convolutionKernel(_:)``.
/// - Source: Box and Jenkins (1970), "Time series analysis"; Jones (1980), for the parameters of stationary models.
public struct ARIMA: Sendable {
  public let order: ARIMAOrder
  public let ar: [Double]
  public let ma: [Double]
  public let seasonalAR: [Double]
  public let seasonalMA: [Double]
  /// The mean of the differenced series; nil where none was fitted.
  public let mean: Double?
  /// Of the noise.
  public let variance: Double
  public let logLikelihood: Double
  /// What one step ahead was wrong by.
  public let residuals: [Double]
  /// Whether the search for the greatest likelihood ended where it is flat.
  public let hasConverged: Bool
  private let values: [Double]
  private let filter: ARMAFilter
  private let run: ARMAFilter.Result

  /// - Parameters:
  ///   - values: the series, without gaps.
  ///   - order: of the model.
  ///   - hasMean: whether a mean is fitted; without a word, where nothing is differenced.
  /// - Throws: ``SeriesError`` for orders beyond the limits, series that are too short or constant, and values that are not
  ///   finite.
  public init(_ values: [Double], order: ARIMAOrder, hasMean: Bool? = nil) throws(SeriesError) {
    try order.validate()
    let needed = order.lost + order.parameterCount + 3
    try check(values, atLeast: needed, for: "\(order)")
    let differenced = differences(values, order)
    let hasMean = hasMean ?? (order.d + order.seasonalD == 0)
    let center = differenced.reduce(0, +) / Double(differenced.count)
    let spread = differenced.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(differenced.count)
    guard spread > 1e-20 * max(1, center * center) else {
      throw SeriesError(
        "the series\(order.lost > 0 ? ", differenced," : "") is constant: there is nothing to fit")
    }
    func likelihood(_ x: [Double]) -> Likelihood? {
      Likelihood(ARMACoefficients(x, order), differenced, hasMean: hasMean)
    }
    var best: (x: [Double], value: Double, converged: Bool)?
    for start in Self.starts(differenced, order) {
      let found = minimize(start) { x in
        likelihood(x).map { -$0.value / Double(differenced.count) } ?? .infinity
      }
      if found.value < best?.value ?? .infinity { best = found }
    }
    guard let best, let result = likelihood(best.x) else {
      throw SeriesError("\(order) finds no stationary start: difference the series, or take lower orders")
    }
    let coefficients = ARMACoefficients(best.x, order)
    self.order = order
    (ar, ma) = (coefficients.ar, coefficients.ma)
    (seasonalAR, seasonalMA) = (coefficients.seasonalAR, coefficients.seasonalMA)
    (mean, variance, logLikelihood) = (result.mean, result.variance, result.value)
    (residuals, hasConverged) = (result.residuals, best.converged)
    (self.values, filter, run) = (values, result.filter, result.run)
  }

  /// Zeros, and the autoregression of Yule and Walker.
  private static func starts(_ values: [Double], _ order: ARIMAOrder) -> [[Double]] {
    let zeros = [Double](repeating: 0.1, count: order.parameterCount)
    guard order.p > 0, let fitted = try? Autoregression(values, order: order.p) else { return [zeros] }
    var start = zeros
    for (i, k) in fitted.partial.enumerated() {
      let k = min(0.97, max(-0.97, k))
      start[i] = k / (1 - k * k).squareRoot()
    }
    return [start, zeros]
  }

  /// Parameters that were fitted, the variance among them.
  public var parameterCount: Int { order.parameterCount + (mean == nil ? 0 : 1) + 1 }
  private var observations: Double { Double(values.count - order.lost) }
  /// Akaike's information criterion.
  public var aic: Double { 2 * Double(parameterCount) - 2 * logLikelihood }
  /// Its correction for short series.
  public var aicc: Double {
    let (k, n) = (Double(parameterCount), observations)
    return aic + 2 * k * (k + 1) / (n - k - 1)
  }
  /// Schwarz's criterion.
  public var bic: Double { Double(parameterCount) * Double.log(observations) - 2 * logLikelihood }
  /// Hannan and Quinn's criterion.
  public var hqic: Double {
    2 * Double(parameterCount) * Double.log(Double.log(observations)) - 2 * logLikelihood
  }

  /// The weights of the noise in the differenced series: y = mean + kernel * e.
  public func convolutionKernel(_ count: Int) -> [Double] { filter.impulseResponse(count) }

  /// The weights that make noise of the differenced series: e = kernel * (y - mean), the whitening filter.
  public func whiteningKernel(_ count: Int) -> [Double] {
    ARMAFilter(ar: filter.ma.map { -$0 }, ma: filter.ar.map { -$0 }).impulseResponse(count)
  }

  /// A value to come, and the interval that it lies in with a probability.
  public struct Forecast: Sendable, Codable, Equatable {
    public let value: Double
    public let lower: Double
    public let upper: Double
    public let standardError: Double
  }

  /// The values that are expected next.
  /// - Parameters:
  ///   - steps: how many.
  ///   - level: the probability of the intervals, of normal noise.
  /// - Throws: ``SeriesError`` for other than 1 to 10,000 steps, or a level that is not between 0 and 1.
  public func forecast(_ steps: Int, level: Double = 0.95) throws(SeriesError) -> [Forecast] {
    guard (1...10_000).contains(steps) else { throw SeriesError("\(steps) steps: 1 to 10,000") }
    guard level > 0, level < 1 else { throw SeriesError("a level of \(level): between 0 and 1") }
    let (expected, weights) = filter.forecast(run.state[0], steps: steps)
    let center = mean ?? 0
    // The state is that of the series less its mean times the state of a series of ones.
    let (ones, _) = run.state.count > 1 ? filter.forecast(run.state[1], steps: steps) : ([], [])
    let polynomial = differencePolynomial(order)
    var all = values
    for h in 0..<steps {
      var value = expected[h] - (ones.isEmpty ? 0 : center * ones[h]) + center
      // y_t = w_t - sum over j > 0 of polynomial[j] y_(t-j)
      for j in 1..<max(1, polynomial.count) { value -= polynomial[j] * all[all.count - j] }
      all.append(value)
    }
    // What differences do to errors: the inverse of the polynomial.
    let integral = ARMAFilter(ar: polynomial.dropFirst().map { -$0 }, ma: []).impulseResponse(steps)
    let psi = filter.impulseResponse(steps)
    let noise = convolved(psi, integral, steps)
    let r = filter.states
    var energy = 0.0
    var carried = [Double](repeating: 0, count: r)
    let z = normalQuantile(0.5 + level / 2)
    return (0..<steps).map { h in
      // The noise that is to come, from the step before the last on.
      if h > 0 { energy += noise[h - 1] * noise[h - 1] }
      // Z T^h through the integral: what the present state's uncertainty does.
      carried = [Double](repeating: 0, count: r)
      for i in 0...h { for k in 0..<r { carried[k] += integral[h - i] * weights[i][k] } }
      var uncertain = 0.0
      for i in 0..<r { for k in 0..<r { uncertain += carried[i] * carried[k] * run.covariance[i * r + k] } }
      let error = (variance * (uncertain + energy)).squareRoot()
      let value = all[values.count + h]
      return Forecast(value: value, lower: value - z * error, upper: value + z * error, standardError: error)
    }
  }
}

private func convolved(_ a: [Double], _ b: [Double], _ count: Int) -> [Double] {
  (0..<count).map { n in (0...n).reduce(0.0) { $0 + a[$1] * b[n - $1] } }
}

/// (1 - B)^d (1 - B^s)^D, the constant first.
private func differencePolynomial(_ order: ARIMAOrder) -> [Double] {
  var polynomial = [1.0]
  func multiply(lag: Int) {
    var next = polynomial + [Double](repeating: 0, count: lag)
    for (i, c) in polynomial.enumerated() { next[i + lag] -= c }
    polynomial = next
  }
  for _ in 0..<order.d { multiply(lag: 1) }
  for _ in 0..<order.seasonalD { multiply(lag: order.period) }
  return polynomial
}

private func differences(_ values: [Double], _ order: ARIMAOrder) -> [Double] {
  let polynomial = differencePolynomial(order)
  return (polynomial.count - 1..<values.count).map { t in
    polynomial.indices.reduce(0.0) { $0 + polynomial[$1] * values[t - $1] }
  }
}

/// The quantile of the normal distribution, by Newton's steps on its distribution function.
func normalQuantile(_ p: Double) -> Double {
  var x = 0.0
  for _ in 0..<60 {
    let error = 0.5 * (1 + Double.erf(x / 2.0.squareRoot())) - p
    let slope = max(1e-12, Double.exp(-x * x / 2) / (2 * Double.pi).squareRoot())
    x -= max(-1, min(1, error / slope))
  }
  return x
}
