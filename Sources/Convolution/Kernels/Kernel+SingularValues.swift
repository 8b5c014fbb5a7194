extension Kernel {
  /// A kernel as a column times a row: two passes of 1-D filters instead of one of 2-D.
  public struct SeparableTerm: Sendable, Hashable {
    public let column: [Double]
    public let row: [Double]
  }

  /// The kernel as a sum of separable terms, the heaviest first: as many as its size allows.
  ///
  /// - Source: one-sided Jacobi rotations: G. H. Golub, C. F. Van Loan, "Matrix Computations", 8.6.3.
  /// - Complexity: about 10 * min(rows, columns)^2 * max(rows, columns) multiply-adds.
  public func separableTerms() -> [SeparableTerm] {
    // Rotate pairs of vectors until all are orthogonal: their lengths are then the singular values. The
    // rotations work on the shorter side's vectors.
    let byColumns = columns <= rows
    let (count, length) = byColumns ? (columns, rows) : (rows, columns)
    var vectors = (0..<count).map { i in
      (0..<length).map { byColumns ? self[$0, i] : self[i, $0] }
    }
    var rotations = (0..<count).map { i in (0..<count).map { $0 == i ? 1.0 : 0.0 } }
    for _ in 0..<60 {
      var rotated = false
      for p in 0..<count {
        for q in (p + 1)..<max(p + 1, count) {
          let (alpha, beta) = (dot(vectors[p], vectors[p]), dot(vectors[q], vectors[q]))
          let gamma = dot(vectors[p], vectors[q])
          guard abs(gamma) > 1e-15 * (alpha * beta).squareRoot(), gamma != 0 else { continue }
          rotated = true
          let zeta = (beta - alpha) / (2 * gamma)
          let t = (zeta < 0 ? -1 : 1) / (abs(zeta) + (1 + zeta * zeta).squareRoot())
          let c = 1 / (1 + t * t).squareRoot()
          rotate(&vectors, p, q, c, c * t)
          rotate(&rotations, p, q, c, c * t)
        }
      }
      if !rotated { break }
    }
    let order = (0..<count).sorted { dot(vectors[$0], vectors[$0]) > dot(vectors[$1], vectors[$1]) }
    return order.compactMap { i in
      let singularValue = dot(vectors[i], vectors[i]).squareRoot()
      guard singularValue > 0 else { return nil }
      let root = singularValue.squareRoot()
      let long = vectors[i].map { $0 / root }
      let short = rotations[i].map { $0 * root }
      return SeparableTerm(column: byColumns ? long : short, row: byColumns ? short : long)
    }
  }

  /// The sums of the magnitudes of what the first term, the first two, ... leave out of the kernel: the
  /// greatest error of the sum of their results, for inputs of magnitude 1.
  public func residuals(of terms: some Sequence<SeparableTerm>) -> [Double] {
    var rest = coefficients
    return terms.map { term in
      for r in 0..<rows {
        for s in 0..<columns { rest[r * columns + s] -= term.column[r] * term.row[s] }
      }
      return rest.reduce(0) { $0 + abs($1) }
    }
  }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double {
  var sum = 0.0
  for i in a.indices { sum += a[i] * b[i] }
  return sum
}

private func rotate(_ vectors: inout [[Double]], _ p: Int, _ q: Int, _ c: Double, _ s: Double) {
  for i in vectors[p].indices {
    let (a, b) = (vectors[p][i], vectors[q][i])
    vectors[p][i] = c * a - s * b
    vectors[q][i] = s * a + c * b
  }
}
