/// The autocovariances of lags 0 to `lags`: sums over n, by the mean taken off, as statsmodels'.
/// - Throws: ``SeriesError`` for as many lags as values, or values that are not finite.
public func autocovariance(_ values: [Double], lags: Int) throws(SeriesError) -> [Double] {
  guard lags >= 0 else { throw SeriesError("\(lags) lags: 0 at least") }
  try check(values, atLeast: lags + 1, for: "autocorrelation of \(lags) lags")
  let mean = values.reduce(0, +) / Double(values.count)
  let x = values.map { $0 - mean }
  return (0...lags).map { lag in
    var sum = 0.0
    for t in lag..<x.count { sum += x[t] * x[t - lag] }
    return sum / Double(x.count)
  }
}

/// The autocorrelations of lags 0 to `lags`.
/// - Throws: ``SeriesError`` as ``autocovariance(_:lags:)``, and for a constant series.
public func autocorrelation(_ values: [Double], lags: Int) throws(SeriesError) -> [Double] {
  let covariance = try autocovariance(values, lags: lags)
  guard covariance[0] > 0 else { throw SeriesError("a constant series has no autocorrelation") }
  return covariance.map { $0 / covariance[0] }
}

/// An autoregression x_t - mean = sum of coefficients[i] (x_(t-1-i) - mean) + noise.
public struct Autoregression: Sendable, Codable, Equatable {
  public let mean: Double
  public let coefficients: [Double]
  /// Of the noise.
  public let variance: Double
  /// The partial autocorrelations of lags 1 to the order: the reflection coefficients.
  public let partial: [Double]

  public enum Method: String, Sendable, CaseIterable {
    /// From the autocovariances, by Levinson's recursion.
    case yuleWalker = "yule-walker"
    /// From forward and backward residuals: sharper for short series.
    case burg
  }

  /// - Throws: ``SeriesError`` for series no longer than the order, constant ones, or values that are not finite.
  /// - Source: Levinson (1947); Burg (1967), "Maximum entropy spectral analysis".
  public init(_ values: [Double], order: Int, method: Method = .yuleWalker) throws(SeriesError) {
    guard order >= 1 else { throw SeriesError("an autoregression of order \(order): 1 at least") }
    try check(values, atLeast: order + 2, for: "an autoregression of order \(order)")
    let covariance = try autocovariance(values, lags: order)
    guard covariance[0] > 0 else { throw SeriesError("a constant series has no autoregression") }
    mean = values.reduce(0, +) / Double(values.count)
    var (a, error, reflections) = ([Double](), covariance[0], [Double]())
    let center = mean
    var forward = values.map { $0 - center }
    var backward = forward
    for m in 1...order {
      let k: Double
      switch method {
      case .yuleWalker:
        var sum = covariance[m]
        for (i, c) in a.enumerated() { sum -= c * covariance[m - 1 - i] }
        k = sum / error
      case .burg:
        var (numerator, denominator) = (0.0, 0.0)
        for t in m..<forward.count {
          numerator += 2 * forward[t] * backward[t - 1]
          denominator += forward[t] * forward[t] + backward[t - 1] * backward[t - 1]
        }
        k = denominator > 0 ? numerator / denominator : 0
        for t in stride(from: forward.count - 1, through: m, by: -1) {
          let (f, b) = (forward[t], backward[t - 1])
          (forward[t], backward[t]) = (f - k * b, b - k * f)
        }
      }
      a = a.indices.map { a[$0] - k * a[m - 2 - $0] } + [k]
      error *= 1 - k * k
      reflections.append(k)
    }
    (coefficients, variance, partial) = (a, error, reflections)
  }
}
