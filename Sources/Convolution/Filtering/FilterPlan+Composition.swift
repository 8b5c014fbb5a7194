extension FilterPlan {
  /// Two linear filters in a row are one, whose kernel is their convolution: composed where that is cheaper
  /// and the same at the borders too.
  ///
  /// Beyond the edge, the second filter sees what the border mode makes of the first one's output. That is
  /// the first filter's output for the extended input if there is no border (valid), if the border is
  /// circular, or if it is a mirror and the first kernel is its own mirror image. In all other cases
  /// composing would change the pixels near the border, and the filters run one after the other.
  static func composed(
    _ banks: [KernelBank], border: PaddingMode, isValid: Bool, budget: Double, layout: SampleLayout
  ) -> [KernelBank] {
    var chain: [KernelBank] = []
    for bank in banks {
      guard let previous = chain.last, previous.isLinear,
        commutes(previous.kernels[0], border: border, isValid: isValid)
      else {
        chain.append(bank)
        continue
      }
      let first = previous.kernels[0]
      let (height, width) = (first.rows + bank.rows - 1, first.columns + bank.columns - 1)
      guard height <= Kernel.largestSize, width <= Kernel.largestSize else {
        chain.append(bank)
        continue
      }
      let composed = bank.map { first.composed(with: $0) }
      if cost(composed, budget: budget, layout)
        < cost(previous, budget: budget, layout) + cost(bank, budget: budget, layout) + intermediateImage
      {
        chain[chain.count - 1] = composed
      } else {
        chain.append(bank)
      }
    }
    return chain
  }

  /// Cycles for one vector to write an image between two stages to memory and to read it again.
  private static let intermediateImage = 20.0

  private static func commutes(_ first: Kernel, border: PaddingMode, isValid: Bool) -> Bool {
    if isValid { return true }
    switch border {
    case .circular: return true
    case .reflect, .symmetric: return first.isMirrorSymmetric
    case .zeros, .constant, .replicate: return false
    }
  }

  private static func cost(_ bank: KernelBank, budget: Double, _ layout: SampleLayout) -> Double {
    bank.kernels.reduce(0) { sum, kernel in
      sum
        + LinearPlan.leastCost(kernel, errorBudget: budget, allowingBox: bank.isLinear, layout: layout)
    }
  }
}
