/// Data along the eigenvectors of their covariance, and scaled so that it becomes the identity.
///
/// - Source: Bell and Sejnowski (1997), "The independent components of natural scenes are edge filters", for ZCA.
public struct Whitening: Sendable {
  public enum Method: String, Sendable, CaseIterable {
    /// Along the eigenvectors, the greatest variance first.
    case pca
    /// Turned back, so that data stay as near as can be to what they were.
    case zca
  }

  public let mean: [Double]
  /// Of the covariance, the greatest first.
  public let eigenvalues: [Double]
  /// Row i is the eigenvector of eigenvalue i.
  public let eigenvectors: [[Double]]
  /// Rows of weights: whitened = matrix (x - mean).
  public let matrix: [[Double]]

  /// - Parameters:
  ///   - rows: samples, each of the same number of variables.
  ///   - method: what the axes of the result are.
  ///   - epsilon: added to eigenvalues, so that directions without variance are not blown up.
  /// - Throws: ``SeriesError`` for fewer than two samples, samples of different lengths, numbers that are not finite, and
  ///   directions without variance where epsilon is 0.
  public init(_ rows: [[Double]], method: Method = .zca, epsilon: Double = 0) throws(SeriesError) {
    let size = rows.first?.count ?? 0
    guard rows.count >= 2, size >= 1 else {
      throw SeriesError("whitening of \(rows.count) samples of \(size) variables: two samples at least")
    }
    for (i, row) in rows.enumerated() {
      guard row.count == size else {
        throw SeriesError("sample \(i + 1) has \(row.count) variables, the first \(size)")
      }
      guard row.allSatisfy(\.isFinite) else {
        throw SeriesError("sample \(i + 1) has values that are not finite: fill gaps first")
      }
    }
    guard epsilon >= 0 else { throw SeriesError("epsilon \(epsilon): 0 or more") }
    let count = Double(rows.count)
    let mean = (0..<size).map { j in rows.reduce(0) { $0 + $1[j] } / count }
    var covariance = [[Double]](repeating: [Double](repeating: 0, count: size), count: size)
    for row in rows {
      for i in 0..<size { for j in i..<size { covariance[i][j] += (row[i] - mean[i]) * (row[j] - mean[j]) } }
    }
    for i in 0..<size {
      for j in i..<size {
        covariance[i][j] /= count - 1
        covariance[j][i] = covariance[i][j]
      }
    }
    let (values, vectors) = symmetricEigen(covariance)
    guard values.allSatisfy({ $0 + epsilon > 1e-13 * max(values[0], .leastNormalMagnitude) }) else {
      throw SeriesError(
        "some direction has no variance: leave out constant and dependent variables, or give an epsilon above 0"
      )
    }
    let scaled = zip(vectors, values).map { vector, value in
      vector.map { $0 / (value + epsilon).squareRoot() }
    }
    (self.mean, eigenvalues, eigenvectors) = (mean, values, vectors)
    switch method {
    case .pca: matrix = scaled
    case .zca:
      matrix = (0..<size).map { i in
        (0..<size).map { j in (0..<size).reduce(0.0) { $0 + vectors[$1][i] * scaled[$1][j] } }
      }
    }
  }

  /// Whitened samples.
  public func callAsFunction(_ rows: [[Double]]) -> [[Double]] {
    rows.map { row in
      matrix.map { weights in
        weights.indices.reduce(0.0) { $0 + weights[$1] * (row[$1] - mean[$1]) }
      }
    }
  }
}

/// Eigenvalues, the greatest first, and eigenvectors (rows) of a symmetric matrix, by Jacobi's rotations.
func symmetricEigen(_ matrix: [[Double]]) -> (values: [Double], vectors: [[Double]]) {
  let n = matrix.count
  var a = matrix
  var v = (0..<n).map { i in (0..<n).map { $0 == i ? 1.0 : 0 } }
  for _ in 0..<100 {
    var off = 0.0
    for i in 0..<n { for j in 0..<n where i != j { off += a[i][j] * a[i][j] } }
    let size = (0..<n).reduce(0.0) { $0 + a[$1][$1] * a[$1][$1] }
    if off <= 1e-30 * size { break }
    for p in 0..<n {
      for q in (p + 1)..<max(n, p + 1) where a[p][q] != 0 {
        let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
        let t = (theta >= 0 ? 1.0 : -1) / (abs(theta) + (theta * theta + 1).squareRoot())
        let c = 1 / (t * t + 1).squareRoot()
        let s = t * c
        for k in 0..<n {
          let (x, y) = (a[k][p], a[k][q])
          (a[k][p], a[k][q]) = (c * x - s * y, s * x + c * y)
        }
        for k in 0..<n {
          let (x, y) = (a[p][k], a[q][k])
          (a[p][k], a[q][k]) = (c * x - s * y, s * x + c * y)
          let (u, w) = (v[p][k], v[q][k])
          (v[p][k], v[q][k]) = (c * u - s * w, s * u + c * w)
        }
      }
    }
  }
  let order = (0..<n).sorted { a[$0][$0] > a[$1][$1] }
  return (order.map { a[$0][$0] }, order.map { v[$0] })
}
