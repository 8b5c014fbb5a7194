import Convolution
import Foundation
import TestSupport
import Testing

@Suite struct GeometryTests {
  struct Parameters: Decodable, Sendable {
    let stride: [Int]?
    let padding: PaddingSpelling?
    let dilation: [Int]?
    let groups: Int?
    let output_padding: [Int]?
    let kernel_size: [Int]?
    let ceil_mode: Bool?
  }

  /// `[1, 2]` or `[[1, 1], [0, 2]]`.
  enum PaddingSpelling: Decodable, Sendable {
    case amounts([Padding.Amount])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let pairs = try? container.decode([[Int]].self) {
        self = .amounts(pairs.map { Padding.Amount($0[0], $0[1]) })
      } else {
        self = .amounts(try container.decode([Int].self).map { Padding.Amount($0, $0) })
      }
    }
  }

  /// The shapes of 600 convolutions and poolings of PyTorch.
  @Test func everyShapeIsPyTorchs() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Vectors")
    let golden = try GoldenOperators<Parameters>(folder) { op in
      ["conv", "avg_pool", "max_pool", "lp_pool"].contains { op.hasPrefix($0) }
    }
    #expect(golden.cases.count == 600)
    for item in golden.cases {
      let input = try #require(golden.shape("\(item.id).in.x")).dimensions
      let output = try #require(golden.shape("\(item.id).out.y")).dimensions
      let weight = golden.shape("\(item.id).in.weight")?.dimensions
      let kernel = try #require(weight.map { Array($0[2...]) } ?? item.params.kernel_size)
      var padding = Padding.valid
      if case .amounts(let amounts) = item.params.padding { padding = Padding(.explicit(amounts)) }
      let isTransposed = item.op.hasPrefix("conv_transpose")
      let hasBias = item.inputs.contains("bias")
      let layer = try LayerGeometry(
        input: Array(input[1...]),
        LayerGeometry.Options(
          kind: weight == nil ? .pooling : isTransposed ? .transposed : .convolution, kernel: kernel,
          stride: item.params.stride ?? [1], dilation: item.params.dilation ?? [1], padding: padding,
          outputPadding: item.params.output_padding ?? [0], groups: item.params.groups ?? 1,
          outChannels: output[1], bias: hasBias, ceilMode: item.params.ceil_mode ?? false))
      #expect(layer.output == Array(output[1...]), "\(item)")
      if let weight {
        #expect(layer.parameters == weight.reduce(1, *) + (hasBias ? output[1] : 0), "\(item)")
      }
    }
  }

  /// The two cases of PyTorch's ceil rule that several frameworks got wrong.
  @Test func ceilMode() throws {
    let four = try OutputSize.convolution(
      input: 9, window: Window(kernel: 4, stride: 4), padding: Padding.Amount(2, 2), ceilMode: true)
    #expect(four.size == 3)
    let five = try OutputSize.convolution(
      input: 5, window: Window(kernel: 2, stride: 2), padding: Padding.Amount(1, 1), ceilMode: true)
    #expect(five.size == 3)
    #expect(five.formula == "ceil((5 + 1 + 1 - 1*(2-1) - 1) / 2) + 1 = 4, less 1 = 3")
  }

  @Test func countsOfAKnownLayer() throws {
    let layer = try LayerGeometry(
      input: [3, 224, 224],
      LayerGeometry.Options(
        kernel: [7], stride: [2], padding: .symmetric(3), outChannels: 64, bias: false))
    #expect(layer.output == [64, 112, 112])
    #expect(layer.parameters == 9408)
    #expect(layer.multiplyAdds == 118_013_952)
    #expect(layer.axes[0].formula == "floor((224 + 3 + 3 - 1*(7-1) - 1) / 2) + 1 = 112")
  }

  @Test func wrongNumbersAreNamed() {
    func error(_ input: [Int], _ options: LayerGeometry.Options) -> GeometryError? {
      do throws(GeometryError) {
        _ = try LayerGeometry(input: input, options)
        return nil
      } catch {
        return error
      }
    }
    #expect(
      error([3, 4, 4], .init(kernel: [7])) == .empty(input: 4, kernel: 7, dilation: 1, smallestInput: 7))
    #expect(error([3, 4, 4], .init(kernel: [0])) != nil)
    // An extent that follows from the size must not overflow before the size is checked.
    #expect(error([3, .max], .init(kernel: [3], padding: .same)) != nil)
    #expect(error([3, 4, 4], .init(kernel: [3], stride: [0])) != nil)
    #expect(error([3, 4, 4], .init(kernel: [3], dilation: [0], padding: .same)) != nil)
    #expect(error([3, 4, 4], .init(kernel: [3], padding: .symmetric(-1))) != nil)
    #expect(error([3, 4, 4], .init(kernel: [3], groups: 2)) != nil)
    #expect(error([3, 4, 4], .init(kernel: [3, 3, 3])) != nil)
    #expect(error([3], .init(kernel: [3])) != nil)
    #expect(error([3, 0, 4], .init(kernel: [1])) != nil)
    #expect(error([3, 4, 4], .init(kernel: [Int.max], stride: [Int.max], dilation: [Int.max])) != nil)
    #expect(error([1 << 24, 1 << 31, 1 << 31], .init(kernel: [1], outChannels: 1 << 24)) != nil)
    #expect(error([3, 4, 4], .init(kind: .transposed, kernel: [3], stride: [2], outputPadding: [2])) != nil)
    #expect(error([3, 1, 1], .init(kind: .transposed, kernel: [1], padding: .symmetric(3))) != nil)
  }
}
