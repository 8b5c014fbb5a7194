import Synchronization

/// The separable terms of the kernels that were planned last.
///
/// They depend on the kernel alone, and a large kernel takes longer to decompose than an image to filter: a
/// batch decomposes it once.
final class Decompositions: Sendable {
  static let shared = Decompositions()

  struct Decomposition: Sendable {
    let terms: [Kernel.SeparableTerm]
    /// What the first term, the first two, ... leave out.
    let residuals: [Double]
  }

  /// More kernels than one chain has; the oldest is forgotten first.
  private static let most = 16

  private let recent = Mutex<[(kernel: Kernel, decomposition: Decomposition)]>([])

  func decomposition(of kernel: Kernel) -> Decomposition {
    let known = recent.withLock { $0.first { $0.kernel == kernel }?.decomposition }
    if let known { return known }
    let terms = kernel.separableTerms()
    let made = Decomposition(terms: terms, residuals: kernel.residuals(of: terms))
    recent.withLock { recent in
      recent.append((kernel, made))
      if recent.count > Self.most { recent.removeFirst() }
    }
    return made
  }
}
