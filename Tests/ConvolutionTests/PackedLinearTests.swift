import Convolution
import Tensors
import Testing

/// Fully connected layers of packed weights against plain loops in float64.
@Suite struct PackedLinearTests {
  /// Sums of n products are off by n roundings at most, each of the sum of magnitudes: Higham, Accuracy and Stability of
  /// Numerical Algorithms, 3.1.
  private static func check(batch: Int, depth: Int, features: Int, hasBias: Bool, _ g: inout SeededGenerator)
    throws
  {
    let x = Tensor<Float>.randomNormal(shape: [batch, depth], using: &g)
    let w = Tensor<Float>.randomNormal(shape: [features, depth], using: &g)
    let bias = hasBias ? Tensor<Float>.randomNormal(shape: [features], using: &g) : nil
    let plan = PackedLinear(w, bias: bias, batch: batch)
    // One element more, which must stay.
    var y = [Float](repeating: 7, count: batch * features + 1)
    y.withUnsafeMutableBufferPointer { y in
      x.withUnsafeBufferPointer { plan.run($0.baseAddress!, into: y.baseAddress!) }
    }
    #expect(y.last == 7)
    func double(_ t: Tensor<Float>, _ f: (Double) -> Double = { $0 }) -> Tensor<Double> {
      Tensor(t.scalars.map { f(Double($0)) }, shape: t.shape)
    }
    let exact = try linear(double(x), weight: double(w), bias: bias.map { double($0) }).scalars
    let magnitudes = try linear(double(x, abs), weight: double(w, abs), bias: bias.map { double($0, abs) })
    for (i, magnitude) in magnitudes.scalars.enumerated() {
      guard abs(Double(y[i]) - exact[i]) <= Double(depth + 2) * 0x1p-24 * magnitude else {
        Issue.record("[\(batch), \(depth)] by \(features): \(y[i]) at \(i), not \(exact[i])")
        return
      }
    }
  }

  @Test func randomSizes() throws {
    var g = SeededGenerator(seed: 31)
    for round in 0..<60 {
      try Self.check(
        batch: Int.random(in: 1...20, using: &g), depth: Int.random(in: 1...70, using: &g),
        features: Int.random(in: 1...150, using: &g), hasBias: round % 3 > 0, &g)
    }
  }

  /// Depths of several passes, and weights that no second-level cache holds.
  @Test(arguments: [(1, 1), (2, 3), (7, 700), (8, 1009), (9, 257), (16, 130)])
  func greatSizes(batch: Int, features: Int) throws {
    var g = SeededGenerator(seed: 32)
    try Self.check(batch: batch, depth: 2311, features: features, hasBias: true, &g)
  }

  @Test func sameBitsForAnyBatch() {
    var g = SeededGenerator(seed: 33)
    let x = Tensor<Float>.randomNormal(shape: [20, 1300], using: &g)
    let w = Tensor<Float>.randomNormal(shape: [300, 1300], using: &g)
    func results(_ batch: Int) -> [Float] {
      let plan = PackedLinear(w, bias: nil, batch: batch)
      var y = [Float](repeating: 0, count: 20 * 300)
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          for n in stride(from: 0, to: 20, by: batch) {
            plan.run(x.baseAddress! + n * 1300, into: y.baseAddress! + n * 300)
          }
        }
      }
      return y
    }
    let expected = results(20)
    for batch in [1, 2, 4, 5, 10] { #expect(results(batch) == expected) }
  }
}
