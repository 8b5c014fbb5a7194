import Convolution
import Tensors
import Testing

@Suite struct PaddingTests {
  private func line(_ mode: PaddingMode, _ samples: [Float] = [1, 2, 3, 4], by amount: Int = 3) -> [Float] {
    pad2d(
      Tensor(samples, shape: [1, samples.count]), rows: Padding.Amount(0, 0),
      columns: Padding.Amount(amount, amount), mode: mode
    ).scalars
  }

  /// As drawn in the documentation of `PaddingMode`.
  @Test func modesAsDrawn() {
    #expect(line(.zeros) == [0, 0, 0, 1, 2, 3, 4, 0, 0, 0])
    #expect(line(.constant(9)) == [9, 9, 9, 1, 2, 3, 4, 9, 9, 9])
    #expect(line(.reflect) == [4, 3, 2, 1, 2, 3, 4, 3, 2, 1])
    #expect(line(.symmetric) == [3, 2, 1, 1, 2, 3, 4, 4, 3, 2])
    #expect(line(.replicate) == [1, 1, 1, 1, 2, 3, 4, 4, 4, 4])
    #expect(line(.circular) == [2, 3, 4, 1, 2, 3, 4, 1, 2, 3])
  }

  @Test func reflectionsRepeat() {
    #expect(line(.reflect, [1, 2], by: 3) == [2, 1, 2, 1, 2, 1, 2, 1])
    #expect(line(.symmetric, [1, 2], by: 4) == [1, 2, 2, 1, 1, 2, 2, 1, 1, 2])
    #expect(line(.circular, [1, 2], by: 3) == [2, 1, 2, 1, 2, 1, 2, 1])
    for mode in [PaddingMode.reflect, .symmetric, .replicate, .circular] {
      #expect(line(mode, [5], by: 2) == [5, 5, 5, 5, 5])
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
