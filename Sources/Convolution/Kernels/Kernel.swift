/// A two-dimensional filter kernel, as it is laid over the image: what correlation multiplies with.
///
/// y[i, j] = sum over r, s of x[i + r - anchor.row, j + s - anchor.column] * coefficients[r * columns + s].
/// A kernel that is to be convolved with is ``flipped()`` once, where it is read.
public struct Kernel: Sendable, Hashable {
  public let rows: Int
  public let columns: Int
  /// Row-major.
  public let coefficients: [Double]
  /// The coefficient that lies on the output pixel.
  public let anchor: Anchor

  /// A position in a kernel.
  public struct Anchor: Sendable, Hashable {
    public var row: Int
    public var column: Int

    public init(row: Int, column: Int) {
      self.row = row
      self.column = column
    }
  }

  /// - Parameters:
  ///   - rows: 1 to ``largestSize``.
  ///   - columns: 1 to ``largestSize``.
  ///   - coefficients: row-major, finite as float32.
  ///   - anchor: where the output pixel lies; the middle where nil, right and below of it for even sizes
  ///     (`size / 2`, as in OpenCV and SciPy).
  /// - Throws: ``KernelError`` for a size below 1 or too large, a count that does not fit, NaN or infinity,
  ///   or an anchor outside.
  public init(rows: Int, columns: Int, coefficients: [Double], anchor: Anchor? = nil) throws(KernelError) {
    guard rows >= 1, columns >= 1 else { throw .empty(rows: rows, columns: columns) }
    guard rows <= Self.largestSize, columns <= Self.largestSize else {
      throw .tooLarge(rows: rows, columns: columns)
    }
    guard coefficients.count == rows * columns else {
      throw .wrongCount(rows: rows, columns: columns, count: coefficients.count)
    }
    if let index = coefficients.firstIndex(where: { !Float($0).isFinite }) {
      throw .notFinite(row: index / columns, column: index % columns, coefficients[index])
    }
    let anchor = anchor ?? Anchor(row: rows / 2, column: columns / 2)
    guard (0..<rows).contains(anchor.row), (0..<columns).contains(anchor.column) else {
      throw .anchorOutside(anchor, rows: rows, columns: columns)
    }
    self.rows = rows
    self.columns = columns
    self.coefficients = coefficients
    self.anchor = anchor
  }

  /// A kernel of numbers that are known to be valid.
  init(valid rows: Int, _ columns: Int, _ coefficients: [Double], _ anchor: Anchor) {
    self.rows = rows
    self.columns = columns
    self.coefficients = coefficients
    self.anchor = anchor
  }

  /// The largest height and width.
  public static let largestSize = 1023

  public subscript(row: Int, column: Int) -> Double { coefficients[row * columns + column] }

  public var sum: Double { coefficients.reduce(0, +) }

  /// The sum of magnitudes: how far an output can be from zero for inputs of magnitude 1.
  public var absoluteSum: Double { coefficients.reduce(0) { $0 + abs($1) } }

  public var hasNegativeCoefficients: Bool { coefficients.contains { $0 < 0 } }

  /// Whether the coefficients sum to zero within rounding.
  public var isZeroSum: Bool { abs(sum) <= 1e-6 * absoluteSum }

  /// Turned by 180 degrees, the anchor with it: convolution with a kernel is correlation with its flip.
  public func flipped() -> Kernel {
    Kernel(
      valid: rows, columns, coefficients.reversed(),
      Anchor(row: rows - 1 - anchor.row, column: columns - 1 - anchor.column))
  }

  /// Every coefficient divided by their sum.
  /// - Precondition: the kernel does not sum to zero.
  public var withUnitSum: Kernel {
    let sum = sum
    precondition(!isZeroSum, "a kernel that sums to zero cannot be made to sum to one")
    return Kernel(valid: rows, columns, coefficients.map { $0 / sum }, anchor)
  }

  /// The same kernel with another anchor.
  public func anchored(at anchor: Anchor) throws(KernelError) -> Kernel {
    try Kernel(rows: rows, columns: columns, coefficients: coefficients, anchor: anchor)
  }

  /// The kernel that does in one pass what this and then `next` do in two: their full convolution.
  public func composed(with next: Kernel) -> Kernel {
    let (height, width) = (rows + next.rows - 1, columns + next.columns - 1)
    var product = [Double](repeating: 0, count: height * width)
    for r in 0..<rows {
      for s in 0..<columns where self[r, s] != 0 {
        for i in 0..<next.rows {
          for j in 0..<next.columns {
            product[(r + i) * width + s + j] += self[r, s] * next[i, j]
          }
        }
      }
    }
    return Kernel(
      valid: height, width, product,
      Anchor(row: anchor.row + next.anchor.row, column: anchor.column + next.anchor.column))
  }

  /// Whether the kernel is its own mirror image up-down and left-right about its anchor, so that filtering
  /// and mirrored borders commute.
  public var isMirrorSymmetric: Bool {
    guard rows == 2 * anchor.row + 1, columns == 2 * anchor.column + 1 else { return false }
    for r in 0..<rows {
      for s in 0..<columns {
        let value = self[r, s]
        if value != self[rows - 1 - r, s] || value != self[r, columns - 1 - s] { return false }
      }
    }
    return true
  }
}

/// Why numbers are not a kernel.
public enum KernelError: Error, Equatable, CustomStringConvertible {
  case empty(rows: Int, columns: Int)
  case tooLarge(rows: Int, columns: Int)
  case wrongCount(rows: Int, columns: Int, count: Int)
  case notFinite(row: Int, column: Int, Double)
  case anchorOutside(Kernel.Anchor, rows: Int, columns: Int)

  public var description: String {
    switch self {
    case .empty(let rows, let columns):
      return "a kernel of \(columns)x\(rows) has no coefficients; give it at least one row and one column"
    case .tooLarge(let rows, let columns):
      return "a kernel of \(columns)x\(rows) is larger than \(Kernel.largestSize)x\(Kernel.largestSize); "
        + "scale the image down, or chain smaller kernels"
    case .wrongCount(let rows, let columns, let count):
      return "a \(columns)x\(rows) kernel has \(rows * columns) coefficients, but \(count) are given"
    case .notFinite(let row, let column, let value):
      return
        "the coefficient in row \(row + 1), column \(column + 1) is \(value); coefficients must be finite"
    case .anchorOutside(let anchor, let rows, let columns):
      return "the anchor \(anchor.column),\(anchor.row) lies outside the \(columns)x\(rows) kernel; "
        + "it is given as x,y from 0,0 to \(columns - 1),\(rows - 1)"
    }
  }
}
