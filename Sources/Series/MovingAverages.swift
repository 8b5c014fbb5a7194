/// The means of `window` values side by side: the convolution with a box. nil where the window is not full.
/// - Parameters:
///   - values: the series.
///   - window: how many values a mean takes.
///   - isCentred: the window's middle stands at the value, otherwise its end.
/// - Throws: ``SeriesError`` for a window that is longer than the series, or values that are not finite.
public func movingAverage(
  _ values: [Double], window: Int, isCentred: Bool = false
) throws(SeriesError) -> [Double?] {
  guard window >= 1 else { throw SeriesError("a moving average over \(window) values: 1 at least") }
  return try weightedMovingAverage(
    values, weights: [Double](repeating: 1, count: window), isCentred: isCentred)
}

/// The weighted means of values side by side, the last weight for the latest value.
/// - Parameters:
///   - values: the series.
///   - weights: one for each value of a window.
///   - isCentred: the window's middle stands at the value, otherwise its end.
///   - isNormalized: weights are divided by their sum.
/// - Throws: ``SeriesError`` for more weights than values, weights without a sum, or values that are not finite.
public func weightedMovingAverage(
  _ values: [Double], weights: [Double], isCentred: Bool = false, isNormalized: Bool = true
) throws(SeriesError) -> [Double?] {
  let sum = weights.reduce(0, +)
  guard !weights.isEmpty, !isNormalized || (sum.isFinite && sum != 0) else {
    throw SeriesError("weights \(weights): at least one, with a sum other than 0")
  }
  try check(values, atLeast: weights.count, for: "a moving average")
  let divisor = isNormalized ? sum : 1
  var result = [Double?](repeating: nil, count: values.count)
  let shift = isCentred ? (weights.count - 1) / 2 : 0
  for end in weights.count - 1..<values.count {
    var mean = 0.0
    for (j, weight) in weights.enumerated() { mean += weight * values[end - weights.count + 1 + j] }
    result[end - shift] = mean / divisor
  }
  return result
}

/// Simple exponential smoothing: s_t = a x_t + (1 - a) s_(t-1), from the first value on.
/// - Throws: ``SeriesError`` for an `a` that is not above 0 and up to 1, and values that are not finite.
public func exponentialSmoothing(_ values: [Double], alpha: Double) throws(SeriesError) -> [Double] {
  guard alpha > 0, alpha <= 1 else { throw SeriesError("alpha \(alpha): above 0, up to 1") }
  try check(values, atLeast: 1, for: "smoothing")
  var level = values[0]
  return values.map {
    level += alpha * ($0 - level)
    return level
  }
}
