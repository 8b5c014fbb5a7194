import Microkernels
import Tensors

/// A convolution prepared for many inputs of one shape: the algorithm chosen, the weights in its order.
///
/// Running a plan gives ``conv(_:weight:bias:_:)``'s result within the algorithm's error, the same bits for any number
/// of threads.
public struct ConvolutionPlan: Sendable, CustomStringConvertible {
  /// How a convolution is computed.
  public enum Algorithm: String, Sendable, CaseIterable {
    /// Row by row: few output channels a group.
    case loops
    /// A product of weights and columns in register tiles, summed in the order of the definition.
    case tiles
    /// The same, turned over: vectors along the output channels, for few outputs.
    case narrow
    /// By the definition, with vectors along the output channels: nothing is copied but the padded planes.
    case direct
    /// 3x3 kernels of stride 1 with a quarter of the products, by transforms: Winograd's F(4x4, 3x3).
    case winograd
    /// One input channel a group: plane by plane, rows laid end to end.
    case depthwise
  }

  /// How far results may be from the definition's.
  public enum ErrorBudget: Sendable, Hashable {
    /// At most five times as far as by direct summation: transforms may save products.
    case `default`
    /// By direct summation alone.
    case exact
  }

  public let geometry: ConvolutionGeometry
  public let algorithm: Algorithm
  private let prepared: Prepared

  private enum Prepared: Sendable {
    case loops(ConvolutionLoops<Float>, weight: Tensor<Float>, bias: Tensor<Float>?)
    case tiles(TiledConvolution)
    case narrow(NarrowConvolution)
    case winograd(WinogradConvolution)
    case depthwise(DepthwiseConvolution)
    case direct(DirectConvolution)
    case transposed([TiledConvolution])
    case transposedDirect([DirectConvolution])
  }

  /// - Parameters:
  ///   - geometry: shapes and how the kernel moves.
  ///   - weight: `[K, C / groups, spatial...]`
  ///   - bias: `[K]`
  ///   - errorBudget: which algorithms the planner may choose.
  ///   - algorithm: the planner's choice where nil.
  /// - Throws: ``GeometryError`` where the weight or the bias do not fit, or the algorithm has no answer to the geometry.
  public init(
    _ geometry: ConvolutionGeometry, weight: Tensor<Float>, bias: Tensor<Float>? = nil,
    errorBudget: ErrorBudget = .default, algorithm: Algorithm? = nil
  ) throws(GeometryError) {
    guard weight.shape == geometry.weightShape else {
      throw .invalid("a weight of shape \(weight.shape): the geometry's is \(geometry.weightShape)")
    }
    try check(bias: bias?.shape, channels: geometry.outChannels)
    guard geometry.fitsTables || (algorithm ?? .loops) == .loops else {
      throw .invalid("planes of 2^31 elements or more: the algorithm loops takes them alone")
    }
    self.geometry = geometry
    self.algorithm = algorithm ?? Self.choice(geometry, errorBudget)
    switch self.algorithm {
    case .loops: prepared = .loops(ConvolutionLoops(geometry), weight: weight, bias: bias)
    case .winograd:
      guard WinogradConvolution.accepts(geometry) else {
        throw .invalid("the algorithm winograd takes 3x3 kernels of stride and dilation 1 on planes alone")
      }
      prepared = .winograd(WinogradConvolution(geometry, weight, bias?.scalars))
    case .depthwise:
      guard DepthwiseConvolution.accepts(geometry) else {
        throw .invalid(
          "the algorithm depthwise takes one input channel a group, on planes, alone")
      }
      prepared = .depthwise(DepthwiseConvolution(geometry, weight, bias?.scalars))
    case .narrow: prepared = .narrow(NarrowConvolution(geometry, weight, bias?.scalars))
    case .direct: prepared = .direct(DirectConvolution(forward: geometry, weight, bias?.scalars))
    case .tiles: prepared = .tiles(TiledConvolution(forward: geometry, weight, bias?.scalars))
    }
  }

  /// A transposed convolution: of stride 1 a convolution with the kernels turned round, otherwise as many convolutions of
  /// stride 1 as the strides have phases, so that no product with an inserted zero is taken.
  /// - Parameters:
  ///   - geometry: of the convolution that it is the transpose of, as
  ///     ``ConvolutionGeometry/init(transposedInput:weight:_:outputPadding:)`` makes it.
  ///   - weight: `[C, K / groups, spatial...]`
  ///   - bias: `[K]`
  ///   - errorBudget: which algorithms the planner may choose.
  /// - Throws: ``GeometryError`` where the weight or the bias do not fit.
  public init(
    transposing geometry: ConvolutionGeometry, weight: Tensor<Float>, bias: Tensor<Float>? = nil,
    errorBudget: ErrorBudget = .default, algorithm: Algorithm? = nil
  ) throws(GeometryError) {
    guard weight.shape == geometry.weightShape else {
      throw .invalid("a weight of shape \(weight.shape): the geometry's is \(geometry.weightShape)")
    }
    try check(bias: bias?.shape, channels: geometry.inChannels)
    guard geometry.fitsTables else {
      throw .invalid("planes of 2^31 elements or more have no transposed plan; convTranspose takes them")
    }
    if let turned = geometry.turned {
      self = try ConvolutionPlan(
        turned, weight: weight.turned(groups: geometry.groups), bias: bias, errorBudget: errorBudget)
      return
    }
    self.geometry = geometry
    self.algorithm = algorithm ?? .tiles
    prepared =
      self.algorithm == .direct
      ? .transposedDirect(DirectConvolution.phases(transposing: geometry, weight, bias?.scalars))
      : .transposed(TiledConvolution.phases(transposing: geometry, weight, bias?.scalars))
  }

