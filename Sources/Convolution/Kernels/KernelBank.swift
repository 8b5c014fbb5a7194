/// One step of a filter: a kernel, or several whose results are combined pixel by pixel.
public struct KernelBank: Sendable, Hashable {
  public enum Combination: String, Sendable, Hashable {
    /// One kernel: a linear filter.
    case single
    /// The length of the vector of two results: sqrt(a^2 + b^2), as of a gradient.
    case magnitude
    /// The greatest of the results, as of compass operators.
    case maximum
  }

  /// All of one size and anchor.
  public let kernels: [Kernel]
  public let combination: Combination

  public init(_ kernel: Kernel) {
    kernels = [kernel]
    combination = .single
  }

  /// - Precondition: the kernels have one size and anchor; a magnitude has two of them, a single one.
  public init(_ kernels: [Kernel], combination: Combination) {
    precondition(!kernels.isEmpty, "a bank needs a kernel")
    precondition(
      kernels.allSatisfy {
        $0.rows == kernels[0].rows && $0.columns == kernels[0].columns && $0.anchor == kernels[0].anchor
      }, "the kernels of a bank have one size and one anchor")
    switch combination {
    case .single: precondition(kernels.count == 1, "a single kernel, not \(kernels.count)")
    case .magnitude: precondition(kernels.count == 2, "a magnitude is of two kernels, not \(kernels.count)")
    case .maximum: break
    }
    self.kernels = kernels
    self.combination = combination
  }

  public var rows: Int { kernels[0].rows }
  public var columns: Int { kernels[0].columns }
  public var anchor: Kernel.Anchor { kernels[0].anchor }
  public var isLinear: Bool { combination == .single }

  /// The bank with each kernel changed alike.
  public func map<Failure: Error>(
    _ transform: (Kernel) throws(Failure) -> Kernel
  ) throws(Failure) -> KernelBank {
    var changed: [Kernel] = []
    for kernel in kernels { changed.append(try transform(kernel)) }
    return KernelBank(changed, combination: combination)
  }
}
