import Tensors

/// A pooling of one, two or three spatial axes, validated. Lower ranks are three axes with leading ones of
/// size 1.
public struct PoolingGeometry: Sendable, Hashable {
  /// Spatial axes of the tensors: 1, 2 or 3.
  public let rank: Int
  public let batch: Int
  public let channels: Int
  /// Depth, height, width.
  public let input: [Int]
  public let output: [Int]
  /// Nil for adaptive pooling, whose windows follow from the sizes.
  let windows: [Window]?
  let padding: [Padding.Amount]

  /// How a window moves: one number an axis, or one for all axes.
  public struct Options: Sendable, Hashable {
    public var kernel: [Int]
    /// As far as the kernel reaches where nil, so that windows do not overlap.
    public var stride: [Int]?
    public var padding: Padding
    public var dilation: [Int]
    /// Sizes are rounded up; the last window must start inside the input or its begin padding.
    public var ceilMode: Bool

    public init(
      kernel: [Int], stride: [Int]? = nil, padding: Padding = .valid, dilation: [Int] = [1],
      ceilMode: Bool = false
    ) {
      self.kernel = kernel
      self.stride = stride
      self.padding = padding
      self.dilation = dilation
      self.ceilMode = ceilMode
    }
  }

  /// - Parameters:
  ///   - input: `[N, C, spatial...]`
  ///   - options: the window and how it moves. Padding holds no samples: its mode is not used.
  /// - Throws: ``GeometryError``, also for padding as wide as the window, which would see nothing else.
  public init(input: Shape, _ options: Options) throws(GeometryError) {
    let rank = input.rank - 2
    guard (1...3).contains(rank) else {
      throw .invalid("an input of shape \(input): it must be [N, C] and one to three spatial sizes")
    }
    let sizes = Array(input.dimensions[2...])
    let windows = try Window.windows(
      kernel: options.kernel, stride: options.stride ?? options.kernel, dilation: options.dilation, rank: rank
    )
    let padding = try options.padding.amounts(sizes, windows)
    var output: [Int] = []
    for axis in 0..<rank {
      let (window, amount) = (windows[axis], padding[axis])
      let reach = window.dilation * (window.kernel - 1)
      guard max(amount.begin, amount.end) <= reach else {
        throw .outOfRange(
          "pooling padding", max(amount.begin, amount.end),
          "at most \(reach), so that no window sees padding alone")
      }
      output.append(
        try OutputSize.convolution(
          input: sizes[axis], window: window, padding: amount, ceilMode: options.ceilMode,
          dimension: OutputSize.dimension(axis, of: rank)
        ).size)
    }
    try OutputSize.check(elements: [input[0], input[1]] + output)
    let missing = 3 - rank
    self.rank = rank
    batch = input[0]
    channels = input[1]
    self.input = [Int](repeating: 1, count: missing) + input.dimensions[2...]
    self.output = [Int](repeating: 1, count: missing) + output
    self.windows = [Window](repeating: Window(kernel: 1), count: missing) + windows
    self.padding = [Padding.Amount](repeating: Padding.Amount(0, 0), count: missing) + padding
  }

  /// An adaptive pooling: as many windows as are asked for, of nearly equal length, that cover the input.
  ///
  /// Output i covers floor(i * in / out) ..< ceil((i + 1) * in / out).
  /// - Parameters:
  ///   - input: `[N, C, spatial...]`
  ///   - outputSize: one size an axis, or one for all.
  /// - Throws: ``GeometryError``.
  public init(input: Shape, adaptiveOutput outputSize: [Int]) throws(GeometryError) {
    let rank = input.rank - 2
    guard (1...3).contains(rank) else {
      throw .invalid("an input of shape \(input): it must be [N, C] and one to three spatial sizes")
    }
    let output = try spread(outputSize, "output size", rank)
    for (name, sizes) in [("input size", Array(input.dimensions[2...])), ("output size", output)] {
      for size in sizes where !(1...OutputSize.limit).contains(size) {
        throw .outOfRange(name, size, "from 1 to \(OutputSize.limit)")
      }
    }
    try OutputSize.check(elements: [input[0], input[1]] + output)
    let missing = [Int](repeating: 1, count: 3 - rank)
    self.rank = rank
    batch = input[0]
    channels = input[1]
    self.input = missing + input.dimensions[2...]
    self.output = missing + output
    windows = nil
    padding = [Padding.Amount](repeating: Padding.Amount(0, 0), count: 3)
  }

  public var inputShape: Shape { Shape([batch, channels] + input.suffix(rank)) }
  public var outputShape: Shape { Shape([batch, channels] + output.suffix(rank)) }
}
