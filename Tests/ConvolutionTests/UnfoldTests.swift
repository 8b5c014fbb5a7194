import Convolution
import Foundation
import TestSupport
import Tensors
import Testing

@Suite struct UnfoldTests {
  struct Parameters: Decodable, Sendable {
    let output_size: [Int]?
    let kernel_size: [Int]
    let dilation: [Int]
    let padding: [Int]
    let stride: [Int]

    var options: ConvolutionGeometry.Options {
      .init(stride: stride, padding: Padding(.explicit(padding.map { .init($0, $0) })), dilation: dilation)
    }
  }

  /// Forward, and each as the other's gradient.
  @Test func everyCaseIsPyTorchs() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Vectors")
    let golden = try GoldenOperators<Parameters>(folder) { $0 == "unfold" || $0 == "fold" }
    #expect(golden.cases.count == 24)
    for item in golden.cases {
      let (kernel, options) = (item.params.kernel_size, item.params.options)
      let x = try #require(golden.tensor("\(item.id).in.x"))
      let upstream = try #require(golden.tensor("\(item.id).grad.upstream"))
      let y: Tensor<Float>
      let dx: Tensor<Float>
      if item.op == "unfold" {
        y = try unfold(x, kernel: kernel, options)
        dx = try fold(upstream, outputSize: Array(x.shape.dimensions[2...]), kernel: kernel, options)
      } else {
        y = try fold(x, outputSize: try #require(item.params.output_size), kernel: kernel, options)
        dx = try unfold(upstream, kernel: kernel, options)
      }
      for (result, name) in [(y, "out.y"), (dx, "grad.x")] {
        let expected = try #require(golden.tensor("\(item.id).\(name)"))
        #expect(result.shape == expected.shape, "\(item.id)")
        // A sample is added once for each tap, in float32, of magnitude about 4.
        let tolerance = Float(kernel.reduce(1, *)) * 0x1p-22 * 4
        #expect(zip(result.scalars, expected.scalars).allSatisfy { abs($0 - $1) <= tolerance }, "\(item.id)")
      }
    }
  }

  @Test func aConvolutionIsAProductWithTheColumns() throws {
    var g = SeededGenerator(seed: 21)
    let x = Tensor<Double>.random(in: -1...1, shape: [2, 3, 7, 8], using: &g)
    let w = Tensor<Double>.random(in: -1...1, shape: [4, 3, 3, 2], using: &g)
    let options = ConvolutionGeometry.Options(
      stride: [2, 1], padding: Padding(.explicit([.init(1, 2)]), mode: .reflect))
    let columns = try unfold(x, kernel: [3, 2], options)
    let y = try conv(x, weight: w, options)
    let outputs = columns.shape[2]
    for n in 0..<2 {
      for k in 0..<4 {
        for o in 0..<outputs {
          let sum = (0..<18).reduce(0.0) { $0 + w.scalars[k * 18 + $1] * columns[n, $1, o] }
          #expect(abs(sum - y.scalars[(n * 4 + k) * outputs + o]) < 1e-14 * 18)
        }
      }
    }
  }

  @Test func wrongColumnsAreNamed() {
    let columns = Tensor<Float>(zeros: [1, 12, 9])
    #expect(throws: GeometryError.self) { try fold(columns, outputSize: [4, 4], kernel: [5]) }
    #expect(throws: GeometryError.self) { try fold(columns, outputSize: [5, 4], kernel: [2]) }
    #expect(throws: GeometryError.self) { try fold(columns, outputSize: [0, 4], kernel: [2]) }
    #expect(throws: GeometryError.self) { try fold(columns, outputSize: [4, 4], kernel: [0]) }
    #expect(throws: GeometryError.self) { try unfold(Tensor<Float>(zeros: [1, 2]), kernel: [2]) }
    #expect(throws: GeometryError.self) { try unfold(Tensor<Float>(zeros: [1, 2, 4]), kernel: [5]) }
    #expect((try? fold(columns, outputSize: [4, 4], kernel: [2]))?.shape == [1, 3, 4, 4])
  }
}
