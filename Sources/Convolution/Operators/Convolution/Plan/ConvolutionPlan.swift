import Microkernels
import Tensors

/// A convolution prepared for many inputs of one shape: the algorithm chosen, the weights in its order.
///
/// Running a plan gives ``conv(_:weight:bias:_:errorBudget:)``'s result within the algorithm's error, the same bits for
/// any number of threads.
public struct ConvolutionPlan: Sendable, CustomStringConvertible {
  /// How a convolution is computed.
  public enum Algorithm: String, Sendable, CaseIterable {
    /// Row by row: few output channels a group.
    case loops
    /// A product of weights and columns in register tiles, with vectors along the outputs of a plane.
    case tiles
    /// The same with seven eighths of the products, by Strassen's algorithm: even numbers of channels a group. A NaN spreads
    /// to another column.
    case strassen
    /// By the definition, with vectors along the output channels: nothing is copied but the padded planes.
    case direct
    /// Input by input, added up at the outputs: few output channels, stride 1 or transposed.
    case scatter
    /// 3x3 kernels of stride 1 with a quarter of the products, by transforms: Winograd's F(4x4, 3x3). Greater kernels and those
    /// of a stride in pieces of 3x3.
    case winograd4
    /// The same with four ninths of the products, and fewer weights: Winograd's F(2x2, 3x3), for small planes.
    case winograd2
    /// 5x5 kernels with 36 hundredths of the products: Winograd's F(2x2, 5x5).
    case winograd5
    /// 3x3 kernels of stride 2 with nine sixteenths of the products: Winograd's F(4x4, 3x3) of that stride.
    case winograd4s2
    /// Kernels of one row, in pieces of three weights, with half of the products: Winograd's F(4, 3).
    case winograd1d
    /// One input channel a group: plane by plane.
    case depthwise
    /// One input channel a group, stride 1: by Fourier transforms of tiles, for kernels of hundreds of weights. A NaN spreads
    /// over its tile.
    case fourier

    /// Whether sums are transformed, so that rounding errors are greater than the definition's.
    public var transforms: Bool { winograd != nil || self == .fourier || self == .strassen }

    var winograd: WinogradTransform? {
      switch self {
      case .winograd4: .square4
      case .winograd2: .square2
      case .winograd5: .square2Of5
      case .winograd4s2: .square4Stride2
      case .winograd1d: .line4
      case .loops, .tiles, .strassen, .direct, .scatter, .depthwise, .fourier: nil
      }
    }

    /// Whether an epilogue's maximums are taken as outputs are stored.
    package func poolsItself(_ geometry: ConvolutionGeometry, _ epilogue: Epilogue) -> Bool {
      let isSquare = epilogue.maxPooling == .window2
      return switch self {
      case .direct: isSquare
      case .depthwise:
        isSquare && (DepthwisePlanes.accepts(geometry) || DepthwiseBlocks.accepts(geometry))
      case .winograd4, .winograd2, .winograd5, .winograd4s2, .winograd1d:
        WinogradConvolution.pools(geometry, winograd!, epilogue)
      case .loops, .tiles, .strassen, .scatter, .fourier: false
      }
    }

    /// Whether the residual may be where outputs are stored.
    package func addsInPlace(_ geometry: ConvolutionGeometry) -> Bool {
      let depth = geometry.inChannels / geometry.groups * geometry.kernel.reduce(1, *)
      return self == .strassen || self == .tiles && TiledConvolution.isOnePass(depth)
    }

    /// The least budget that it keeps. The ratios measured are 1.7 to 4.1 for F(4x4, 3x3), 0.6 to 1.4 for F(2x2, 3x3),
    /// 1.2 to 3.1 for F(2x2, 5x5), 0.8 to 2.0 for F(4x4, 3x3) of stride 2 and 1.3 to 3.0 for F(4, 3), the greatest with three
    /// input channels; 3.1 for Strassen's algorithm with two of them, and 1.4 to 1.8 from some hundred on; for Fourier
    /// transforms less than 5 from 3x3 on, and less than 1 from some hundred weights on.
    public var errorBudget: ErrorBudget {
      switch self {
      case .winograd4, .winograd5, .winograd1d, .fourier: .default
      case .winograd2: ErrorBudget(timesDirect: 2)
      case .strassen, .winograd4s2: ErrorBudget(timesDirect: 4)
      case .loops, .tiles, .direct, .scatter, .depthwise: .exact
      }
    }
  }

