import Convolution
import Tensors
import Testing

@Suite struct PaddingTests {
  private func line(_ mode: PaddingMode) throws -> [Float] {
    try pad(Tensor([1, 2, 3, 4], shape: [1, 4]), [Padding.Amount(3, 3)], mode: mode).scalars
  }

  /// As drawn in the documentation of `PaddingMode`.
  @Test func modesAsDrawn() throws {
    #expect(try line(.zeros) == [0, 0, 0, 1, 2, 3, 4, 0, 0, 0])
    #expect(try line(.constant(9)) == [9, 9, 9, 1, 2, 3, 4, 9, 9, 9])
    #expect(try line(.reflect) == [4, 3, 2, 1, 2, 3, 4, 3, 2, 1])
    #expect(try line(.symmetric) == [3, 2, 1, 1, 2, 3, 4, 4, 3, 2])
    #expect(try line(.replicate) == [1, 1, 1, 1, 2, 3, 4, 4, 4, 4])
    #expect(try line(.circular) == [2, 3, 4, 1, 2, 3, 4, 1, 2, 3])
  }

  /// Image borders have an answer at any distance.
  @Test func reflectionsRepeat() {
    func line(_ mode: PaddingMode, count: Int, by amount: Int) -> [Int?] {
      (-amount..<count + amount).map { mode.sourceIndex($0, count: count) }
    }
    #expect(line(.reflect, count: 2, by: 3) == [1, 0, 1, 0, 1, 0, 1, 0])
    #expect(line(.symmetric, count: 2, by: 4) == [0, 1, 1, 0, 0, 1, 1, 0, 0, 1])
    #expect(line(.circular, count: 2, by: 3) == [1, 0, 1, 0, 1, 0, 1, 0])
    for mode in [PaddingMode.reflect, .symmetric, .replicate, .circular] {
      #expect(line(mode, count: 1, by: 2) == [0, 0, 0, 0, 0])
    }
  }

  @Test func sameKeepsTheQuotientForAnyStride() {
    for input in 1...20 {
      for kernel in 1...6 {
        for stride in 1...7 {
          for dilation in 1...3 {
            let window = Window(kernel: kernel, stride: stride, dilation: dilation)
            let upper = Padding.same.amount(axis: 0, input: input, window: window)
            let lower = Padding(.sameLower).amount(axis: 0, input: input, window: window)
            #expect(upper.begin == lower.end && upper.end == lower.begin && upper.begin <= upper.end)
            let size = try? OutputSize.convolution(input: input, window: window, padding: upper).size
            #expect(size == (input + stride - 1) / stride, "\(input) \(window)")
          }
        }
      }
    }
  }
}
