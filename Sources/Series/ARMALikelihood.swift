import RealModule

/// The coefficients of free parameters: each factor's polynomial from partial autocorrelations between -1 and 1, so that models
/// are stationary and invertible whatever the parameters.
struct ARMACoefficients {
  let ar: [Double]
  let ma: [Double]
  let seasonalAR: [Double]
  let seasonalMA: [Double]
  let filter: ARMAFilter

  init(_ x: [Double], _ order: ARIMAOrder) {
    var rest = x[...]
    func take(_ count: Int) -> [Double] {
      defer { rest = rest.dropFirst(count) }
      return Self.stationary(Array(rest.prefix(count)))
    }
    ar = take(order.p)
    ma = take(order.q).map { -$0 }
    seasonalAR = take(order.seasonalP)
    seasonalMA = take(order.seasonalQ).map { -$0 }
    let period = order.period
    filter = ARMAFilter(
      ar: Self.product(ar.map { -$0 }, seasonalAR.map { -$0 }, period).map { -$0 },
      ma: Self.product(ma, seasonalMA, period))
  }

  /// Autoregressive coefficients of x / sqrt(1 + x^2) as partial autocorrelations, by Durbin's recursion.
  private static func stationary(_ x: [Double]) -> [Double] {
    var a: [Double] = []
    for value in x {
      let k = value / (1 + value * value).squareRoot()
      a = a.indices.map { a[$0] - k * a[a.count - 1 - $0] } + [k]
    }
    return a
  }

  /// (1 + sum a_i B^i)(1 + sum b_j B^(j s)), without its 1.
  private static func product(_ a: [Double], _ b: [Double], _ period: Int) -> [Double] {
    if b.isEmpty { return a }
    var c = [Double](repeating: 0, count: a.count + b.count * period + 1)
    for (i, x) in ([1] + a).enumerated() {
      for (j, y) in ([1] + b).enumerated() { c[i + j * period] += x * y }
    }
    return Array(c.dropFirst())
  }
}

/// The exact likelihood of a series, its variance and its mean being the most likely ones.
struct Likelihood {
  let value: Double
  let variance: Double
  let mean: Double?
  let residuals: [Double]
  let filter: ARMAFilter
  let run: ARMAFilter.Result

  /// - Returns: nil where the model has no stationary distribution in floating point.
  init?(_ coefficients: ARMACoefficients, _ values: [Double], hasMean: Bool) {
    let ones = [Double](repeating: 1, count: values.count)
    filter = coefficients.filter
    guard let run = filter.run(hasMean ? [values, ones] : [values]) else { return nil }
    let count = Double(values.count)
    var (v, logs) = (run.innovations[0], 0.0)
    if hasMean {
      // Least squares of the innovations on those of ones.
      let u = run.innovations[1]
      var (numerator, denominator) = (0.0, 0.0)
      for t in v.indices {
        numerator += u[t] * v[t] / run.variances[t]
        denominator += u[t] * u[t] / run.variances[t]
      }
      let mean = numerator / denominator
      for t in v.indices { v[t] -= mean * u[t] }
      self.mean = mean
    } else {
      mean = nil
    }
    var sum = 0.0
    for t in v.indices {
      sum += v[t] * v[t] / run.variances[t]
      logs += Double.log(run.variances[t])
    }
    variance = sum / count
    value = -0.5 * (count * (Double.log(2 * .pi * variance) + 1) + logs)
    guard value.isFinite else { return nil }
    (residuals, self.run) = (v, run)
  }
}

/// A minimum of a smooth function, by Broyden, Fletcher, Goldfarb and Shanno's method with gradients by central differences.
func minimize(
  _ start: [Double], _ function: ([Double]) -> Double
) -> (x: [Double], value: Double, converged: Bool) {
  let n = start.count
  var (x, value) = (start, function(start))
  guard n > 0, value.isFinite else { return (x, value, n == 0) }
  func gradient(_ x: [Double]) -> [Double] {
    (0..<n).map { i in
      let h = 1e-5 * max(1, abs(x[i]))
      var (up, down) = (x, x)
      up[i] += h
      down[i] -= h
      return (function(up) - function(down)) / (2 * h)
    }
  }
  func identity() -> [[Double]] {
    (0..<n).map { i in (0..<n).map { $0 == i ? 1 : 0 } }
  }
  func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
  var inverse = identity()
  var slope = gradient(x)
  var isFresh = true
  for _ in 0..<500 {
    if slope.allSatisfy({ abs($0) < 1e-9 }) { return (x, value, true) }
    var direction = inverse.map { -dot($0, slope) }
    var descent = dot(direction, slope)
    if !(descent < 0) {
      (inverse, isFresh) = (identity(), true)
      direction = slope.map { -$0 }
      descent = dot(direction, slope)
    }
    // Backtracking until the function falls enough.
    var step = isFresh ? min(1, 1 / dot(slope, slope).squareRoot()) : 1
    var (next, nextValue) = (x, Double.infinity)
    while step > 1e-14 {
      next = zip(x, direction).map { $0 + step * $1 }
      nextValue = function(next)
      if nextValue <= value + 1e-4 * step * descent { break }
      step /= 2
    }
    guard nextValue < value else {
      if isFresh { return (x, value, slope.allSatisfy { abs($0) < 1e-5 }) }
      (inverse, isFresh) = (identity(), true)
      continue
    }
    let nextSlope = gradient(next)
    let s = zip(next, x).map { $0 - $1 }
    let y = zip(nextSlope, slope).map { $0 - $1 }
    let curvature = dot(s, y)
    if curvature > 1e-14 {
      let hy = inverse.map { dot($0, y) }
      let factor = (1 + dot(y, hy) / curvature) / curvature
      for i in 0..<n {
        for j in 0..<n {
          inverse[i][j] += factor * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / curvature
        }
      }
      isFresh = false
    }
    (x, value, slope) = (next, nextValue, nextSlope)
  }
  return (x, value, slope.allSatisfy { abs($0) < 1e-5 })
}
