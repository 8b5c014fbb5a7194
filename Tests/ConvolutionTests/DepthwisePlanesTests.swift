import Convolution
import Tensors
import Testing

/// Depthwise convolutions whose planes are read where they lie, against the definition in float64.
@Suite struct DepthwisePlanesTests {
  /// A sum of 25 products is off by 26 roundings of the sum of magnitudes at most.
  @Test func everyPaddingAndSize() throws {
    var g = SeededGenerator(seed: 41)
    for round in 0..<300 {
      let size = round % 3 == 0 ? 3 : 5
      let stride = size == 3 ? 2 : Int.random(in: 1...2, using: &g)
      let channels = Int.random(in: 1...5, using: &g)
      let outs = channels * Int.random(in: 1...2, using: &g)
      let sides = (0..<2).map { _ in Int.random(in: 1...(round % 7 == 0 ? 130 : 40), using: &g) }
      let padding = sides.map { side in
        Padding.Amount(
          Int.random(in: 0..<2 * size, using: &g), Int.random(in: max(0, size - side)..<size + 4, using: &g))
      }
      let x = Tensor<Float>.randomNormal(shape: Shape([2, channels] + sides), using: &g)
      let w = Tensor<Float>.randomNormal(shape: [outs, 1, size, size], using: &g)
      let bias = Tensor<Float>.randomNormal(shape: [outs], using: &g)
      let options = ConvolutionGeometry.Options(
        stride: [stride], padding: Padding(.explicit(padding)), groups: channels)
      let geometry = try ConvolutionGeometry(input: x.shape, weight: w.shape, options)
      let activation: Activation? = [nil, .relu6, .tanh][round % 3]
      let plan = try ConvolutionPlan(
        geometry, weight: w, bias: bias, epilogue: .init(activation: activation),
        options: .init(algorithm: .depthwise))
      let y = try plan(x).scalars
      func double(_ t: Tensor<Float>, _ f: (Double) -> Double = { $0 }) -> Tensor<Double> {
        Tensor(t.scalars.map { f(Double($0)) }, shape: t.shape)
      }
      let sums = try conv(double(x), weight: double(w), bias: double(bias), options)
      let exact = (activation?(sums) ?? sums).scalars
      let magnitudes = try conv(double(x, abs), weight: double(w, abs), bias: double(bias, abs), options)
      // Rounding of the function itself: five units in the last place of 1.
      let rounding = activation == .tanh ? 5 * 0x1p-23 : 0
      for (i, magnitude) in magnitudes.scalars.enumerated() {
        guard abs(Double(y[i]) - exact[i]) <= Double(size * size + 1) * 0x1p-24 * magnitude + rounding else {
          Issue.record("\(geometry): \(y[i]) at \(i), not \(exact[i])")
          break
        }
      }
    }
  }

  @Test func sameBitsForAnyThreadCount() throws {
    var g = SeededGenerator(seed: 42)
    for (size, stride, sides) in [(5, 1, [14, 14]), (5, 2, [57, 56]), (3, 2, [29, 30])] {
      let x = Tensor<Float>.randomNormal(shape: Shape([2, 7] + sides), using: &g)
      let w = Tensor<Float>.randomNormal(shape: [7, 1, size, size], using: &g)
      let geometry = try ConvolutionGeometry(
        input: x.shape, weight: w.shape,
        .init(stride: [stride], padding: .symmetric(size / 2), groups: 7))
      let plan = try ConvolutionPlan(geometry, weight: w, options: .init(algorithm: .depthwise))
      let expected = try plan(x, pool: ThreadPool(threads: 1))
      for threads in [2, 3, 8] { #expect(try plan(x, pool: ThreadPool(threads: threads)) == expected) }
    }
  }
}
