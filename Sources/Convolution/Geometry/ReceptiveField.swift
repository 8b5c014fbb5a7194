/// What one output of a stack of layers sees of the input, along one axis.
///
/// Layer by layer, from size 1, jump 1, center 0.5:
///
///     size   += dilation * (kernel - 1) * jump
///     center += (dilation * (kernel - 1) / 2 - padBegin) * jump
///     jump   *= stride
///
/// - Source: V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning" (2016); A. Araujo,
///   W. Norris, J. Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill (2019).
public struct ReceptiveField: Sendable, Hashable {
  /// Input samples that one output depends on.
  public let size: Int
  /// Input samples between the fields of neighbouring outputs.
  public let jump: Int
  /// The middle of the first output's field, where the first input sample reaches from 0 to 1.
  public let center: Double

  /// Of the input itself.
  public static let input = ReceptiveField(size: 1, jump: 1, center: 0.5)

  init(size: Int, jump: Int, center: Double) {
    self.size = size
    self.jump = jump
    self.center = center
  }

  /// After one more convolution or pooling.
  /// - Throws: ``GeometryError`` for a window that cannot move, or a field beyond 2^31 samples.
  public func after(_ window: Window, padBegin: Int = 0) throws(GeometryError) -> ReceptiveField {
    try OutputSize.check(window)
    guard (0...OutputSize.limit).contains(padBegin) else {
      throw .outOfRange("padding", padBegin, "from 0 to \(OutputSize.limit)")
    }
    let reach = window.dilation * (window.kernel - 1)
    let (growth, isTooWide) = reach.multipliedReportingOverflow(by: jump)
    let (nextJump, isTooFar) = jump.multipliedReportingOverflow(by: window.stride)
    guard !isTooWide, !isTooFar, growth <= OutputSize.limit - size, nextJump <= OutputSize.limit else {
      throw .outOfRange("the receptive field", isTooFar || isTooWide ? .max : size + growth, "below 2^31")
    }
    return ReceptiveField(
      size: size + growth, jump: nextJump,
      center: center + (Double(reach) / 2 - Double(padBegin)) * Double(jump))
  }

  /// Of the sum or concatenation of branches: everything that any of them sees.
  /// - Throws: ``GeometryError`` where the branches' jumps differ, so that their outputs cannot lie together.
  public static func union(_ branches: [ReceptiveField]) throws(GeometryError) -> ReceptiveField {
    precondition(!branches.isEmpty, "a union needs a branch")
    guard branches.allSatisfy({ $0.jump == branches[0].jump }) else {
      throw .invalid(
        "branches with jumps of \(branches.map { String($0.jump) }.joined(separator: " and ")): "
          + "their strides must multiply to the same")
    }
    let first = branches.map { $0.center - Double($0.size) / 2 }.min()!
    let last = branches.map { $0.center + Double($0.size) / 2 }.max()!
    return ReceptiveField(
      size: Int((last - first).rounded(.up)), jump: branches[0].jump, center: (first + last) / 2)
  }
}
