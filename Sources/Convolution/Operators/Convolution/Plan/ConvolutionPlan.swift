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
    /// 3x3 kernels of stride 1 with a quarter of the products, by transforms: Winograd's F(4x4, 3x3).
    case winograd
  }

  public let geometry: ConvolutionGeometry
  public let algorithm: Algorithm
  private let prepared: Prepared

  private enum Prepared: Sendable {
    case loops(ConvolutionLoops<Float>, weight: Tensor<Float>, bias: Tensor<Float>?)
    case tiles(TiledConvolution)
    case winograd(WinogradConvolution)
  }

  /// - Parameters:
  ///   - geometry: shapes and how the kernel moves.
  ///   - weight: `[K, C / groups, spatial...]`
  ///   - bias: `[K]`
  ///   - algorithm: the planner's choice where nil.
  /// - Throws: ``GeometryError`` where the weight or the bias do not fit, or the algorithm has no answer to the geometry.
  public init(
    _ geometry: ConvolutionGeometry, weight: Tensor<Float>, bias: Tensor<Float>? = nil,
    algorithm: Algorithm? = nil
  ) throws(GeometryError) {
    guard weight.shape == geometry.weightShape else {
      throw .invalid("a weight of shape \(weight.shape): the geometry's is \(geometry.weightShape)")
    }
    try check(bias: bias?.shape, channels: geometry.outChannels)
    self.geometry = geometry
    self.algorithm = algorithm ?? Self.choice(geometry)
    switch self.algorithm {
    case .loops: prepared = .loops(ConvolutionLoops(geometry), weight: weight, bias: bias)
    case .winograd:
      guard WinogradConvolution.accepts(geometry) else {
        throw .invalid("the algorithm winograd takes 3x3 kernels of stride and dilation 1 on planes alone")
      }
      prepared = .winograd(WinogradConvolution(geometry, weight, bias?.scalars))
    case .tiles: prepared = .tiles(TiledConvolution(forward: geometry, weight, bias?.scalars))
    }
  }

  /// Below as many rows, a tile is mostly empty.
  private static let fewestRows = 4

  private static func choice(_ g: ConvolutionGeometry) -> Algorithm {
    if g.outChannels / g.groups < fewestRows { return .loops }
    return WinogradConvolution.accepts(g) && g.inChannels / g.groups >= 16 ? .winograd : .tiles
  }

  /// - Parameter input: of the geometry's input shape.
  /// - Returns: of its output shape.
  /// - Throws: ``GeometryError`` for an input of another shape.
  public func callAsFunction(_ input: Tensor<Float>) throws(GeometryError) -> Tensor<Float> {
    guard input.shape == geometry.inputShape else {
      throw .invalid("an input of shape \(input.shape): the plan's is \(geometry.inputShape)")
    }
    switch prepared {
    case .loops(let loops, let weight, let bias): return loops.forward(input, weight, bias)
    case .winograd(let winograd):
      return input.withUnsafeBufferPointer { x in
        Tensor(unsafeUninitializedShape: geometry.outputShape) {
          winograd.run(x.baseAddress!, into: $0.baseAddress!)
        }
      }
    case .tiles(let tiled):
      return input.withUnsafeBufferPointer { x in
        Tensor(unsafeUninitializedShape: geometry.outputShape) {
          tiled.run(x.baseAddress!, into: $0.baseAddress!)
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
    case .winograd(let winograd): winograd.weightBytes
    }
  }
}
