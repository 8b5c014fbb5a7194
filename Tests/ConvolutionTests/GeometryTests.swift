import Convolution
import Testing

@Suite struct GeometryTests {
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
      error([3, 9, 4], .init(kernel: [7]))
        == .empty(
          dimension: "width", formula: "floor((4 + 0 + 0 - 1*(7-1) - 1) / 1) + 1 = -2", smallestInput: 7))
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
