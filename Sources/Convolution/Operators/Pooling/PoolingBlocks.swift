import Tensors

extension PoolingGeometry {
  /// The depthwise convolution whose windows these are, if ``DepthwiseBlocks`` has them: planes, both strides 1 or both 2,
  /// nothing dilated.
  private func convolution(fill: Double) -> ConvolutionGeometry? {
    guard let windows, input[0] == 1, output[0] == 1, windows[0].kernel == 1, channels > 0,
      padding[0] == Padding.Amount(0, 0), windows[1].stride == windows[2].stride, windows[1].stride <= 2,
      windows.allSatisfy({ $0.dilation == 1 })
    else { return nil }
    // Where sizes are rounded up, windows reach further than the padding.
    let ends = (1...2).map { axis in
      let reach = (output[axis] - 1) * windows[axis].stride + windows[axis].kernel
      return Padding.Amount(padding[axis].begin, max(0, reach - input[axis] - padding[axis].begin))
    }
    let geometry = try? ConvolutionGeometry(
      input: [batch, channels, input[1], input[2]],
      weight: [channels, 1, windows[1].kernel, windows[2].kernel],
      .init(
        stride: [windows[1].stride], padding: Padding(.explicit(ends), mode: .constant(fill)),
        groups: channels))
    return geometry.flatMap { $0.output == output ? $0 : nil }
  }

  /// The greatest sample of each window, by vectors; nil where there is no vector code for the windows.
  func maximum(_ x: Tensor<Float>) -> Tensor<Float>? {
    maximumBlocks.map { run($0, x) }
  }

  var maximumBlocks: DepthwiseBlocks? { convolution(fill: -.infinity).map { DepthwiseBlocks(maximum: $0) } }

  /// The average of each window, by vectors; nil where there is no vector code for the windows, or their divisors differ.
  func average(_ x: Tensor<Float>, _ divisor: AverageDivisor) -> Tensor<Float>? {
    averageBlocks(divisor).map { run($0, x) }
  }

  func averageBlocks(_ divisor: AverageDivisor) -> DepthwiseBlocks? {
    guard let windows, let geometry = convolution(fill: 0) else { return nil }
    let count: Int
    switch divisor {
    case .fixed(let fixed): count = fixed
    case .paddedWindow, .samples:
      // Every window lies within what is counted.
      for axis in 1...2 {
        let reach = (output[axis] - 1) * windows[axis].stride + windows[axis].kernel - padding[axis].begin
        let end = input[axis] + (divisor == .samples ? 0 : padding[axis].end)
        guard reach <= end, divisor == .paddedWindow || padding[axis].begin == 0 else { return nil }
      }
      count = windows[1].kernel * windows[2].kernel
    }
    return DepthwiseBlocks(average: geometry, divisor: Float(count))
  }

  private func run(_ blocks: DepthwiseBlocks, _ x: Tensor<Float>) -> Tensor<Float> {
    x.withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: outputShape) { y in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        blocks.run(x, into: y, Finish(nil, adding: nil, to: y), pool: .shared)
      }
    }
  }
}
