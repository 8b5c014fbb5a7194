import CIntrinsics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The instruction sets for which the microkernels are built.
public enum InstructionSet: String, CaseIterable, Sendable {
  /// x86-64-v4: 512-bit vectors, fused multiply-add.
  case avx512
  /// x86-64-v3: 256-bit vectors, fused multiply-add.
  case avx2
  /// What every processor of the architecture has: SSE2 on x86-64, NEON with fused multiply-add on arm64.
  case baseline

  /// Whether this processor, under this operating system, can run it.
  public var isAvailable: Bool {
    switch self {
    case .baseline: return true
    #if arch(x86_64)
      case .avx2: return convolve_cpu_has_avx2() != 0
      case .avx512: return convolve_cpu_has_avx512() != 0
    #else
      case .avx2, .avx512: return false
    #endif
    }
  }

  /// Those that this processor can run, the widest first.
  public static var available: [InstructionSet] { allCases.filter(\.isAvailable) }

  /// The one that all kernels use: `CONVOLVE_ISA` where it is set, otherwise the widest available.
  /// Chosen once. An unusable `CONVOLVE_ISA` ends the program with a message; a program that wants to
  /// report it in its own way calls ``resolve(_:)`` first.
  public static let current: InstructionSet = {
    do {
      return try resolve(getenv("CONVOLVE_ISA").map { String(cString: $0) })
    } catch {
      fatalError("\(error)")
    }
  }()

  /// The instruction set that a value of `CONVOLVE_ISA` asks for; the widest available where it is nil or
  /// empty.
  public static func resolve(_ name: String?) throws(InstructionSetError) -> InstructionSet {
    guard let name, !name.isEmpty else { return available[0] }
    guard let requested = InstructionSet(rawValue: name) else { throw .unknown(name) }
    guard requested.isAvailable else { throw .unavailable(requested) }
    return requested
  }
}

/// Why `CONVOLVE_ISA` cannot be followed.
public enum InstructionSetError: Error, Equatable, CustomStringConvertible {
  case unknown(String)
  case unavailable(InstructionSet)

  public var description: String {
    let choices = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
    switch self {
    case .unknown(let name):
      return "CONVOLVE_ISA=\(name) is not an instruction set; this processor has: \(choices)"
    case .unavailable(let set):
      return "CONVOLVE_ISA=\(set.rawValue): this processor does not have it; it has: \(choices)"
    }
  }
}
