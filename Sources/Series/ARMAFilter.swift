/// The Kalman filter of an ARMA process with noise of variance 1, in Harvey's form: states r = max(p, q + 1), started from the
/// stationary distribution, so that likelihoods are exact.
///
/// - Source: Harvey (1989), "Forecasting, structural time series models and the Kalman filter"; Gardner, Harvey and Phillips
///   (1980), algorithm AS 154.
struct ARMAFilter {
  /// Autoregressive coefficients: x_t = sum of ar[i] x_(t-1-i) + ...
  let ar: [Double]
  /// Moving average coefficients: ... + e_t + sum of ma[j] e_(t-1-j)
  let ma: [Double]
  let states: Int

  init(ar: [Double], ma: [Double]) {
    (self.ar, self.ma) = (ar, ma)
    states = max(ar.count, ma.count + 1)
  }

  /// What runs of the filter leave.
  struct Result {
    /// Innovations of each series.
    var innovations: [[Double]]
    /// Their variance at each time, for noise of variance 1.
    var variances: [Double]
    /// The state that is expected next, of each series, and its covariance, row by row.
    var state: [[Double]]
    var covariance: [Double]
  }

  private func phi(_ i: Int) -> Double { i < ar.count ? ar[i] : 0 }
  private func noise(_ i: Int) -> Double { i == 0 ? 1 : i <= ma.count ? ma[i - 1] : 0 }

  /// The stationary covariance: sum over k of T^k R R' T'^k, by doubling; nil where the process is not stationary.
  private var stationaryCovariance: [Double]? {
    let r = states
    var transition = [Double](repeating: 0, count: r * r)
    var covariance = transition
    for i in 0..<r {
      transition[i * r] = phi(i)
      if i + 1 < r { transition[i * r + i + 1] = 1 }
      for j in 0..<r { covariance[i * r + j] = noise(i) * noise(j) }
    }
    func product(_ a: [Double], _ b: [Double], transposed: Bool = false) -> [Double] {
      var c = [Double](repeating: 0, count: r * r)
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          c.withUnsafeMutableBufferPointer { c in
            for i in 0..<r {
              for k in 0..<r where a[i * r + k] != 0 {
                let value = a[i * r + k]
                if transposed {
                  for j in 0..<r { c[i * r + j] += value * b[j * r + k] }
                } else {
                  for j in 0..<r { c[i * r + j] += value * b[k * r + j] }
                }
              }
            }
          }
        }
      }
      return c
    }
    for _ in 0..<60 {
      let added = product(product(transition, covariance), transition, transposed: true)
      var (greatest, change) = (0.0, 0.0)
      for i in covariance.indices {
        covariance[i] += added[i]
        greatest = max(greatest, abs(covariance[i]))
        change = max(change, abs(added[i]))
      }
      guard greatest.isFinite, greatest < 1e15 else { return nil }
      if change <= 1e-15 * greatest { return covariance }
      transition = product(transition, transition)
    }
    return nil
  }

  /// Filters series that share the process: their innovations, of one variance.
  func run(_ series: [[Double]]) -> Result? {
    guard var p = stationaryCovariance else { return nil }
    let (r, count) = (states, series[0].count)
    var state = [[Double]](repeating: [Double](repeating: 0, count: r), count: series.count)
    var result = Result(
      innovations: series.map { _ in [] }, variances: [], state: [], covariance: [])
    var gain = [Double](repeating: 0, count: r)
    var next = p
    var isSteady = false
    var variance = p[0]
    for t in 0..<count {
      if !isSteady {
        variance = p[0]
        guard variance > 0, variance.isFinite else { return nil }
        // K = T P Z' / F
        for i in 0..<r { gain[i] = (phi(i) * p[0] + (i + 1 < r ? p[(i + 1) * r] : 0)) / variance }
        // P = T P T' - K K' F + R R'
        var change = 0.0
        for i in 0..<r {
          for j in i..<r {
            let below = i + 1 < r ? p[(i + 1) * r] : 0
            let right = j + 1 < r ? p[j + 1] : 0
            let corner = i + 1 < r && j + 1 < r ? p[(i + 1) * r + j + 1] : 0
            let value =
              phi(i) * phi(j) * p[0] + phi(i) * right + phi(j) * below + corner
              - gain[i] * gain[j] * variance + noise(i) * noise(j)
            change = max(change, abs(value - p[i * r + j]))
            (next[i * r + j], next[j * r + i]) = (value, value)
          }
        }
        swap(&p, &next)
        isSteady = change < 1e-13 * max(1, p[0])
      }
      result.variances.append(variance)
      for k in series.indices {
        let innovation = series[k][t] - state[k][0]
        result.innovations[k].append(innovation)
        let first = state[k][0]
        for i in 0..<r {
          state[k][i] = phi(i) * first + (i + 1 < r ? state[k][i + 1] : 0) + gain[i] * innovation
        }
      }
    }
    (result.state, result.covariance) = (state, p)
    return result
  }

  /// The weights of the process as a convolution of its noise: x_t = sum over j of psi_j e_(t-j).
  func impulseResponse(_ count: Int) -> [Double] {
    var psi: [Double] = []
    for j in 0..<count {
      var value = noise(j)
      for i in 0..<min(j, ar.count) { value += ar[i] * psi[j - 1 - i] }
      psi.append(value)
    }
    return psi
  }

  /// What the process is expected to do after a run, and how the state's uncertainty enters each step.
  func forecast(_ state: [Double], steps: Int) -> (values: [Double], weights: [[Double]]) {
    var (a, values, weights) = (state, [Double](), [[Double]]())
    // Row Z T^h.
    var row = [Double](repeating: 0, count: states)
    row[0] = 1
    for _ in 0..<steps {
      values.append(a[0])
      weights.append(row)
      let first = a[0]
      a = (0..<states).map { phi($0) * first + ($0 + 1 < states ? a[$0 + 1] : 0) }
      var next = [Double](repeating: 0, count: states)
      for i in 0..<states {
        next[0] += row[i] * phi(i)
        if i + 1 < states { next[i + 1] += row[i] }
      }
      row = next
    }
    return (values, weights)
  }
}
