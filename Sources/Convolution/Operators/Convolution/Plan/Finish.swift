import CIntrinsics
import Microkernels

/// An epilogue at work: adds the residual and applies the activation to outputs that have just been stored.
struct Finish: @unchecked Sendable {
  private let kernels = Microkernels()
  private let function: Int32
  private let parameter: Float
  /// Where the outputs start, and what is added to them: laid out alike.
  private let outputs: UnsafeMutablePointer<Float>
  private let residual: UnsafePointer<Float>?
  /// Whether there is nothing to do.
  let isIdentity: Bool
  /// Whether the maximum of some finished outputs is their maximum, finished.
  let keepsOrder: Bool
  /// Where there is nothing to do but to keep outputs between two numbers, algorithms do it as they store them: infinities
  /// where there is more to do, or nothing.
  let bounds: Bounds
  /// Between which numbers sums of outputs and the residual are kept; nil where the activation is more than that.
  private let sumBounds: Bounds?

  /// Between which numbers outputs are kept.
  struct Bounds: Sendable {
    var least = -Float.infinity
    var most = Float.infinity
  }

  init(
    _ activation: Activation?, adding residual: UnsafePointer<Float>?, to outputs: UnsafeMutablePointer<Float>
  ) {
    (function, parameter) = activation?.vectorFunction ?? (CONVOLVE_IDENTITY, 0)
    (self.outputs, self.residual) = (outputs, residual)
    isIdentity = activation == nil && residual == nil
    keepsOrder = activation?.isNondecreasing ?? true
    sumBounds =
      switch activation {
      case nil: Bounds()
      case .relu: Bounds(least: 0)
      case .relu6: Bounds(least: 0, most: 6)
      default: nil
      }
    bounds = residual == nil ? sumBounds ?? Bounds() : Bounds()
  }

  /// What is left to do once outputs are within ``bounds``.
  var afterBounds: Finish { bounds.least == 0 ? Finish(nil, adding: nil, to: outputs) : self }

  /// Finishes outputs that lie side by side.
  func callAsFunction(_ start: UnsafeMutablePointer<Float>, count: Int) {
    self(start, rows: 1, columns: count, stride: 0)
  }

  /// Finishes rows of outputs, `stride` elements apart.
  func callAsFunction(_ start: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
    finish(start, rows, columns, stride, adding: residual(of: start))
  }

  /// Finishes rows of outputs that lie elsewhere for now, `stride` elements apart; there is no residual for them.
  func apart(_ start: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
    finish(start, rows, columns, stride, adding: nil)
  }

  /// Asks for the residual of rows of outputs that are about to be finished.
  func askForResidual(_ start: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
    guard let residual = residual(of: start) else { return }
    for row in 0..<rows {
      for i in Swift.stride(from: 0, to: columns, by: 16) { convolve_prefetch(residual + (row * stride + i)) }
    }
  }

  /// The residual of outputs that are stored with it, and between which numbers, where that is all there is to do.
  func residualAndBounds(of start: UnsafeMutablePointer<Float>) -> (UnsafePointer<Float>, Bounds)? {
    guard let residual = residual(of: start), let sumBounds else { return nil }
    return (residual, sumBounds)
  }

  /// What is added to the outputs from `start` on, laid out as they are.
  func residual(of start: UnsafeMutablePointer<Float>) -> UnsafePointer<Float>? {
    residual.map { $0 + (start - outputs) }
  }

  private func finish(
    _ start: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int, _ stride: Int,
    adding residual: UnsafePointer<Float>?
  ) {
    if isIdentity { return }
    kernels.activate(
      ConvolveActivation(
        x: start, residual: residual, y: start, rows: rows, columns: columns, stride: stride,
        parameter: parameter),
      function: function)
  }
}
