import Tensors

/// A convolution of one, two or three spatial axes, validated: what every algorithm is given.
///
/// Lower ranks are three axes with leading ones of size 1, so that an algorithm is written once.
public struct ConvolutionGeometry: Sendable, Hashable {
  /// Spatial axes of the tensors: 1, 2 or 3.
  public let rank: Int
  public let batch: Int
  public let groups: Int
  public private(set) var inChannels: Int
  public private(set) var outChannels: Int
  /// Depth, height, width.
  public private(set) var input: [Int]
  public let kernel: [Int]
  public private(set) var output: [Int]
  public private(set) var stride: [Int]
  public let dilation: [Int]
  public private(set) var padding: [Padding.Amount]
  public private(set) var mode: PaddingMode

  /// How a kernel moves: one number an axis, or one for all axes.
  public struct Options: Sendable, Hashable {
    public var stride: [Int]
    public var padding: Padding
    public var dilation: [Int]
    public var groups: Int

    public init(stride: [Int] = [1], padding: Padding = .valid, dilation: [Int] = [1], groups: Int = 1) {
      self.stride = stride
      self.padding = padding
      self.dilation = dilation
      self.groups = groups
    }
  }

  /// The geometry of a convolution.
  /// - Parameters:
  ///   - input: `[N, C, spatial...]`
  ///   - weight: `[K, C / groups, spatial...]`
  ///   - options: how the kernel moves.
  /// - Throws: ``GeometryError`` where shapes do not fit together, or nothing would come out.
  public init(input: Shape, weight: Shape, _ options: Options) throws(GeometryError) {
    let shapes = try Shapes(image: input, weight: weight, options)
    guard shapes.channels == weight[1] * options.groups else {
      throw .indivisible(
        "\(shapes.channels) input channels do not fit a weight of \(weight) in \(options.groups) groups, "
          + "which takes \(weight[1] * options.groups)")
    }
    let amounts = try options.padding.amounts(shapes.sizes, shapes.windows)
    var output: [Int] = []
    for axis in 0..<shapes.rank {
      try options.padding.mode.check(amounts[axis], input: shapes.sizes[axis])
      output.append(
        try OutputSize.convolution(
          input: shapes.sizes[axis], window: shapes.windows[axis], padding: amounts[axis],
          dimension: OutputSize.dimension(axis, of: shapes.rank)
        ).size)
    }
    try self.init(
      shapes, options, amounts, inChannels: shapes.channels, input: shapes.sizes, outChannels: weight[0],
      output: output)
  }

  /// The geometry of the convolution whose input gradient a transposed convolution is: its `input` is what the
  /// transposed convolution puts out, its `output` what that takes in.
  /// - Parameters:
  ///   - input: `[N, C, spatial...]`
  ///   - weight: `[C, K / groups, spatial...]`
  ///   - options: of the convolution that this is the transpose of.
  ///   - outputPadding: samples added at the end of each axis.
  public init(
    transposedInput input: Shape, weight: Shape, _ options: Options, outputPadding: [Int] = [0]
  ) throws(GeometryError) {
    let shapes = try Shapes(image: input, weight: weight, options)
    guard shapes.channels == weight[0] else {
      throw .indivisible(
        "\(shapes.channels) input channels do not fit a weight of \(weight), which takes \(weight[0])")
    }
    let amounts = try options.padding.transposedAmounts(
      shapes.sizes, shapes.windows,
      outputPadding: try spread(outputPadding, "output padding", shapes.rank))
    var output: [Int] = []
    for axis in 0..<shapes.rank {
      output.append(
        try OutputSize.transposed(
          input: shapes.sizes[axis], window: shapes.windows[axis], padding: amounts[axis].taken,
          outputPadding: amounts[axis].added, dimension: OutputSize.dimension(axis, of: shapes.rank)
        ).size)
    }
    try self.init(
      shapes, options, amounts.map(\.taken), inChannels: weight[1] * options.groups, input: output,
      outChannels: shapes.channels,
      output: shapes.sizes)
  }

