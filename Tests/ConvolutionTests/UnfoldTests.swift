import Convolution
import Foundation
import TestSupport
import Tensors
import Testing

@Suite struct UnfoldTests {
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
