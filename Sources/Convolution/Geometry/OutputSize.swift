/// The size of an output along one axis: the one place that computes it, with the formula in words.
public enum OutputSize {
  /// Along one axis, how the size came about.
  public struct Axis: Sendable, Hashable {
    public let size: Int
    /// The formula with its numbers put in: `floor((224 + 3 + 3 - 1*(7-1) - 1) / 2) + 1 = 112`.
    public let formula: String
  }

  /// `floor((in + padBegin + padEnd - dilation*(kernel-1) - 1) / stride) + 1`.
  public static let convolutionFormula =
    "floor((in + padBegin + padEnd - dilation*(kernel-1) - 1) / stride) + 1"

  /// `(in-1)*stride - padBegin - padEnd + dilation*(kernel-1) + outputPadding + 1`.
  public static let transposedFormula =
    "(in-1)*stride - padBegin - padEnd + dilation*(kernel-1) + outputPadding + 1"

  /// With `ceil`, the last window must start inside the input or its begin padding (PyTorch's rule).
  public static let ceilFormula =
    "ceil((in + padBegin + padEnd - dilation*(kernel-1) - 1) / stride) + 1, less 1 where the last window "
    + "would start beyond in + padBegin"

  /// A convolution's or a pooling's output.
  /// - Parameters:
  ///   - input: the input's size.
  ///   - window: the kernel's extent and how it moves.
  ///   - padding: samples added before and after.
  ///   - ceilMode: whether the size is rounded up.
  ///   - dimension: what errors call the axis.
  /// - Throws: ``GeometryError`` where the numbers are out of range or no window fits.
  public static func convolution(
    input: Int, window: Window, padding: Padding.Amount, ceilMode: Bool = false, dimension: String = "size"
  ) throws(GeometryError) -> Axis {
    try check(input: input, window: window, padding: padding)
    let (kernel, stride, dilation) = (window.kernel, window.stride, window.dilation)
    let span = input + padding.begin + padding.end - dilation * (kernel - 1) - 1
    // With ceil, a single window may reach beyond the end, if not by a whole stride.
    let missing = ceilMode ? stride - 1 : 0
    let rounding = ceilMode ? "ceil" : "floor"
    let formula =
      "\(rounding)((\(input) + \(padding.begin) + \(padding.end) - \(dilation)*(\(kernel)-1) - 1) / \(stride)) + 1"
    guard span + missing >= 0 else {
      // Rounded down, also below zero.
      let size = (span + missing - stride + 1) / stride + 1
      throw .empty(
        dimension: dimension, formula: "\(formula) = \(size)",
        smallestInput: max(1, dilation * (kernel - 1) + 1 - padding.begin - padding.end - missing))
    }
    var size = (span + missing) / stride + 1
    if ceilMode, (size - 1) * stride >= input + padding.begin { size -= 1 }
    let plain = (span + missing) / stride + 1
    return Axis(
      size: size, formula: plain == size ? "\(formula) = \(size)" : "\(formula) = \(plain), less 1 = \(size)")
  }

  /// A transposed convolution's output.
  /// - Parameters:
  ///   - input: the input's size.
  ///   - window: the kernel's extent and how it moves.
  ///   - padding: samples taken away before and after.
  ///   - outputPadding: samples added at the end.
  ///   - dimension: what errors call the axis.
  /// - Throws: ``GeometryError`` where the numbers are out of range or nothing would be left.
  public static func transposed(
    input: Int, window: Window, padding: Padding.Amount, outputPadding: Int = 0, dimension: String = "size"
  ) throws(GeometryError) -> Axis {
    try check(input: input, window: window, padding: padding)
    let (kernel, stride, dilation) = (window.kernel, window.stride, window.dilation)
    guard outputPadding >= 0, outputPadding < max(stride, dilation) else {
      throw .outOfRange("output padding", outputPadding, "from 0 to below the greater of stride and dilation")
    }
    let (scaled, overflow) = (input - 1).multipliedReportingOverflow(by: stride)
    guard !overflow, scaled <= limit else {
      throw .outOfRange("stride", stride, "small enough for an output below 2^31")
    }
    let size = scaled - padding.begin - padding.end + dilation * (kernel - 1) + outputPadding + 1
    let formula =
      "(\(input)-1)*\(stride) - \(padding.begin) - \(padding.end) + \(dilation)*(\(kernel)-1) "
      + "+ \(outputPadding) + 1 = \(size)"
    guard size >= 1 else {
      throw .empty(
        dimension: dimension, formula: formula, smallestInput: input + (1 - size + stride - 1) / stride)
    }
    return Axis(size: size, formula: formula)
  }

  /// What the spatial axes of tensors of a rank are called.
  static func dimension(_ axis: Int, of rank: Int) -> String {
    rank == 1 ? "length" : ["depth", "height", "width"][3 - rank + axis]
  }

  /// Larger numbers are typing errors, and would overflow.
  static let limit = 1 << 31

  private static func check(
    input: Int, window: Window, padding: Padding.Amount
  ) throws(GeometryError) {
    try check(input: input)
    try check(window)
    try require("padding", padding.begin, 0...limit)
    try require("padding", padding.end, 0...limit)
  }

  /// - Throws: for a size that is not positive, or whose arithmetic would overflow.
  static func check(input: Int) throws(GeometryError) { try require("input size", input, 1...limit) }

  /// - Throws: for a size that was asked for and cannot be.
  static func check(output: Int) throws(GeometryError) { try require("output size", output, 1...limit) }

  /// - Throws: for more elements than any machine holds, before anything is allocated.
  static func check(elements sizes: [Int]) throws(GeometryError) {
    var count = 1
    for size in sizes {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow, product <= 1 << 40 else {
        throw .outOfRange("the tensor's size", size, "small enough for at most 2^40 elements")
      }
      count = product
    }
  }

  /// - Throws: where a window could not move, or its numbers would overflow.
  static func check(_ window: Window) throws(GeometryError) {
    try require("kernel size", window.kernel, 1...limit)
    try require("stride", window.stride, 1...limit)
    try require("dilation", window.dilation, 1...limit)
    try require("dilation * (kernel - 1)", window.dilation * (window.kernel - 1), 0...limit)
  }

  private static func require(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(GeometryError) {
    guard range.contains(value) else {
      throw .outOfRange(name, value, "from \(range.lowerBound) to \(range.upperBound)")
    }
  }
}

/// Why a shape has no output.
public enum GeometryError: Error, Equatable, CustomStringConvertible {
  case outOfRange(String, Int, String)
  /// A size below 1, the formula that gives it with its numbers put in, and the smallest input that does.
  case empty(dimension: String, formula: String, smallestInput: Int)
  case invalid(String)
  case indivisible(String)

  public var description: String {
    switch self {
    case .outOfRange(let name, let value, let range):
      return "\(name) \(value) is out of range: it must be \(range)"
    case .empty(let dimension, let formula, let smallest):
      return
        "the output would be empty: its \(dimension) is \(formula); the smallest input that does is \(smallest)"
    case .invalid(let message), .indivisible(let message): return message
    }
  }
}