  private init(
    _ shapes: Shapes, _ options: Options, _ amounts: [Padding.Amount], inChannels: Int, input: [Int],
    outChannels: Int, output: [Int]
  ) throws(GeometryError) {
    let missing = 3 - shapes.rank
    let ones = [Int](repeating: 1, count: missing)
    rank = shapes.rank
    batch = shapes.batch
    groups = options.groups
    self.inChannels = inChannels
    self.outChannels = outChannels
    self.input = ones + input
    self.output = ones + output
    kernel = ones + shapes.windows.map(\.kernel)
    stride = ones + shapes.windows.map(\.stride)
    dilation = ones + shapes.windows.map(\.dilation)
    padding = [Padding.Amount](repeating: Padding.Amount(0, 0), count: missing) + amounts
    mode = options.padding.mode
    guard outChannels % groups == 0 else {
      throw .indivisible("\(outChannels) output channels cannot be split into \(groups) groups")
    }
    // Before anything is allocated.
    try OutputSize.check(elements: [batch, inChannels] + self.input)
    try OutputSize.check(elements: [batch, outChannels] + self.output)
  }

  /// Whether places in planes fit the 32 bits that the tiles' tables have for them.
  var fitsTables: Bool { [input, output].allSatisfy { $0.reduce(1, *) < 1 << 31 } }

  /// The same convolution of an input that is padded already.
  var padded: ConvolutionGeometry {
    var copy = self
    copy.input = zip(input, padding).map { $0 + $1.begin + $1.end }
    copy.padding = [Padding.Amount](repeating: Padding.Amount(0, 0), count: 3)
    copy.mode = .zeros
    return copy
  }

  /// The convolution that the transpose of one of stride 1 is, with zeros around its input: kernels turned round,
  /// input and output exchanged. Nil for another stride, and for padding beyond the kernel's reach.
  var turned: ConvolutionGeometry? {
    guard stride == [1, 1, 1] else { return nil }
    let margins = (0..<3).map { axis in
      let reach = dilation[axis] * (kernel[axis] - 1)
      let begin = reach - padding[axis].begin
      return Padding.Amount(begin, input[axis] + reach - output[axis] - begin)
    }
    guard margins.allSatisfy({ $0.begin >= 0 && $0.end >= 0 }) else { return nil }
    var copy = self
    (copy.inChannels, copy.outChannels) = (outChannels, inChannels)
    (copy.input, copy.output) = (output, input)
    copy.padding = margins
    copy.mode = .zeros
    return copy
  }

  /// The same convolution of stride 1, whose outputs are those of this one with others between them. Nil where it is the
  /// same.
  var unstrided: ConvolutionGeometry? {
    if stride == [1, 1, 1] { return nil }
    var copy = self
    copy.output = (0..<3).map { (output[$0] - 1) * stride[$0] + 1 }
    copy.stride = [1, 1, 1]
    return copy
  }

  /// The first inputs along depth, height and width that each convolution of stride 1 gives, of which the transpose is
  /// made: `phase`, `phase + stride` and so on. Those beyond the input are left out.
  var phases: [[Int]] {
    (0..<min(stride[0], input[0])).flatMap { z in
      (0..<min(stride[1], input[1])).flatMap { y in
        (0..<min(stride[2], input[2])).map { x in [z, y, x] }
      }
    }
  }

  /// The sample at a place of a padded axis; nil where the padding's constant stands, and beyond the padding.
  func sample(atPadded place: Int, axis: Int) -> Int? {
    let position = place - padding[axis].begin
    guard position < input[axis] + padding[axis].end else { return nil }
    return mode.sourceIndex(position, count: input[axis])
  }

  public var inputShape: Shape { Shape([batch, inChannels] + input.suffix(rank)) }
  public var outputShape: Shape { Shape([batch, outChannels] + output.suffix(rank)) }
  public var weightShape: Shape { Shape([outChannels, inChannels / groups] + kernel.suffix(rank)) }
}

/// What is read off the shapes of an image and a weight, whichever way the convolution goes.
private struct Shapes {
  let rank: Int
  let batch: Int
  let channels: Int
  let sizes: [Int]
  let windows: [Window]

  init(image: Shape, weight: Shape, _ options: ConvolutionGeometry.Options) throws(GeometryError) {
    rank = image.rank - 2
    guard (1...3).contains(rank) else {
      throw .invalid("an input of shape \(image): it must be [N, C] and one to three spatial sizes")
    }
    guard weight.rank == image.rank else {
      throw .invalid("a weight of shape \(weight) for an input of shape \(image): the ranks must be equal")
    }
    guard options.groups >= 1 else { throw .outOfRange("groups", options.groups, "at least 1") }
    guard weight[0] >= 1, weight[1] >= 1 else {
      throw .outOfRange("the weight's channels", min(weight[0], weight[1]), "at least 1")
    }
    batch = image[0]
    channels = image[1]
    sizes = Array(image.dimensions[2...])
    windows = try Window.windows(
      kernel: Array(weight.dimensions[2...]), stride: options.stride, dilation: options.dilation, rank: rank)
  }
}
