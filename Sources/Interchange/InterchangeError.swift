/// Why a file of weights, tensors or a network cannot be used.
public enum InterchangeError: Error, Equatable, CustomStringConvertible {
  case unreadable(path: String, reason: String)
  /// What is damaged or inconsistent, and where.
  case malformed(String)
  /// What the file asks for that this program does not have.
  case unsupported(String)

  public var description: String {
    switch self {
    case .unreadable(let path, let reason): "\(path): \(reason)"
    case .malformed(let message): "damaged or inconsistent: \(message)"
    case .unsupported(let message): "not supported: \(message)"
    }
  }
}
