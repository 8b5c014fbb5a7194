import RealModule
import Tensors

/// Divides each sample by a power of the energy of its neighbours among the channels.
///
/// y[c] = x[c] * D[c]^-beta, D[c] = k + alpha / size * sum over the window of x^2
public struct LocalResponseNorm: Sendable, Hashable {
  public var size: Int
  public var alpha: Double
  public var beta: Double
  public var k: Double
  /// Where the window of an even size reaches further: to the channels before (PyTorch, AlexNet) or after (ONNX).
  public var reachesFurtherBack: Bool

  public init(
    size: Int, alpha: Double = 1e-4, beta: Double = 0.75, k: Double = 1, reachesFurtherBack: Bool = true
  ) {
    self.size = size
    self.alpha = alpha
    self.beta = beta
    self.k = k
    self.reachesFurtherBack = reachesFurtherBack
  }

  private var before: Int { reachesFurtherBack ? size / 2 : (size - 1) / 2 }
  private var after: Int { size - 1 - before }

  /// What is summed over windows, for one place of one sample.
  private struct Column {
    let norm: LocalResponseNorm
    let x: [Double]
    /// D to the powers -beta and -beta - 1.
    let scale: [Double]
    let steeper: [Double]
    private let denominators: [Double]

    init(_ norm: LocalResponseNorm, _ x: [Double]) {
      self.norm = norm
      self.x = x
      denominators = norm.sums(x.map { $0 * $0 }, norm.before, norm.after).map {
        norm.k + norm.alpha / Double(norm.size) * $0
      }
      scale = denominators.map { Double.pow($0, -norm.beta) }
      steeper = zip(scale, denominators).map { $0 / $1 }
    }

    private var slope: Double { 2 * norm.alpha / Double(norm.size) }

    func forward() -> [Double] { zip(x, scale).map { $0 * $1 } }

    /// dx[i] = u[i] D[i]^-b - g x[i] sum over j whose window holds i of u[j] x[j] D[j]^(-b-1)
    func gradient(_ u: [Double]) -> [Double] {
      let back = norm.sums(x.indices.map { u[$0] * x[$0] * steeper[$0] }, norm.after, norm.before)
      return x.indices.map { u[$0] * scale[$0] - norm.beta * slope * x[$0] * back[$0] }
    }

    /// What `a`, dL/d(dx), gives back to upstream and x.
    func secondGradient(_ a: [Double], _ u: [Double]) -> (upstream: [Double], input: [Double]) {
      let g = norm.beta * slope
      let t = norm.sums(x.indices.map { a[$0] * x[$0] }, norm.before, norm.after)
      let du = x.indices.map { a[$0] * scale[$0] - g * x[$0] * steeper[$0] * t[$0] }
      let across = norm.sums(x.indices.map { a[$0] * u[$0] * steeper[$0] }, norm.after, norm.before)
      let back = norm.sums(x.indices.map { u[$0] * x[$0] * steeper[$0] }, norm.after, norm.before)
      let twice = norm.sums(
        x.indices.map { u[$0] * x[$0] * steeper[$0] / denominators[$0] * t[$0] }, norm.after, norm.before)
      let dx = x.indices.map { i -> Double in
        let first = across[i] * x[i] + u[i] * steeper[i] * t[i] + back[i] * a[i]
        return -g * first + g * (norm.beta + 1) * slope * x[i] * twice[i]
      }
      return (du, dx)
    }
  }

  /// The sum from `before` channels before each one to `after` after it.
  private func sums(_ values: [Double], _ before: Int, _ after: Int) -> [Double] {
    values.indices.map { c in
      (max(0, c - before)...min(values.count - 1, c + after)).reduce(0) { $0 + values[$1] }
    }
  }

  /// Calls `body` with the channels of each place of the tensors, and writes what it returns.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func mapColumns<Scalar: FloatingScalar>(
    _ inputs: [Tensor<Scalar>], outputs: Int, _ body: ([[Double]]) -> [[Double]]
  ) throws(GeometryError) -> [Tensor<Scalar>] {
    let shape = inputs[0].shape
    guard shape.rank >= 2, shape[1] >= 1 else {
      throw .invalid("an input of shape \(shape): it must be [N, C, ...]")
    }
    guard size >= 1, size <= 1 << 20 else { throw .outOfRange("size", size, "from 1 to 2^20") }
    for other in inputs.dropFirst() { try check(upstream: other.shape, output: shape) }
    let (channels, plane) = (shape[1], shape.dimensions[2...].reduce(1, *))
    let sources = inputs.map(\.scalars)
    var results = [[Scalar]](repeating: [Scalar](repeating: 0, count: shape.count), count: outputs)
    for n in 0..<shape[0] {
      for place in 0..<plane {
        let start = n * channels * plane + place
        let columns = body(
          sources.map { source in (0..<channels).map { Double(source[start + $0 * plane]) } })
        for (i, column) in columns.enumerated() {
          for c in 0..<channels { results[i][start + c * plane] = Scalar(column[c]) }
        }
      }
    }
    return results.map { Tensor($0, shape: shape) }
  }

  /// - Parameter input: `[N, C, ...]`; N may be 0.
  /// - Throws: ``GeometryError`` for a shape without channels or a size below 1.
  /// - Source: A. Krizhevsky et al., "ImageNet classification with deep convolutional neural networks" (2012);
  ///   PyTorch `local_response_norm`; ONNX `LRN`.
  public func callAsFunction<Scalar: FloatingScalar>(
    _ input: Tensor<Scalar>
  ) throws(GeometryError) -> Tensor<Scalar> {
    try mapColumns([input], outputs: 1) { [Column(self, $0[0]).forward()] }[0]
  }

  /// The gradient with respect to the input.
  /// - Parameters:
  ///   - upstream: dL/dy, of the input's shape.
  ///   - input: as it was given forward.
  /// - Throws: ``GeometryError``.
  public func gradient<Scalar: FloatingScalar>(
    upstream: Tensor<Scalar>, input: Tensor<Scalar>
  ) throws(GeometryError) -> Tensor<Scalar> {
    try mapColumns([input, upstream], outputs: 1) { [Column(self, $0[0]).gradient($0[1])] }[0]
  }

  /// The gradients of ``gradient(upstream:input:)`` with respect to upstream and input.
  /// - Parameters:
  ///   - inputGradient: dL/d(dx), of the input's shape.
  ///   - upstream: as it was given to the gradient.
  ///   - input: as it was given forward.
  /// - Throws: ``GeometryError``.
  public func secondGradients<Scalar: FloatingScalar>(
    inputGradient: Tensor<Scalar>, upstream: Tensor<Scalar>, input: Tensor<Scalar>
  ) throws(GeometryError) -> (upstream: Tensor<Scalar>, input: Tensor<Scalar>) {
    let results = try mapColumns([input, upstream, inputGradient], outputs: 2) {
      let (du, dx) = Column(self, $0[0]).secondGradient($0[2], $0[1])
      return [du, dx]
    }
    return (results[0], results[1])
  }
}
