import CIntrinsics
import Microkernels

/// An epilogue at work: adds the residual and applies the activation to outputs that have just been stored.
struct Finish: @unchecked Sendable {
  private let kernels = Microkernels()
  private let activation: Activation?
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
  /// The same of the sums of outputs and the residual, for algorithms that add it as they store them.
  let sumBounds: Bounds

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
    sumBounds = Self.bounds(activation) ?? Bounds()
    bounds = residual == nil ? sumBounds : Bounds()
    self.activation = activation
  }

  /// Between which numbers an activation keeps outputs; nil where it does more than that.
  static func bounds(_ activation: Activation?) -> Bounds? {
    switch activation {
    case nil: Bounds()
    case .relu: Bounds(least: 0)
    case .relu6: Bounds(least: 0, most: 6)
    default: nil
    }
  }

  /// What is left to do once outputs are within ``bounds``.
  var afterBounds: Finish { bounds.least == 0 ? Finish(nil, adding: nil, to: outputs) : self }

  /// What is left to do once sums of outputs and the residual are within ``sumBounds``.
  var afterSumBounds: Finish {
    Finish(sumBounds.least == 0 ? nil : activation, adding: nil, to: outputs)
  }

  /// Finishes outputs that lie side by side.
  func callAsFunction(_ start: UnsafeMutablePointer<Float>, count: Int) {
    self(start, rows: 1, columns: count, stride: 0)
  }

  /// Finishes rows of outputs, `stride` elements apart.
  func callAsFunction(_ start: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
    if isIdentity { return }
    finish(start, to: start, rows: rows, columns: columns, stride: stride, adding: residual(of: start))
  }

  /// Finishes rows of outputs that lie elsewhere for now, `stride` elements apart; there is no residual for them.
  func apart(_ start: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
    if isIdentity { return }
    finish(start, to: start, rows: rows, columns: columns, stride: stride, adding: nil)
  }

  /// Stores outputs that lie elsewhere for now, finished: the residual may be where they are stored.
  func store(_ sums: UnsafePointer<Float>, to start: UnsafeMutablePointer<Float>, count: Int) {
    finish(sums, to: start, rows: 1, columns: count, stride: 0, adding: residual(of: start))
  }

  /// Asks for the residual of rows of outputs that are about to be finished.
  func askForResidual(_ start: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
    if let residual = residual(of: start) {
      Self.ask(for: residual, rows: rows, columns: columns, stride: stride)
    }
  }

  /// Asks for rows of a residual.
  static func ask(for residual: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int) {
    for row in 0..<rows {
      for i in Swift.stride(from: 0, to: columns, by: 16) { convolve_prefetch(residual + (row * stride + i)) }
    }
  }

  /// What is added to the outputs from `start` on, laid out as they are.
  func residual(of start: UnsafeMutablePointer<Float>) -> UnsafePointer<Float>? {
    residual.map { $0 + (start - outputs) }
  }

  private func finish(
    _ sums: UnsafePointer<Float>, to start: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int,
    adding residual: UnsafePointer<Float>?
  ) {
    kernels.activate(
      ConvolveActivation(
        x: sums, residual: residual, y: start, rows: rows, columns: columns, stride: stride,
        parameter: parameter),
      function: function)
  }
}
