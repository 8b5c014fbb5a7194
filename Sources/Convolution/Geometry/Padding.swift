/// How far an operator reaches beyond its input, and what stands there: one type for every operator and rank.
public struct Padding: Sendable, Hashable {
  /// How many samples are added on each side.
  public enum Extent: Sendable, Hashable {
    /// None: only whole windows.
    case valid
    /// As many as make the output `ceil(input / stride)`; an odd one goes to the end (ONNX `SAME_UPPER`).
    case same
    /// The same, an odd one at the start (ONNX `SAME_LOWER`).
    case sameLower
    /// `dilation * (kernel - 1)` at the start: no output sees a later input.
    case causal
    /// `dilation * (kernel - 1)` on both sides: every window that touches the input.
    case full
    /// The given numbers, one pair a spatial axis; one pair alone holds for every axis.
    case explicit([Amount])
    /// Of a transposed convolution: as much as gives these sizes (ONNX `output_shape`, PyTorch's `output_size`),
    /// an odd sample more taken from the end or from the start.
    case transposed(outputSize: [Int], moreAtEnd: Bool)
  }

  /// Samples before and after one spatial axis.
  public struct Amount: Sendable, Hashable {
    public var begin: Int
    public var end: Int

    public init(_ begin: Int, _ end: Int) {
      self.begin = begin
      self.end = end
    }
  }

  public var extent: Extent
  public var mode: PaddingMode

  public init(_ extent: Extent, mode: PaddingMode = .zeros) {
    self.extent = extent
    self.mode = mode
  }

  public static let valid = Padding(.valid)
  public static let same = Padding(.same)
  public static let full = Padding(.full)

  /// `amount` samples on every side.
  public static func symmetric(_ amount: Int) -> Padding { Padding(.explicit([Amount(amount, amount)])) }

  /// The samples added before and after spatial axis `axis`.
  public func amount(axis: Int, input: Int, window: Window) -> Amount {
    let reach = window.dilation * (window.kernel - 1)
    switch extent {
    case .valid: return Amount(0, 0)
    case .full: return Amount(reach, reach)
    case .causal: return Amount(reach, 0)
    case .explicit(let amounts): return amounts.count == 1 ? amounts[0] : amounts[axis]
    case .transposed: preconditionFailure("an output size is padding for transposed convolutions alone")
    case .same, .sameLower:
      let output = input.dividedRoundingUp(by: window.stride)
      let total = max(0, (output - 1) * window.stride + reach + 1 - input)
      return extent == .same ? Amount(total / 2, total - total / 2) : Amount(total - total / 2, total / 2)
    }
  }
}

extension Padding {
  /// The samples added before and after each spatial axis.
  /// - Throws: where explicit amounts are neither one nor one for each axis, and for a size out of range.
  func amounts(_ sizes: [Int], _ windows: [Window]) throws(GeometryError) -> [Amount] {
    if case .explicit(let amounts) = extent, amounts.count != 1, amounts.count != sizes.count {
      throw .invalid(
        "\(amounts.count) paddings for \(sizes.count) spatial axes; give one, or \(sizes.count)")
    }
    if case .transposed = extent {
      throw .invalid("padding by the output's size is for transposed convolutions alone")
    }
    for size in sizes { try OutputSize.check(input: size) }
    return sizes.indices.map { amount(axis: $0, input: sizes[$0], window: windows[$0]) }
  }

  /// Of a transposed convolution, the samples taken away before and after each spatial axis, and those added at
  /// the end where there would be too few. Same gives `input * stride`.
  /// - Throws: where explicit amounts or sizes are not one for each axis, and for numbers out of range.
  func transposedAmounts(
    _ sizes: [Int], _ windows: [Window], outputPadding: [Int]
  ) throws(GeometryError) -> [(taken: Amount, added: Int)] {
    let outputSize: [Int]
    let moreAtEnd: Bool
    switch extent {
    case .valid, .full, .causal, .explicit:
      return zip(try amounts(sizes, windows), outputPadding).map { ($0, $1) }
    case .same, .sameLower:
      for size in sizes { try OutputSize.check(input: size) }
      (outputSize, moreAtEnd) = (zip(sizes, windows).map { $0 * $1.stride }, extent == .same)
    case .transposed(let size, let end): (outputSize, moreAtEnd) = (size, end)
    }
    guard outputSize.count == sizes.count else {
      throw .invalid("\(outputSize.count) output sizes for \(sizes.count) spatial axes; give one for each")
    }
    var result: [(Amount, Int)] = []
    for axis in sizes.indices {
      try OutputSize.check(output: outputSize[axis])
      let most = try OutputSize.transposed(
        input: sizes[axis], window: windows[axis], padding: Amount(0, 0), outputPadding: outputPadding[axis]
      ).size
      let total = most - outputSize[axis]
      let (less, more) = (max(0, total) / 2, max(0, total) - max(0, total) / 2)
      result.append(
        (moreAtEnd ? Amount(less, more) : Amount(more, less), outputPadding[axis] + max(0, -total)))
    }
    return result
  }
}

/// The extent of a kernel along one axis, and how it moves.
public struct Window: Sendable, Hashable {
  public var kernel: Int
  public var stride: Int
  public var dilation: Int

  public init(kernel: Int, stride: Int = 1, dilation: Int = 1) {
    self.kernel = kernel
    self.stride = stride
    self.dilation = dilation
  }
}

extension Window {
  /// The windows of all spatial axes, each number given once for all of them or once for each.
  /// - Throws: for other counts, and for a window that could not move.
  static func windows(
    kernel: [Int], stride: [Int], dilation: [Int], rank: Int
  ) throws(GeometryError) -> [Window] {
    let kernel = try spread(kernel, "kernel", rank)
    let stride = try spread(stride, "stride", rank)
    let dilation = try spread(dilation, "dilation", rank)
    var windows: [Window] = []
    for axis in 0..<rank {
      windows.append(Window(kernel: kernel[axis], stride: stride[axis], dilation: dilation[axis]))
      try OutputSize.check(windows[axis])
    }
    return windows
  }
}

/// One value an axis, from one for all or one for each.
func spread(_ values: [Int], _ name: String, _ rank: Int) throws(GeometryError) -> [Int] {
  if values.count == rank { return values }
  guard values.count == 1 else {
    throw .invalid("\(values.count) values of \(name) for \(rank) spatial axes; give one, or \(rank)")
  }
  return [Int](repeating: values[0], count: rank)
}
