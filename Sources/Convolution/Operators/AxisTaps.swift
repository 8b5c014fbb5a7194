/// Along one axis, the input sample that each output reads through each tap of the kernel.
struct AxisTaps: Sendable {
  /// For tap k, the outputs whose sample lies inside the input, at `output * stride + offset`.
  struct Tap: Sendable {
    let offset: Int
    let inside: Range<Int>
    /// The other outputs, and the sample that stands there: none where the padding's constant does.
    let outside: [(output: Int, source: Int?)]
  }

  let stride: Int
  let taps: [Tap]

  init(_ geometry: ConvolutionGeometry, axis: Int) {
    let (input, output, stride) = (geometry.input[axis], geometry.output[axis], geometry.stride[axis])
    self.stride = stride
    taps = (0..<geometry.kernel[axis]).map { k in
      let offset = k * geometry.dilation[axis] - geometry.padding[axis].begin
      // output * stride + offset in 0 ..< input
      let first = min(output, offset >= 0 ? 0 : (-offset + stride - 1) / stride)
      let end = max(first, min(output, offset >= input ? 0 : (input - 1 - offset) / stride + 1))
      let outside = (Array(0..<first) + Array(end..<output)).map { position in
        (output: position, source: geometry.mode.sourceIndex(position * stride + offset, count: input))
      }
      return Tap(offset: offset, inside: first..<end, outside: outside)
    }
  }

  /// The sample that output `position` reads through tap `k`.
  func source(_ position: Int, tap k: Int) -> Int? {
    let tap = taps[k]
    if tap.inside.contains(position) { return position * stride + tap.offset }
    return tap.outside[position < tap.inside.lowerBound ? position : position - tap.inside.count].source
  }
}
