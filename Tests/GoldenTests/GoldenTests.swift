import Convolution
import Foundation
import Tensors
import Testing

/// Every operator against PyTorch's results, forward and gradients.
@Suite struct GoldenTests {
  /// 690 cases of PyTorch 2.15, results rounded to float32.
  @Test func operators() throws { try check(try GoldenCases.committed("operators"), count: 690) }

  /// Cases made by `generate.py`, results in float64.
  @Test func moreOperators() throws { try check(try GoldenCases.committed("more"), count: 400) }

  /// Fresh cases, made by `scripts/differential`, which names their folder.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["CONVOLVE_CASES"] != nil))
  func freshOperators() throws {
    let folder = try #require(ProcessInfo.processInfo.environment["CONVOLVE_CASES"])
    try check(try GoldenCases(URL(fileURLWithPath: folder)), count: nil)
  }

  private func check(_ golden: GoldenCases, count: Int?) throws {
    if let count { #expect(golden.cases.count == count) }
    #expect(!golden.cases.isEmpty)
    for item in golden.cases {
      do {
        try check(item, try OperatorResults<Double>(item, in: golden), golden, unit: 0x1p-53)
        try check(item, try OperatorResults<Float>(item, in: golden), golden, unit: 0x1p-24)
      } catch {
        Issue.record("\(item.id) \(item.op): \(error)")
      }
    }
  }

  /// A sum of n products is off by at most about sqrt(n) units of the sum of their magnitudes; and where the data
  /// are float64, in float64 nothing may differ by more than 1e-12 of the greatest magnitude.
  private func check<Scalar: FloatingScalar>(
    _ item: GoldenCases.Case, _ ours: OperatorResults<Scalar>, _ golden: GoldenCases, unit: Double
  ) throws {
    #expect(!ours.results.isEmpty)
    for (name, value) in ours.integers {
      #expect(value == golden.integers("\(item.id).\(name)"), "\(item.id) \(item.op) \(name)")
    }
    for result in ours.results {
      let name = "\(item.id).\(result.name)"
      let reference = try #require(golden.tensor(name, Double.self), "\(name)")
      #expect(result.value.shape == reference.shape, "\(name) \(item.op)")
      guard result.value.shape == reference.shape else { continue }
      let greatest = reference.scalars.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
      let rounding = golden.rounding(name)
      let sum = result.terms.squareRoot() * unit * result.terms * result.scale
      let tolerance = sum + max(rounding, unit) * 2 * greatest
      let worst = zip(result.value.scalars, reference.scalars).reduce(0.0) { worst, pair in
        let (a, b) = (Double(pair.0), pair.1)
        if a == b || (a.isNaN && b.isNaN) { return worst }
        let difference = abs(a - b)
        return difference.isNaN ? .infinity : max(worst, difference)
      }
      #expect(
        worst <= tolerance, "\(name) \(item.op) \(Scalar.self): \(worst) > \(tolerance), greatest \(greatest)"
      )
      if Scalar.self == Double.self, rounding == 0x1p-53, result.scale > 0 {
        #expect(
          worst <= 1e-12 * max(greatest, result.scale), "\(name) \(item.op): \(worst) of \(greatest)")
      }
    }
  }

  /// The shapes that the geometry foretells.
  @Test func everyShapeIsPyTorchs() throws {
    let golden = try GoldenCases.committed("operators")
    let cases = golden.cases.filter { item in
      ["conv", "avg_pool", "max_pool", "lp_pool"].contains { item.op.hasPrefix($0) }
    }
    #expect(cases.count == 600)
    for item in cases {
      let input = try #require(golden.shape("\(item.id).in.x")).dimensions
      let output = try #require(golden.shape("\(item.id).out.y")).dimensions
      let weight = golden.shape("\(item.id).in.weight")?.dimensions
      let kernel = try #require(weight.map { Array($0[2...]) } ?? item.params.kernel_size)
      let isTransposed = item.op.hasPrefix("conv_transpose")
      let hasBias = item.inputs.contains("bias")
      let layer = try LayerGeometry(
        input: Array(input[1...]),
        LayerGeometry.Options(
          kind: weight == nil ? .pooling : isTransposed ? .transposed : .convolution, kernel: kernel,
          stride: item.params.stride ?? [1], dilation: item.params.dilation ?? [1],
          padding: Padding(.explicit(item.params.paddingAmounts)),
          outputPadding: item.params.output_padding ?? [0], groups: item.params.groups ?? 1,
          outChannels: output[1], bias: hasBias, ceilMode: item.params.ceil_mode ?? false))
      #expect(layer.output == Array(output[1...]), "\(item)")
      if let weight {
        #expect(layer.parameters == weight.reduce(1, *) + (hasBias ? output[1] : 0), "\(item)")
      }
    }
  }
}
