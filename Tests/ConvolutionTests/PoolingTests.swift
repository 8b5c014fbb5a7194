import Convolution
import Foundation
import TestSupport
import Tensors
import Testing

@Suite struct PoolingTests {
  @Test func edges() throws {
    let x = Tensor<Float>([1, .nan, 3, 3, 2, -5], shape: [1, 1, 6])
    let (values, indices) = try maxPool(x, .init(kernel: [2]))
    #expect(values.scalars[0].isNaN && values.scalars[1...].elementsEqual([3, 2]))
    #expect(indices.scalars == [1, 2, 4])
    #expect(try maxPool(Tensor<Float>(zeros: [0, 2, 4]), .init(kernel: [2])).values.shape == [0, 2, 2])
    // The two cases of the ceil rule that several frameworks got wrong.
    let nine = Tensor<Double>(repeating: 1, shape: [1, 1, 9, 9])
    let padded = PoolingGeometry.Options(kernel: [4], stride: [4], padding: .symmetric(2), ceilMode: true)
    #expect(try averagePool(nine, padded).shape == [1, 1, 3, 3])
    #expect(try averagePool(nine, padded, divisor: .samples) == Tensor(repeating: 1, shape: [1, 1, 3, 3]))
    #expect(throws: GeometryError.self) { try maxPool(x, .init(kernel: [3], padding: .symmetric(3))) }
    #expect(throws: GeometryError.self) { try averagePool(x, .init(kernel: [2]), divisor: .fixed(0)) }
    #expect(throws: GeometryError.self) { try maxPool(x, .init(kernel: [7])) }
    #expect(throws: GeometryError.self) { try maxPool(x, .init(kernel: [2], stride: [0])) }
    #expect(throws: GeometryError.self) {
      try maxPoolGradient(
        upstream: Tensor<Float>(zeros: [1, 1, 3]), indices: Tensor([0, 6, 1], shape: [1, 1, 3]),
        inputShape: x.shape,
        .init(kernel: [2]))
    }
  }
}