  /// Below as many rows, a tile is mostly empty.
  static let fewestRows = 4

  private static func choice(_ g: ConvolutionGeometry, _ budget: ErrorBudget) -> Algorithm {
    if !g.fitsTables { return .loops }
    if DepthwiseConvolution.accepts(g), g.outChannels / g.groups < fewestRows { return .depthwise }
    if g.outChannels / g.groups < fewestRows { return .loops }
    let shapes = Microkernels().tileShapes
    if budget == .default, WinogradConvolution.accepts(g), WinogradConvolution.pays(g, shapes) {
      return .winograd
    }
    return NarrowConvolution.pays(g, shapes) ? .narrow : .tiles
  }

  private var isTransposed: Bool {
    switch prepared {
    case .transposed, .transposedDirect: true
    default: false
    }
  }

  /// What goes in, and what comes out.
  public var inputShape: Shape { isTransposed ? geometry.outputShape : geometry.inputShape }
  public var outputShape: Shape { isTransposed ? geometry.inputShape : geometry.outputShape }

  /// - Parameters:
  ///   - input: of ``inputShape``.
  ///   - pool: the threads that it runs on.
  /// - Returns: of ``outputShape``.
  /// - Throws: ``GeometryError`` for an input of another shape.
  public func callAsFunction(
    _ input: Tensor<Float>, pool: ThreadPool = .shared
  ) throws(GeometryError) -> Tensor<Float> {
    guard input.shape == inputShape else {
      throw .invalid("an input of shape \(input.shape): the plan's is \(inputShape)")
    }
    if case .loops(let loops, let weight, let bias) = prepared {
      return loops.forward(input, weight, bias, pool: pool)
    }
    return input.withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: outputShape) { y in
        let (x, y) = (x.baseAddress!, y.baseAddress!)
        switch prepared {
        case .loops: break
        case .tiles(let tiled): tiled.run(x, into: y, pool: pool)
        case .direct(let direct): direct.run(x, into: y, pool: pool)
        case .transposedDirect(let phases): for phase in phases { phase.run(x, into: y, pool: pool) }
        case .narrow(let narrow): narrow.run(x, into: y, pool: pool)
        case .winograd(let winograd): winograd.run(x, into: y, pool: pool)
        case .depthwise(let depthwise): depthwise.run(x, into: y, pool: pool)
        case .transposed(let phases): for phase in phases { phase.run(x, into: y, pool: pool) }
        }
      }
    }
  }

  public var description: String { "\(algorithm.rawValue), \(weightBytes) bytes of weights" }

  /// Bytes of weights in the algorithm's order.
  public var weightBytes: Int {
    switch prepared {
    case .loops(_, let weight, _): weight.shape.count * MemoryLayout<Float>.stride
    case .tiles(let tiled): tiled.weightBytes
    case .direct(let direct): direct.weightBytes
    case .transposedDirect(let phases): phases.reduce(0) { $0 + $1.weightBytes }
    case .narrow(let narrow): narrow.weightBytes
    case .winograd(let winograd): winograd.weightBytes
    case .depthwise(let depthwise): depthwise.weightBytes
    case .transposed(let phases): phases.reduce(0) { $0 + $1.weightBytes }
    }
  }
}

extension Tensor where Scalar == Float {
  /// Kernels turned round, inputs and outputs exchanged: `[K, C / groups, spatial...]` as
  /// `[C, K / groups, spatial...]`.
  fileprivate func turned(groups: Int) -> Tensor {
    let (outputs, inputs) = (shape[0] / groups, shape[1])
    let taps = shape.dimensions[2...].reduce(1, *)
    return withUnsafeBufferPointer { w in
      Tensor(unsafeUninitializedShape: Shape([groups * inputs, outputs] + shape.dimensions[2...])) { out in
        let out = out.baseAddress!
        ThreadPool.shared.parallelFor(groups * inputs) { row in
          let (group, c) = row.quotientAndRemainder(dividingBy: inputs)
          for k in 0..<outputs {
            let from = ((group * outputs + k) * inputs + c) * taps
            for t in 0..<taps {
              (out + ((row * outputs + k) * taps + t)).initialize(to: w[from + taps - 1 - t])
            }
          }
        }
      }
    }
  }
}
