import Microkernels
import Tensors

/// What batch, group, instance and layer normalisation share: elements standardised over sets of them, then
/// scaled and shifted.
///
///   xhat = (x - mean) * r, r = 1 / sqrt(variance + eps), y = xhat * weight + bias
///
/// Set g of `sets` holds the elements at `(a * sets + g) * run + b`, for a in 0 ..< repeats and b in 0 ..< run.
/// Means and variances are summed in float64, in one order.
struct Standardization: Sendable {
  let repeats: Int
  let sets: Int
  let run: Int
  /// Element e is scaled by weight `e / parameterRun % parameters`.
  let parameters: Int
  let parameterRun: Int
  let epsilon: Double

  struct Statistics: Sendable {
    var mean: Double
    /// Of the set: divided by its count.
    var variance: Double
  }

  private var count: Int { repeats * run }

  @inline(__always)
  func forEachElement(of set: Int, _ body: (_ element: Int, _ parameter: Int) -> Void) {
    for a in 0..<repeats {
      let start = (a * sets + set) * run
      for e in start..<start + run { body(e, e / parameterRun % parameters) }
    }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func statistics<Scalar: FloatingScalar>(
    of x: UnsafeBufferPointer<Scalar>, set: Int
  ) -> Statistics {
    let mean = sum(x, set) { $0 } / Double(count)
    let squares = sum(x, set) { ($0 - mean) * ($0 - mean) }
    return Statistics(mean: mean, variance: squares / Double(count))
  }

  /// The sum of a function of a set's elements, by eight sums in turn: an addition need not wait for the last one.
  @inline(__always)
  private func sum<Scalar: FloatingScalar>(
    _ x: UnsafeBufferPointer<Scalar>, _ set: Int, _ value: (Double) -> Double
  ) -> Double {
    var sums = SIMD8<Double>(repeating: 0)
    for a in 0..<repeats {
      let start = (a * sets + set) * run
      var b = 0
      while b + 8 <= run {
        for lane in 0..<8 { sums[lane] += value(Double(x[start &+ b &+ lane])) }
        b += 8
      }
      while b < run {
        sums[b & 7] += value(Double(x[start &+ b]))
        b += 1
      }
    }
    return sums.sum()
  }

  func statistics<Scalar: FloatingScalar>(of x: Tensor<Scalar>) -> [Statistics] {
    x.withUnsafeBufferPointer { x in
      var all = [Statistics](repeating: Statistics(mean: 0, variance: 0), count: sets)
      all.withUnsafeMutableBufferPointer { all in
        nonisolated(unsafe) let all = all
        ThreadPool.shared.parallelFor(sets) { all[$0] = statistics(of: x, set: $0) }
      }
      return all
    }
  }

  /// y, as one row of elements.
  func forward<Scalar: FloatingScalar>(
    _ x: Tensor<Scalar>, _ statistics: [Statistics], weight: Tensor<Scalar>?, bias: Tensor<Scalar>?
  ) -> Tensor<Scalar> {
    if parameterRun == run, parameters == sets, let x = x as? Tensor<Float>,
      let y = scaled(x, statistics, weight as? Tensor<Float>, bias as? Tensor<Float>) as? Tensor<Scalar>
    {
      return y
    }
    let (weight, bias) = (weight?.scalars, bias?.scalars)
    return x.withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: [x.count]) { y in
        let y = y.baseAddress!
        ThreadPool.shared.parallelFor(sets) { set in
          normalize(x, set, statistics[set], weight, bias, into: y)
        }
      }
    }
  }

  /// Where a set's elements have one weight and bias, they are one scale and shift, reckoned in float64.
  private func scaled(
    _ x: Tensor<Float>, _ statistics: [Statistics], _ weight: Tensor<Float>?, _ bias: Tensor<Float>?
  ) -> Tensor<Float> {
    let kernels = Microkernels()
    let (weight, bias) = (weight?.scalars, bias?.scalars)
    return x.withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: [x.count]) { y in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        ThreadPool.shared.parallelFor(repeats * sets) { piece in
          let set = piece % sets
          let scale =
            Double(weight?[set] ?? 1) / (statistics[set].variance + epsilon).squareRoot()
          kernels.emit(
            x + piece * run, y + piece * run, count: run, scale: Float(scale),
            bias: Float(Double(bias?[set] ?? 0) - statistics[set].mean * scale), streaming: false)
        }
      }
    }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func normalize<Scalar: FloatingScalar>(
    _ x: UnsafeBufferPointer<Scalar>, _ set: Int, _ statistics: Statistics, _ weight: [Scalar]?,
    _ bias: [Scalar]?, into y: UnsafeMutablePointer<Scalar>
  ) {
    let r = 1 / (statistics.variance + epsilon).squareRoot()
    forEachElement(of: set) { e, p in
      let standardized = Scalar((Double(x[e]) - statistics.mean) * r)
      (y + e).initialize(to: standardized * (weight?[p] ?? 1) + (bias?[p] ?? 0))
    }
  }

  /// The gradients with respect to x, weight and bias.
  ///
  /// With h = upstream * weight and, over each set, P(v) = v - mean(v) - xhat * mean(v * xhat):
  /// dx = r * P(h), or r * h where the statistics were given; dweight sums upstream * xhat, dbias upstream.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func gradients<Scalar: FloatingScalar>(
    upstream: Tensor<Scalar>, _ x: Tensor<Scalar>, _ statistics: [Statistics], weight: Tensor<Scalar>?,
    statisticsAreGiven: Bool
  ) -> (input: Tensor<Scalar>, weight: [Double], bias: [Double]) {
    var dx = [Double](repeating: 0, count: x.shape.count)
    var (dw, db) = ([Double](repeating: 0, count: parameters), [Double](repeating: 0, count: parameters))
    let (x, dy, w) = (x.scalars, upstream.scalars, weight?.scalars)
    for set in 0..<sets {
      let (mean, r) = (statistics[set].mean, 1 / (statistics[set].variance + epsilon).squareRoot())
      var (sum, dot) = (0.0, 0.0)
      forEachElement(of: set) { e, p in
        let standardized = (Double(x[e]) - mean) * r
        let upstream = Double(dy[e])
        dw[p] += upstream * standardized
        db[p] += upstream
        let h = upstream * Double(w?[p] ?? 1)
        dx[e] = h
        sum += h
        dot += h * standardized
      }
      (sum, dot) = statisticsAreGiven ? (0, 0) : (sum / Double(count), dot / Double(count))
      forEachElement(of: set) { e, _ in dx[e] = r * (dx[e] - sum - (Double(x[e]) - mean) * r * dot) }
    }
    return (Tensor(dx.map { Scalar($0) }, shape: upstream.shape), dw, db)
  }
}

/// The gradients of a normalisation.
public struct NormalizationGradients<Scalar: FloatingScalar>: Sendable {
  public let input: Tensor<Scalar>
  public let weight: Tensor<Scalar>
  public let bias: Tensor<Scalar>
}
