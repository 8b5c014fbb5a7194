/// The shape of one layer: what goes in, what comes out, how many parameters and multiply-adds it takes.
public struct LayerGeometry: Sendable, Equatable {
  public enum Kind: String, Sendable, CaseIterable {
    case convolution
    case transposed
    case pooling
  }

  /// What a layer is asked to be. Sizes are per spatial axis; one alone holds for all of them.
  public struct Options: Sendable, Equatable {
    public var kind: Kind
    public var kernel: [Int]
    public var stride: [Int]
    public var dilation: [Int]
    public var padding: Padding
    public var outputPadding: [Int]
    public var groups: Int
    /// As many as go in where nil.
    public var outChannels: Int?
    public var bias: Bool
    public var ceilMode: Bool

    public init(
      kind: Kind = .convolution, kernel: [Int], stride: [Int] = [1], dilation: [Int] = [1],
      padding: Padding = .valid, outputPadding: [Int] = [0], groups: Int = 1, outChannels: Int? = nil,
      bias: Bool = true, ceilMode: Bool = false
    ) {
      self.kind = kind
      self.kernel = kernel
      self.stride = stride
      self.dilation = dilation
      self.padding = padding
      self.outputPadding = outputPadding
      self.groups = groups
      self.outChannels = outChannels
      self.bias = bias
      self.ceilMode = ceilMode
    }
  }

  /// `[C, spatial...]`
  public let input: [Int]
  /// `[K, spatial...]`
  public let output: [Int]
  /// How each spatial size came about.
  public let axes: [OutputSize.Axis]
  /// Weights and biases.
  public let parameters: Int
  /// For one input; pooling has none.
  public let multiplyAdds: Int

  /// - Parameters:
  ///   - input: `[C, spatial...]` of one, two or three spatial axes.
  ///   - options: what the layer is.
  /// - Throws: ``GeometryError``.
  public init(input: [Int], _ options: Options) throws(GeometryError) {
    let rank = input.count - 1
    guard (1...3).contains(rank) else {
      throw .invalid(
        "an input of \(input.count) sizes: give channels and one to three spatial sizes, as in 3x224x224")
    }
    let channels = input[0]
    let outChannels = options.kind == .pooling ? channels : options.outChannels ?? channels
    for (name, value) in [
      ("channels", channels), ("output channels", outChannels), ("groups", options.groups),
    ] {
      guard (1...1 << 24).contains(value) else { throw .outOfRange(name, value, "from 1 to \(1 << 24)") }
    }
    guard channels % options.groups == 0, outChannels % options.groups == 0 else {
      throw .indivisible(
        "\(channels) input and \(outChannels) output channels cannot both be split into "
          + "\(options.groups) groups; the groups must divide both")
    }
    let sizes = Array(input[1...])
    let windows = try Window.windows(
      kernel: options.kernel, stride: options.stride, dilation: options.dilation, rank: rank)
    let kernel = windows.map(\.kernel)
    var axes: [OutputSize.Axis] = []
    switch options.kind {
    case .transposed:
      let amounts = try options.padding.transposedAmounts(
        sizes, windows, outputPadding: try spread(options.outputPadding, "output padding", rank))
      for (axis, amount) in amounts.enumerated() {
        axes.append(
          try OutputSize.transposed(
            input: sizes[axis], window: windows[axis], padding: amount.taken, outputPadding: amount.added,
            dimension: OutputSize.dimension(axis, of: rank)))
      }
    case .convolution, .pooling:
      for (axis, amount) in try options.padding.amounts(sizes, windows).enumerated() {
        axes.append(
          try OutputSize.convolution(
            input: sizes[axis], window: windows[axis], padding: amount, ceilMode: options.ceilMode,
            dimension: OutputSize.dimension(axis, of: rank)))
      }
    }
    self.input = input
    self.axes = axes
    output = [outChannels] + axes.map(\.size)
    guard options.kind != .pooling else {
      (parameters, multiplyAdds) = (0, 0)
      return
    }
    // Each output of a convolution, and each input of a transposed one, meets this many weights.
    let fan = options.kind == .transposed ? outChannels / options.groups : channels / options.groups
    let positions = options.kind == .transposed ? input : output
    let weights = try Self.product(kernel + [fan, positions[0]])
    parameters = weights + (options.bias ? outChannels : 0)
    multiplyAdds = try Self.product(kernel + [fan] + positions)
  }

  private static func product(_ factors: [Int]) throws(GeometryError) -> Int {
    var product = 1
    for factor in factors {
      let (next, overflow) = product.multipliedReportingOverflow(by: factor)
      guard !overflow else {
        throw .outOfRange("the size", factor, "small enough for the counts to stay below 2^63")
      }
      product = next
    }
    return product
  }
}
