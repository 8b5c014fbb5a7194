import Tensors

/// The definition of filtering as a loop, in float64: what every plan is checked against.
///
/// Written to be read: no blocks, no vectors, no tricks.
/// - Parameters:
///   - input: `[H, W, C]`.
///   - kernel: as correlation uses it.
///   - border: what stands beyond the edges.
///   - isValid: only windows that lie inside the input.
/// - Returns: `[H', W', C]`.
public func referenceCorrelation(
  _ input: Tensor<Double>, kernel: Kernel, border: PaddingMode, isValid: Bool = false
) -> Tensor<Double> {
  let (height, width, channels) = (input.shape[0], input.shape[1], input.shape[2])
  let top = isValid ? 0 : kernel.anchor.row
  let left = isValid ? 0 : kernel.anchor.column
  let outputHeight = isValid ? height - kernel.rows + 1 : height
  let outputWidth = isValid ? width - kernel.columns + 1 : width
  return input.withUnsafeBufferPointer { x in
    Tensor(unsafeUninitializedShape: [outputHeight, outputWidth, channels]) { y in
      for i in 0..<outputHeight {
        for j in 0..<outputWidth {
          for c in 0..<channels {
            var sum = 0.0
            for r in 0..<kernel.rows {
              for s in 0..<kernel.columns {
                let row = border.sourceIndex(i + r - top, count: height)
                let column = border.sourceIndex(j + s - left, count: width)
                var value = border.fillValue
                if let row, let column { value = x[(row * width + column) * channels + c] }
                sum += value * kernel[r, s]
              }
            }
            y.initializeElement(at: (i * outputWidth + j) * channels + c, to: sum)
          }
        }
      }
    }
  }
}
