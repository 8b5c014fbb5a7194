import Tensors

/// Group, instance or layer normalisation of float32 and its gradients in memory that is given, for programs.
package struct NormalizationPlan: Sendable {
  private let core: Standardization

  /// - Throws: ``GeometryError``, as ``normalize(_:_:weight:bias:epsilon:)`` does.
  package init(
    _ kind: Normalization, input: Shape, weight: Shape?, bias: Shape?, epsilon: Double
  ) throws(GeometryError) {
    core = try kind.standardization(input, weight, bias, epsilon: epsilon)
  }

  private var elements: Int { core.repeats * core.sets * core.run }

  private func moments(_ x: UnsafePointer<Float>, _ set: Int) -> (mean: Double, r: Double) {
    let statistics = core.statistics(of: UnsafeBufferPointer(start: x, count: elements), set: set)
    return (statistics.mean, 1 / (statistics.variance + core.epsilon).squareRoot())
  }

  package func run(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>?, bias: UnsafePointer<Float>?,
    into y: UnsafeMutablePointer<Float>
  ) {
    ThreadPool.shared.parallelFor(core.sets) { set in
      let (mean, r) = moments(x, set)
      core.forEachElement(of: set) { e, p in
        y[e] = Float((Double(x[e]) - mean) * r) * (weight?[p] ?? 1) + (bias?[p] ?? 0)
      }
    }
  }

  /// dx = r * P(u * weight); see ``Standardization``.
  package func inputGradient(
    _ u: UnsafePointer<Float>, _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>?,
    into dx: UnsafeMutablePointer<Float>
  ) {
    let count = Double(core.repeats * core.run)
    ThreadPool.shared.parallelFor(core.sets) { set in
      let (mean, r) = moments(x, set)
      var (sum, dot) = (0.0, 0.0)
      core.forEachElement(of: set) { e, p in
        let h = Double(u[e] * (weight?[p] ?? 1))
        sum += h
        dot += h * (Double(x[e]) - mean) * r
      }
      (sum, dot) = (sum / count, dot / count)
      core.forEachElement(of: set) { e, p in
        dx[e] = Float(r * (Double(u[e] * (weight?[p] ?? 1)) - sum - (Double(x[e]) - mean) * r * dot))
      }
    }
  }

  /// The sums of u * xhat, or of u, for each parameter.
  package func parameterGradient(
    _ u: UnsafePointer<Float>, _ x: UnsafePointer<Float>, ofBias: Bool,
    into gradient: UnsafeMutablePointer<Float>
  ) {
    // Twice as many floats hold the sums in float64.
    Scratch.withFloats(2 * core.parameters) { scratch in
      scratch.withMemoryRebound(to: Double.self, capacity: core.parameters) { sums in
        sums.update(repeating: 0, count: core.parameters)
        for set in 0..<core.sets {
          let (mean, r) = ofBias ? (0, 0) : moments(x, set)
          core.forEachElement(of: set) { e, p in
            sums[p] += Double(u[e]) * (ofBias ? 1 : (Double(x[e]) - mean) * r)
          }
        }
        for p in 0..<core.parameters { gradient[p] = Float(sums[p]) }
      }
    }
  }
}
