import Convolution
import Foundation
import TestSupport
import Tensors
import Testing

@Suite struct PoolingTests {
  struct Parameters: Decodable, Sendable {
    let kernel_size: [Int]
    let stride: [Int]
    let padding: [Int]
    let dilation: [Int]?
    let ceil_mode: Bool
    let count_include_pad: Bool?
    let divisor_override: Int?

    var options: PoolingGeometry.Options {
      .init(
        kernel: kernel_size, stride: stride, padding: Padding(.explicit(padding.map { .init($0, $0) })),
        dilation: dilation ?? [1], ceilMode: ceil_mode)
    }

    var divisor: AverageDivisor {
      divisor_override.map { .fixed($0) } ?? (count_include_pad == true ? .paddedWindow : .samples)
    }
  }

  private static func golden(_ prefix: String) throws -> GoldenOperators<Parameters> {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Vectors")
    return try GoldenOperators<Parameters>(folder) { $0.hasPrefix(prefix) }
  }

  @Test func everyMaximumIsPyTorchs() throws {
    let golden = try Self.golden("max_pool")
    #expect(golden.cases.count == 47)
    for item in golden.cases {
      let x = try #require(golden.tensor("\(item.id).in.x"))
      let (values, indices) = try maxPool(x, item.params.options)
      #expect(values == golden.tensor("\(item.id).out.y"), "\(item.id)")
      let expected = try #require(golden.integers("\(item.id).out.indices"))
      #expect(indices == expected, "\(item.id)")
      let upstream = try #require(golden.tensor("\(item.id).grad.upstream"))
      let dx = try maxPoolGradient(
        upstream: upstream, indices: indices, inputShape: x.shape, item.params.options)
      let reference = try #require(golden.tensor("\(item.id).grad.x"))
      // A sample that is the greatest of several windows sums their gradients, in float32.
      let windows = Float(item.params.kernel_size.reduce(1, *))
      #expect(Self.worst(dx, reference) <= windows * 0x1p-22 * 4, "\(item.id)")
    }
  }

  @Test func everyAverageIsPyTorchs() throws {
    let golden = try Self.golden("avg_pool")
    #expect(golden.cases.count == 73)
    for item in golden.cases {
      let x = try #require(golden.tensor("\(item.id).in.x"))
      let upstream = try #require(golden.tensor("\(item.id).grad.upstream"))
      let y = try averagePool(x, item.params.options, divisor: item.params.divisor)
      let dx = try averagePoolGradient(
        upstream: upstream, inputShape: x.shape, item.params.options, divisor: item.params.divisor)
      // Sums of as many float32 samples of magnitude about 4 as a window has.
      let tolerance = Float(item.params.kernel_size.reduce(1, *)) * 0x1p-22 * 4
      #expect(Self.worst(y, try #require(golden.tensor("\(item.id).out.y"))) <= tolerance, "\(item.id)")
      #expect(Self.worst(dx, try #require(golden.tensor("\(item.id).grad.x"))) <= tolerance, "\(item.id)")
    }
  }

  struct AdaptiveParameters: Decodable, Sendable {
    let output_size: [Int]
  }

  @Test func everyAdaptivePoolIsPyTorchs() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Vectors")
    let golden = try GoldenOperators<AdaptiveParameters>(folder) { $0.hasPrefix("adaptive") }
    #expect(golden.cases.count == 36)
    for item in golden.cases {
      let x = try #require(golden.tensor("\(item.id).in.x"))
      let upstream = try #require(golden.tensor("\(item.id).grad.upstream"))
      let (y, dx): (Tensor<Float>, Tensor<Float>)
      if item.op.hasPrefix("adaptive_max") {
        let (values, indices) = try adaptiveMaxPool(x, outputSize: item.params.output_size)
        #expect(indices == golden.integers("\(item.id).out.indices"), "\(item.id)")
        (y, dx) = (
          values, try adaptiveMaxPoolGradient(upstream: upstream, indices: indices, inputShape: x.shape)
        )
      } else {
        y = try adaptiveAveragePool(x, outputSize: item.params.output_size)
        dx = try adaptiveAveragePoolGradient(upstream: upstream, inputShape: x.shape)
      }
      // Sums of at most a plane of float32 samples of magnitude about 4.
      let tolerance = Float(x.shape.dimensions[2...].reduce(1, *)) * 0x1p-22 * 4
      #expect(Self.worst(y, try #require(golden.tensor("\(item.id).out.y"))) <= tolerance, "\(item.id)")
      #expect(Self.worst(dx, try #require(golden.tensor("\(item.id).grad.x"))) <= tolerance, "\(item.id)")
    }
    #expect(throws: GeometryError.self) {
      try adaptiveMaxPool(Tensor<Float>(zeros: [1, 1, 4]), outputSize: [0])
    }
    #expect(
      try adaptiveAveragePool(Tensor<Float>(zeros: [0, 2, 4, 4]), outputSize: [1]).shape == [0, 2, 1, 1])
  }

  private static func worst(_ a: Tensor<Float>, _ b: Tensor<Float>) -> Float {
    guard a.shape == b.shape else { return .infinity }
    return zip(a.scalars, b.scalars).reduce(0) { worst, pair in
      let difference = abs(pair.0 - pair.1)
      return difference.isNaN ? .infinity : max(worst, difference)
    }
  }

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
