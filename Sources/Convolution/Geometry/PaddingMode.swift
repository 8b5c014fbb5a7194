/// What stands where a window reaches beyond the input. Shown for the input `1 2 3 4`, three samples either side:
///
/// | mode | | |
/// |---|---|---|
/// | zeros | `0 0 0 [1 2 3 4] 0 0 0` | |
/// | constant(9) | `9 9 9 [1 2 3 4] 9 9 9` | |
/// | reflect | `4 3 2 [1 2 3 4] 3 2 1` | the edge is not repeated: PyTorch's `reflect`, OpenCV's `REFLECT_101` |
/// | symmetric | `3 2 1 [1 2 3 4] 4 3 2` | the edge is repeated: OpenCV's `REFLECT`, SciPy's `reflect` |
/// | replicate | `1 1 1 [1 2 3 4] 4 4 4` | OpenCV's `REPLICATE`, SciPy's `nearest`, ImageMagick's `edge` |
/// | circular | `2 3 4 [1 2 3 4] 1 2 3` | OpenCV's and SciPy's `wrap` |
public enum PaddingMode: Sendable, Hashable {
  case zeros
  case constant(Double)
  case reflect
  case symmetric
  case replicate
  case circular

  /// The index in `0 ..< count` whose sample stands at `index`, or nil where the mode's constant does.
  ///
  /// Reflections repeat as often as it takes, so that any index has an answer; a single sample stands
  /// everywhere.
  /// - Precondition: `count` is at least 1.
  public func sourceIndex(_ index: Int, count: Int) -> Int? {
    if index >= 0 && index < count { return index }
    switch self {
    case .zeros, .constant: return nil
    case .replicate: return index < 0 ? 0 : count - 1
    case .circular: return index.modulo(count)
    case .symmetric:
      let i = index.modulo(2 * count)
      return i < count ? i : 2 * count - 1 - i
    case .reflect:
      if count == 1 { return 0 }
      let i = index.modulo(2 * count - 2)
      return i < count ? i : 2 * count - 2 - i
    }
  }

  /// The sample that stands where ``sourceIndex(_:count:)`` is nil.
  public var fillValue: Double {
    if case .constant(let value) = self { return value }
    return 0
  }
}

extension PaddingMode {
  /// A mirror or a circle gives no more samples than the input has.
  /// - Throws: for padding beyond that.
  func check(_ amount: Padding.Amount, input: Int) throws(GeometryError) {
    let most: Int
    switch self {
    case .zeros, .constant: return
    case .replicate: most = input == 0 ? 0 : .max
    case .reflect: most = max(0, input - 1)
    case .symmetric, .circular: most = input
    }
    let largest = max(amount.begin, amount.end)
    guard largest <= most else {
      throw .outOfRange("\(self) padding", largest, "at most \(most) for an input of size \(input)")
    }
  }
}

extension Int {
  /// The remainder in `0 ..< divisor`, also for negative numbers.
  fileprivate func modulo(_ divisor: Int) -> Int {
    let remainder = self % divisor
    return remainder < 0 ? remainder + divisor : remainder
  }
}
