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

  /// By vectors in float32 and by plain loops in float64: the same greatest samples, NaN among them, and averages of sums
  /// of k products, rounded k times. Windows of any size, stride 1 to 3, sizes rounded up, batch 0.
  @Test func vectorsAndLoopsAgree() throws {
    var g = SeededGenerator(seed: 21)
    var count = 0
    while count < 200 {
      let rank = Int.random(in: 1...2, using: &g)
      let shape = Shape(
        [Int.random(in: 0...2, using: &g), Int.random(in: 1...5, using: &g)]
          + (0..<rank).map { _ in Int.random(in: 1...40, using: &g) })
      var x = Tensor<Float>.randomNormal(shape: shape, using: &g)
      if count % 3 == 0, shape.count > 0 {
        x.withUnsafeMutableBufferPointer { $0[$0.count / 2] = .nan }
      }
      let kernel = (0..<rank).map { _ in Int.random(in: 1...5, using: &g) }
      let options = PoolingGeometry.Options(
        kernel: kernel, stride: [Int.random(in: 1...3, using: &g)],
        padding: Padding(.explicit(kernel.map { .init(Int.random(in: 0..<$0, using: &g), $0 / 2) })),
        ceilMode: Bool.random(using: &g))
      guard (try? PoolingGeometry(input: shape, options)) != nil else { continue }
      count += 1
      let double = Tensor(x.scalars.map(Double.init), shape: shape)
      let greatest = try maxPoolValues(x, options)
      let reference = try maxPool(double, options).values
      #expect(greatest.shape == reference.shape)
      #expect(
        zip(greatest.scalars, reference.scalars).allSatisfy { Double($0) == $1 || ($0.isNaN && $1.isNaN) })
      for divisor in [AverageDivisor.paddedWindow, .samples, .fixed(7)] {
        let average = try averagePool(x, options, divisor: divisor)
        let exact = try averagePool(double, options, divisor: divisor)
        let bound = Double(kernel.reduce(1, *) + 2) * 0x1p-24 * 5
        #expect(
          zip(average.scalars, exact.scalars).allSatisfy {
            abs(Double($0) - $1) <= bound || ($0.isNaN && $1.isNaN)
          },
          "\(shape) \(options) \(divisor)")
      }
    }
  }
}
