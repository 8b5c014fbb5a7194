import Convolution
import Tensors

/// A named kernel: what it is for, its formula, where it comes from, and how to make it.
public struct CatalogueEntry: Sendable {
  public let name: String
  /// One line.
  public let summary: String
  public let formula: String
  /// Who described it, and where.
  public let source: String
  public let parameters: [Parameter]
  private let build: @Sendable ([Double]) throws(KernelSpecificationError) -> KernelBank

  /// A number that a named kernel takes.
  public struct Parameter: Sendable {
    public let name: String
    /// Nil where it follows from the others.
    public let standard: Double?
    public let range: ClosedRange<Double>
    public let meaning: String
    /// Whether only whole numbers make sense.
    public let isWhole: Bool

    init(
      _ name: String, _ standard: Double?, _ range: ClosedRange<Double>, _ meaning: String,
      whole: Bool = false
    ) {
      self.name = name
      self.standard = standard
      self.range = range
      self.meaning = meaning
      isWhole = whole
    }
  }

  init(
    _ name: String, _ summary: String, formula: String, source: String, _ parameters: [Parameter] = [],
    _ build: @escaping @Sendable ([Double]) throws(KernelSpecificationError) -> KernelBank
  ) {
    self.name = name
    self.summary = summary
    self.formula = formula
    self.source = source
    self.parameters = parameters
    self.build = build
  }

  /// The kernels for the given parameters; those left out take their standard values (NaN stands for one
  /// that follows from the others).
  public func make(_ values: [String: Double] = [:]) throws(KernelSpecificationError) -> KernelBank {
    for name in values.keys.sorted() where !parameters.contains(where: { $0.name == name }) {
      throw .unknownParameter(name, kernel: self.name, known: parameters.map(\.name))
    }
    var ordered: [Double] = []
    for parameter in parameters {
      let value = values[parameter.name] ?? parameter.standard
      if let value {
        guard parameter.range.contains(value), !parameter.isWhole || value == value.rounded() else {
          throw .parameterOutOfRange(parameter.name, value, parameter.range, isWhole: parameter.isWhole)
        }
      }
      ordered.append(value ?? .nan)
    }
    return try build(ordered)
  }
}

/// Why a kernel specification cannot be followed.
public enum KernelSpecificationError: Error, Equatable, CustomStringConvertible {
  case empty
  case unknownName(String, similar: [String])
  case unknownParameter(String, kernel: String, known: [String])
  case parameterOutOfRange(String, Double, ClosedRange<Double>, isWhole: Bool)
  case notANumber(String, near: String)
  case raggedRows(row: Int, count: Int, expected: Int)
  case malformed(String)
  case kernel(KernelError)
  case zeroSum
  case file(String)

  /// One line.
  public var description: String { printable(message) }

  private var message: String {
    switch self {
    case .empty: return "an empty kernel; `convolve kernels` lists those with names"
    case .unknownName(let name, let similar):
      let hint = similar.isEmpty ? "" : "; did you mean \(similar.joined(separator: " or "))?"
      return "no kernel is called \"\(name)\"\(hint) (`convolve kernels` lists them)"
    case .unknownParameter(let name, let kernel, let known):
      let list = known.isEmpty ? "it takes none" : "it takes \(known.joined(separator: ", "))"
      return "\(kernel) has no parameter \"\(name)\"; \(list)"
    case .parameterOutOfRange(let name, let value, let range, let isWhole):
      return "\(name)=\(plain(value)) is out of range: it must be \(isWhole ? "a whole number " : "")"
        + "from \(plain(range.lowerBound)) to \(plain(range.upperBound))"
    case .notANumber(let text, let near):
      return "\"\(text)\" is not a number (in \"\(near)\")"
    case .raggedRows(let row, let count, let expected):
      return "row \(row) of the kernel has \(count) numbers, the first one \(expected); make them equal"
    case .malformed(let message), .file(let message): return message
    case .kernel(let error): return "\(error)"
    case .zeroSum:
      return "the coefficients sum to zero, so they cannot be divided by their sum; use --normalize none"
    }
  }
}
