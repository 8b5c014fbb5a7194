import Tensors

extension FilterPlan: CustomStringConvertible {
  /// For inputs as large as their type holds.
  public var description: String { explanation(magnitude: input.type.maximum) }

  /// What the plan does, a line for each decision, for a person to read.
  /// - Parameter magnitude: of the inputs to which the greatest error refers.
  public func explanation(magnitude: Double) -> String {
    var lines = [
      "image \(input.width)x\(input.height), \(input.channels) channel\(input.channels == 1 ? "" : "s"), "
        + "\(input.type.rawValue) -> \(output.width)x\(output.height) \(output.type.rawValue); "
        + "kernels for \(instructionSet.rawValue)"
    ]
    if composedCount > 0 {
      lines.append(
        "\(composedCount + stages.count) kernels composed into \(stages.count): one pass is cheaper, and the "
          + "same at the borders")
    }
    for (index, stage) in stages.enumerated() {
      let combination =
        stage.combination == .single ? "" : ", \(stage.combination.rawValue) of \(stage.plans.count)"
      lines.append("step \(index + 1): \(stage.columns)x\(stage.rows) kernel\(combination)")
      for plan in stage.plans { lines.append("  \(plan)") }
    }
    lines.append(
      "greatest error before rounding to \(output.type.rawValue): "
        + "\(rounded(errorBound * magnitude)) of \(rounded(magnitude))")
    return lines.joined(separator: "\n")
  }
}

extension LinearPlan: CustomStringConvertible {
  public var description: String {
    let how: String
    switch method {
    case .direct: how = "direct on register tiles"
    case .separable:
      how =
        terms.count == 1
        ? "separable: two passes (rank 1)"
        : "low rank: \(terms.count) terms of two passes, by singular values"
    case .box: how = "box: running sums"
    case .fourier: how = "by Fourier transforms of \(fourier!.tileColumns)x\(fourier!.tileRows) tiles"
    }
    let others = costs.filter { $0.key != method }.sorted { $0.value < $1.value }
      .map { "\($0.key.rawValue) \(rounded($0.value))" }
    var line = "\(how), \(operationsPerSample) operations a sample"
    if let cost = costs[method] {
      line += "; cost \(rounded(cost))" + (others.isEmpty ? "" : " (\(others.joined(separator: ", ")))")
    }
    if truncationError > 0x1p-20 * kernel.absoluteSum {
      line += "; leaves out \(rounded(truncationError)) of 1"
    }
    return line
  }
}

/// Three significant digits.
private func rounded(_ value: Double) -> String {
  guard value != 0, value.isFinite else { return "\(Int(value))" }
  var scale = 1.0
  var magnitude = abs(value)
  while magnitude >= 1000 { (magnitude, scale) = (magnitude / 10, scale / 10) }
  while magnitude < 100 { (magnitude, scale) = (magnitude * 10, scale * 10) }
  let digits = (value * scale).rounded()
  let text = scale >= 1 ? digits / scale : digits * (1 / scale)
  return plain(text)
}
