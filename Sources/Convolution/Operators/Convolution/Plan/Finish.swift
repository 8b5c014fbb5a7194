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

  init(
    _ activation: Activation?, adding residual: UnsafePointer<Float>?, to outputs: UnsafeMutablePointer<Float>
  ) {
    (function, parameter) = activation?.vectorFunction ?? (CONVOLVE_IDENTITY, 0)
    (self.outputs, self.residual) = (outputs, residual)
    isIdentity = activation == nil && residual == nil
  }

  /// Finishes outputs that lie side by side.
  func callAsFunction(_ start: UnsafeMutablePointer<Float>, count: Int) {
    if isIdentity { return }
    finish(start, count, adding: residual(of: start))
  }

  /// Where the residual of some outputs is.
  func residual(of start: UnsafeMutablePointer<Float>) -> UnsafePointer<Float>? {
    residual.map { $0 + (start - outputs) }
  }

  /// Asks for the residual of outputs that lie side by side and will be finished.
  func askForResidual(_ start: UnsafeMutablePointer<Float>, count: Int) {
    guard let residual = residual(of: start) else { return }
    for i in stride(from: 0, to: count, by: 16) { convolve_prefetch(residual + i) }
  }

  /// Finishes outputs that lie elsewhere for now; there is no residual for them.
  func apart(_ start: UnsafeMutablePointer<Float>, count: Int) {
    if isIdentity { return }
    finish(start, count, adding: nil)
  }

  private func finish(
    _ start: UnsafeMutablePointer<Float>, _ count: Int, adding residual: UnsafePointer<Float>?
  ) {
    kernels.activate(
      start, adding: residual, into: start, count: count, function: function, parameter: parameter)
  }
}
