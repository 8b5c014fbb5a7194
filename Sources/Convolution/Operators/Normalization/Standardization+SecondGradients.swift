import Tensors

extension Standardization {
  /// The gradients of ``gradients(upstream:_:_:weight:statisticsAreGiven:)``: what `a` (dL/d(dx)), `aw`
  /// (dL/d(dweight)) and `ab` (dL/d(dbias)) give back to upstream, x and weight.
  ///
  /// Over each set of m elements, with P and h as there, S_v = mean(v * xhat), and
  /// Q = r * (sum of (a - mean(a)) * (h - mean(h)) - m * S_a * S_h), which is the sum of a * dx:
  ///   d upstream = weight * r * P(a) + aw * xhat + ab
  ///   d weight   = sum of upstream * r * P(a)
  ///   d x        = -r * xhat / m * Q - r^2 * P(S_h * a + S_a * h) + r * P(aw * upstream)
  /// and, where the statistics were given, P(v) = v and d x = r * aw * upstream.
  func secondGradients<Scalar: FloatingScalar>(
    _ a: Tensor<Scalar>, weight aw: Tensor<Scalar>?, bias ab: Tensor<Scalar>?, upstream: Tensor<Scalar>,
    _ x: Tensor<Scalar>, _ statistics: [Statistics], _ weight: Tensor<Scalar>?, statisticsAreGiven: Bool
  ) -> (upstream: Tensor<Scalar>, input: Tensor<Scalar>, weight: [Double]) {
    let (a, aw, ab) = (a.scalars.map(Double.init), aw?.scalars, ab?.scalars)
    let (u, w) = (upstream.scalars.map(Double.init), weight?.scalars)
    let x = x.scalars
    var (du, dx) = ([Double](repeating: 0, count: x.count), [Double](repeating: 0, count: x.count))
    var dw = [Double](repeating: 0, count: w?.count ?? 0)
    for set in 0..<sets {
      let (mean, r) = (statistics[set].mean, 1 / (statistics[set].variance + epsilon).squareRoot())
      var elements: [(element: Int, parameter: Int, standardized: Double)] = []
      forEachElement(of: set) { e, p in elements.append((e, p, (Double(x[e]) - mean) * r)) }
      let m = Double(elements.count)
      func average(_ value: (Int) -> Double) -> Double { elements.indices.reduce(0) { $0 + value($1) } / m }
      let xhat = elements.map(\.standardized)
      /// Less its mean and its part along xhat.
      func projected(_ v: [Double]) -> [Double] {
        if statisticsAreGiven { return v }
        let (mean, along) = (average { v[$0] }, average { v[$0] * xhat[$0] })
        return v.indices.map { v[$0] - mean - xhat[$0] * along }
      }
      let setA = elements.map { a[$0.element] }
      let setU = elements.map { u[$0.element] }
      let h = elements.map { u[$0.element] * Double(w?[$0.parameter] ?? 1) }
      let throughWeight = elements.map { u[$0.element] * Double(aw?[$0.parameter] ?? 0) }
      let pa = projected(setA)
      let pc = projected(throughWeight)
      for (i, item) in elements.enumerated() {
        let (e, p) = (item.element, item.parameter)
        du[e] = Double(w?[p] ?? 1) * r * pa[i] + Double(aw?[p] ?? 0) * xhat[i] + Double(ab?[p] ?? 0)
        if w != nil { dw[p] += setU[i] * r * pa[i] }
        dx[e] = r * pc[i]
      }
      if statisticsAreGiven { continue }
      let (sa, sh) = (average { setA[$0] * xhat[$0] }, average { h[$0] * xhat[$0] })
      let ph = projected(h)
      let q = r * (0..<h.count).reduce(0) { $0 + setA[$1] * ph[$1] }
      let mixed = projected(h.indices.map { sh * setA[$0] + sa * h[$0] })
      for (i, item) in elements.enumerated() {
        dx[item.element] -= r * xhat[i] / m * q + r * r * mixed[i]
      }
    }
    return (
      Tensor(du.map { Scalar($0) }, shape: upstream.shape),
      Tensor(dx.map { Scalar($0) }, shape: upstream.shape),
      dw
    )
  }
}

/// The gradients of a normalisation's gradients.
public struct NormalizationSecondGradients<Scalar: FloatingScalar>: Sendable {
  public let upstream: Tensor<Scalar>
  public let input: Tensor<Scalar>
  /// Nil where there was no weight.
  public let weight: Tensor<Scalar>?
}
