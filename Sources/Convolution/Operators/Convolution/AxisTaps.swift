/// Along one axis, the sample that each output reads through each tap of the kernel.
struct AxisTaps: Sendable {
  /// For tap k, the outputs whose sample lies inside the source, at `output * stride + offset`.
  struct Tap: Sendable {
    /// Its place in the kernel.
    let index: Int
    let offset: Int
    let inside: Range<Int>
    /// The other outputs, and the sample that stands there: none where the padding's constant does.
    let outside: [(output: Int, source: Int?)]
  }

  let stride: Int
  let sources: Int
  let outputs: Int
  let taps: [Tap]
  private let mode: PaddingMode

  /// Whether outputs read what is at their own place.
  var isItself: Bool { stride == 1 && sources == outputs && taps.count == 1 && taps[0].offset == 0 }

  /// The taps of a convolution, which reads its input.
  init(_ geometry: ConvolutionGeometry, axis: Int) {
    let taps = (0..<geometry.kernel[axis]).map {
      (index: $0, offset: $0 * geometry.dilation[axis] - geometry.padding[axis].begin)
    }
    self.init(
      taps, stride: geometry.stride[axis], source: geometry.input[axis], outputs: geometry.output[axis],
      mode: geometry.mode)
  }

  /// The one tap of so many outputs that read what is at their own place.
  init(ofItself outputs: Int) {
    self.init([(0, 0)], stride: 1, source: outputs, outputs: outputs, mode: .zeros)
  }

  /// The taps of its transpose, which reads its output: those that reach the inputs `phase`, `phase + stride`
  /// and so on. Outputs are counted along the phase.
  init(transposing geometry: ConvolutionGeometry, axis: Int, phase: Int) {
    let stride = geometry.stride[axis]
    var taps: [(index: Int, offset: Int)] = []
    for k in 0..<geometry.kernel[axis] {
      // The output o that reads input i through tap k: o * stride = i + padding - k * dilation.
      let distance = phase + geometry.padding[axis].begin - k * geometry.dilation[axis]
      if distance.isMultiple(of: stride) { taps.append((k, distance / stride)) }
    }
    self.init(
      taps, stride: 1, source: geometry.output[axis],
      outputs: (geometry.input[axis] - phase + stride - 1) / stride,
      mode: .zeros)
  }

  private init(
    _ taps: [(index: Int, offset: Int)], stride: Int, source: Int, outputs: Int, mode: PaddingMode
  ) {
    self.stride = stride
    sources = source
    self.outputs = outputs
    self.mode = mode
    self.taps = taps.map { index, offset in
      // output * stride + offset in 0 ..< source
      let first = min(outputs, offset >= 0 ? 0 : (-offset + stride - 1) / stride)
      let end = max(first, min(outputs, offset >= source ? 0 : (source - 1 - offset) / stride + 1))
      let outside = (Array(0..<first) + Array(end..<outputs)).map { position in
        (output: position, source: mode.sourceIndex(position * stride + offset, count: source))
      }
      return Tap(index: index, offset: offset, inside: first..<end, outside: outside)
    }
  }

  /// The sample that output `position` reads through the tap of this number.
  func source(_ position: Int, tap number: Int) -> Int? {
    let tap = taps[number]
    if tap.inside.contains(position) { return position * stride + tap.offset }
    return tap.outside[position < tap.inside.lowerBound ? position : position - tap.inside.count].source
  }

  /// The sample at a coordinate between those that the outputs read; nil where the padding's constant stands.
  func sample(at coordinate: Int) -> Int? { mode.sourceIndex(coordinate, count: sources) }
}

/// The taps' places in the kernel, in the order of depth, height and width of those that the axes have.
func kernelIndices(_ axes: [AxisTaps], kernel: [Int]) -> [Int] {
  axes[0].taps.flatMap { z in
    axes[1].taps.flatMap { y in
      axes[2].taps.map { x in (z.index * kernel[1] + y.index) * kernel[2] + x.index }
    }
  }
}