  /// How far results may be from the definition's: how many times as far as direct summation in float32, both as the root
  /// of the mean square error against exact results, for weights and inputs without a pattern.
  public struct ErrorBudget: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let timesDirect: Double

    /// - Parameter timesDirect: 1 allows direct summation alone; transforms start at 2.
    /// - Precondition: at least 1.
    public init(timesDirect: Double) {
      precondition(timesDirect >= 1, "an error budget of \(timesDirect): direct summation itself needs 1")
      self.timesDirect = timesDirect
    }

    /// Transforms may save products.
    public static let `default` = ErrorBudget(timesDirect: 5)
    /// Direct summation alone.
    public static let exact = ErrorBudget(timesDirect: 1)

    public static func < (left: ErrorBudget, right: ErrorBudget) -> Bool {
      left.timesDirect < right.timesDirect
    }

    public var description: String { "\(plain(timesDirect)) times direct summation's error" }
  }

  /// What the planner may choose.
  public struct Options: Sendable, Hashable {
    public var errorBudget: ErrorBudget
    /// Bytes of working memory that a thread may take; no limit where nil. The algorithm `loops` takes none.
    public var workspaceLimit: Int?
    /// The planner's choice where nil.
    public var algorithm: Algorithm?
    /// Whether weights change from run to run, as in training, so that packing them counts.
    public var weightsChange = false

    public init(
      errorBudget: ErrorBudget = .default, workspaceLimit: Int? = nil, algorithm: Algorithm? = nil
    ) {
      (self.errorBudget, self.workspaceLimit, self.algorithm) = (errorBudget, workspaceLimit, algorithm)
    }
  }

  public let geometry: ConvolutionGeometry
  public let algorithm: Algorithm
  public let epilogue: Epilogue
  /// What goes in, and what comes out.
  public let inputShape: Shape
  public let outputShape: Shape
  private var planned: any PlannedConvolution
  /// The outputs before they are pooled, where the algorithm does not pool them itself.
  private let unpooledShape: Shape?
  private let pooling: PlanePooling?
  private let multiplyAdds: Int

  /// - Parameters:
  ///   - geometry: shapes and how the kernel moves.
  ///   - weight: `[K, C / groups, spatial...]`
  ///   - bias: `[K]`
  ///   - epilogue: what is done to the outputs before they leave the caches.
  ///   - options: what the planner may choose.
  /// - Throws: ``GeometryError`` where the weight or the bias do not fit, the algorithm has no answer to the geometry or
  ///   takes more than the working memory allowed.
  public init(
    _ geometry: ConvolutionGeometry, weight: Tensor<Float>, bias: Tensor<Float>? = nil,
    epilogue: Epilogue = Epilogue(), options: Options = Options()
  ) throws(GeometryError) {
    guard weight.shape == geometry.weightShape else {
      throw .invalid("a weight of shape \(weight.shape): the geometry's is \(geometry.weightShape)")
    }
    try check(bias: bias?.shape, channels: geometry.outChannels)
    let bias = bias?.scalars
    let candidates =
      options.algorithm.map { [$0] }
      ?? Self.estimatedCycles(
        geometry, errorBudget: options.errorBudget, weightsChange: options.weightsChange, epilogue: epilogue
      ).map(\.algorithm)
    var found: (Algorithm, any PlannedConvolution)?
    for algorithm in candidates where found == nil {
      try Self.validate(algorithm, accepts: geometry)
      let planned = Self.planned(algorithm, geometry, weight, bias, epilogue)
      if planned.workspaceBytes <= options.workspaceLimit ?? .max { found = (algorithm, planned) }
    }
    guard let (algorithm, planned) = found else {
      throw .invalid(
        "the algorithm \(candidates[0].rawValue) takes more than \(options.workspaceLimit!) bytes of working memory a "
          + "thread; raise the limit, or let the planner choose")
    }
    try self.init(
      geometry, algorithm, planned, from: geometry.inputShape, to: geometry.outputShape, epilogue,
      poolsItself: algorithm.poolsItself(geometry, epilogue))
  }

  init(
    _ geometry: ConvolutionGeometry, _ algorithm: Algorithm, _ planned: any PlannedConvolution,
    from inputShape: Shape, to shape: Shape, _ epilogue: Epilogue, poolsItself: Bool
  ) throws(GeometryError) {
    (self.geometry, self.algorithm, self.planned, self.epilogue) = (geometry, algorithm, planned, epilogue)
    self.inputShape = inputShape
    multiplyAdds = shape.count * (geometry.weightShape.count / max(1, geometry.outChannels))
    guard let maximums = epilogue.maxPooling else {
      (outputShape, unpooledShape, pooling) = (shape, nil, nil)
      return
    }
    guard geometry.rank == 2, maximums == .window3 || shape[2] > 1 && shape[3] > 1 else {
      throw .invalid(
        "max pooling of an output of shape \(shape): it takes planes, of at least 2x2 for windows of 2x2")
    }
    let pooled = try PoolingGeometry(input: shape, maximums.options)
    outputShape = pooled.outputShape
    unpooledShape = poolsItself ? nil : shape
    pooling = poolsItself ? nil : PlanePooling(pooled)
  }

  static func validate(_ algorithm: Algorithm, accepts g: ConvolutionGeometry) throws(GeometryError) {
    guard g.fitsTables || algorithm == .loops else {
      throw .invalid("planes of 2^31 elements or more: the algorithm loops takes them alone")
    }
    if let transform = algorithm.winograd, !WinogradConvolution.accepts(g, transform) {
      if transform.stride > 1 {
        throw .invalid(
          "the algorithm \(algorithm.rawValue) takes 3x3 kernels of stride 2 and dilation 1 alone")
      }
      throw .invalid(
        "the algorithm \(algorithm.rawValue) takes kernels of \(transform.isLine ? "one row and" : "\(transform.kernel) rows and") "
          + "\(transform.kernel) columns or more, of dilation 1 and at least twice the stride, alone")
    }
    if algorithm == .strassen, !StrassenConvolution.accepts(g) {
      throw .invalid(
        "the algorithm strassen takes even numbers of input and output channels a group, not \(g.inChannels / g.groups) and "
          + "\(g.outChannels / g.groups)")
    }
    if algorithm == .scatter, !ScatterConvolution.accepts(g) {
      throw .invalid("the algorithm scatter takes stride 1 and padding with zeros alone")
    }
    if algorithm == .fourier, !FourierConvolution.accepts(g) {
      throw .invalid(
        "the algorithm fourier takes one input channel a group, on lines and planes, and stride 1 alone")
    }
    if algorithm == .depthwise, !DepthwiseConvolution.accepts(g) {
      throw .invalid("the algorithm depthwise takes one input channel a group, on planes, alone")
    }
  }

  private static func planned(
    _ algorithm: Algorithm, _ g: ConvolutionGeometry, _ weight: Tensor<Float>, _ bias: [Float]?,
    _ epilogue: Epilogue
  ) -> any PlannedConvolution {
    let pooling = algorithm.poolsItself(g, epilogue) ? epilogue.maxPooling : nil
    return switch algorithm {
    case .loops: PlannedLoops(loops: ConvolutionLoops(g), weight: weight, bias: bias)
    case .winograd4, .winograd2, .winograd5, .winograd4s2, .winograd1d:
      WinogradConvolution(g, weight, bias, algorithm.winograd!, pooling: pooling)
    case .direct: DirectConvolution(forward: g, weight, bias, maxPools: pooling != nil)
    case .tiles: TiledConvolution(forward: g, weight, bias)
    case .strassen: StrassenConvolution(forward: g, weight, bias)
    case .scatter: ScatterConvolution(forward: g, weight, bias)
    case .fourier: FourierConvolution(g, weight, bias)
    case .depthwise:
      if DepthwisePlanes.accepts(g) {
        DepthwisePlanes(g, weight, bias, maxPools: pooling != nil)
      } else if DepthwiseBlocks.accepts(g) {
        DepthwiseBlocks(g, weight, bias, maxPools: pooling != nil)
      } else {
        DepthwiseConvolution(g, weight, bias)
      }
    }
  }

  /// Takes other weights of the same shape.
  /// - Returns: false where the plan has to be made anew.
  package mutating func repack(weight: Tensor<Float>, bias: Tensor<Float>?) -> Bool {
    planned.repack(weight, bias?.scalars)
  }

  /// Whether runs read the weight that the plan was made from, not what was packed of it.
  package var readsWeight: Bool { planned.readsWeight }

  /// Frees the packed weights until ``repack(weight:bias:)``, so that plans that run one after another share memory.
  package mutating func releaseWeights() { planned.releaseWeights() }

  /// - Parameters:
  ///   - input: of ``inputShape``.
  ///   - residual: added before the activation, of ``outputShape``; not together with pooling.
  ///   - pool: the threads that it runs on.
  /// - Returns: of ``outputShape``.
  /// - Throws: ``GeometryError`` for tensors of other shapes.
  public func callAsFunction(
    _ input: Tensor<Float>, adding residual: Tensor<Float>? = nil, pool: ThreadPool = .shared
  ) throws(GeometryError) -> Tensor<Float> {
    var output = Tensor<Float>(unsafeUninitializedShape: outputShape) { _ in }
    try self(input, adding: residual, into: &output, pool: pool)
    return output
  }

  /// The same, into a tensor that is there: nothing is allocated once each thread has its working memory.
  /// - Parameters:
  ///   - input: of ``inputShape``.
  ///   - residual: added before the activation, of ``outputShape``; not together with pooling.
  ///   - output: of ``outputShape``, written over.
  ///   - pool: the threads that it runs on.
  /// - Throws: ``GeometryError`` for tensors of other shapes.
  public func callAsFunction(
    _ input: Tensor<Float>, adding residual: Tensor<Float>? = nil, into output: inout Tensor<Float>,
    pool: ThreadPool = .shared
  ) throws(GeometryError) {
    guard input.shape == inputShape else {
      throw .invalid("an input of shape \(input.shape): the plan's is \(inputShape)")
    }
    guard output.shape == outputShape else {
      throw .invalid("an output of shape \(output.shape): the plan's is \(outputShape)")
    }
    if let residual {
      guard residual.shape == outputShape, epilogue.maxPooling == nil else {
        throw .invalid(
          epilogue.maxPooling != nil
            ? "a residual for outputs that are pooled: there is no place for it"
            : "a residual of shape \(residual.shape): the plan's outputs are \(outputShape)")
      }
    }
    if outputShape.count == 0 { return }
    if let unpooledShape, let pooling {
      var unpooled = Tensor<Float>(unsafeUninitializedShape: unpooledShape) { _ in }
      run(input, nil, &unpooled, pool)
      unpooled.withUnsafeBufferPointer { x in
        output.withUnsafeMutableBufferPointer { y in
          pooling.maximum(x.baseAddress!, into: y.baseAddress!, pool: pool)
        }
      }
    } else {
      run(input, residual, &output, pool)
    }
  }

  private func run(
    _ input: Tensor<Float>, _ residual: Tensor<Float>?, _ output: inout Tensor<Float>, _ pool: ThreadPool
  ) {
    let pool = pool === ThreadPool.shared ? ThreadPool.shared(for: multiplyAdds) : pool
    input.withUnsafeBufferPointer { x in
      output.withUnsafeMutableBufferPointer { y in
        let y = y.baseAddress!
        func run(_ residual: UnsafePointer<Float>?) {
          planned.run(
            x.baseAddress!, into: y, Finish(epilogue.activation, adding: residual, to: y), pool: pool)
        }
        guard let residual else { return run(nil) }
        residual.withUnsafeBufferPointer { residual in
          if residual.baseAddress! != y || planned.addsInPlace { return run(residual.baseAddress!) }
          // Outputs are stored before it is added.
          Tensor(Array(residual), shape: outputShape).withUnsafeBufferPointer { run($0.baseAddress!) }
        }
      }
    }
  }

  /// The algorithm with its memory, for people.
  public var description: String {
    "\(algorithm.rawValue), \(weightBytes) bytes of weights, \(workspaceBytes) bytes of working memory a thread"
  }

  /// Bytes of weights in the algorithm's order.
  public var weightBytes: Int { planned.weightBytes }

  /// Bytes of working memory that each thread keeps while the plan runs.
  public var workspaceBytes: Int { planned.workspaceBytes }
}
