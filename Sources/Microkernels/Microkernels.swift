import CIntrinsics
import MicrokernelsBaseline

#if arch(x86_64)
  import MicrokernelsAVX2
  import MicrokernelsAVX512
#endif

// The kernels, each forwarded to the chosen instruction set's build of it. A call does a block's worth of
// work, so the switch costs nothing that could be measured.

/// The kernels as built for one instruction set.
public struct Microkernels: Sendable {
  public let instructionSet: InstructionSet

  /// The kernels of an instruction set that this processor has.
  public init(_ instructionSet: InstructionSet = .current) {
    precondition(instructionSet.isAvailable, "this processor does not have \(instructionSet)")
    self.instructionSet = instructionSet
  }

  /// Output rows of the tiles that ``correlate(_:)`` uses for a kernel: as in `Correlation.swift`.
  public func tileRows(kernelRows: Int) -> Int {
    #if arch(x86_64)
      switch instructionSet {
      case .avx512: break
      case .avx2: return min(4, kernelRows)
      case .baseline: return kernelRows >= 4 ? 4 : min(2, kernelRows)
      }
    #endif
    switch kernelRows {
    case 8...: return 8
    case 6...: return 6
    default: return min(4, kernelRows)
    }
  }

  /// Direct correlation of a padded block; see `Correlation.swift` of the ISA targets.
  public func correlate(
    _ block: UnsafePointer<ConvolveBlock>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.correlate(block)
      case .avx2: MicrokernelsAVX2.correlate(block)
      case .baseline: MicrokernelsBaseline.correlate(block)
    #else
      default: MicrokernelsBaseline.correlate(block)
    #endif
    }
  }

  /// Running sums of `kernelHeight` rows down each column of a block.
  public func boxColumns(
    _ block: UnsafePointer<ConvolveBlock>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.boxColumns(block)
      case .avx2: MicrokernelsAVX2.boxColumns(block)
      case .baseline: MicrokernelsBaseline.boxColumns(block)
    #else
      default: MicrokernelsBaseline.boxColumns(block)
    #endif
    }
  }

  /// Sums of `kernelWidth` taps along each row of a block.
  public func boxRows(
    _ block: UnsafePointer<ConvolveBlock>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.boxRows(block)
      case .avx2: MicrokernelsAVX2.boxRows(block)
      case .baseline: MicrokernelsBaseline.boxRows(block)
    #else
      default: MicrokernelsBaseline.boxRows(block)
    #endif
    }
  }

  /// Converts 8-bit samples to float32.
  public func widen(
    _ source: UnsafePointer<UInt8>, _ destination: UnsafeMutablePointer<Float>, count: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.widen(source, destination, count: count)
      case .avx2: MicrokernelsAVX2.widen(source, destination, count: count)
      case .baseline: MicrokernelsBaseline.widen(source, destination, count: count)
    #else
      default: MicrokernelsBaseline.widen(source, destination, count: count)
    #endif
    }
  }

  /// Converts 16-bit samples to float32.
  public func widen(
    _ source: UnsafePointer<UInt16>, _ destination: UnsafeMutablePointer<Float>, count: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.widen(source, destination, count: count)
      case .avx2: MicrokernelsAVX2.widen(source, destination, count: count)
      case .baseline: MicrokernelsBaseline.widen(source, destination, count: count)
    #else
      default: MicrokernelsBaseline.widen(source, destination, count: count)
    #endif
    }
  }

  /// source * scale + bias, rounded to nearest (ties to even) and clamped to 0 ... 255; NaN becomes 0.
  /// Streaming goes around the caches; ``fence()`` must follow.
  public func narrow(
    _ source: UnsafePointer<Float>, _ destination: UnsafeMutablePointer<UInt8>, count: Int,
    scale: Float, bias: Float, streaming: Bool
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.narrow(
          source, destination, count: count, scale: scale, bias: bias, streaming: streaming)
      case .avx2:
        MicrokernelsAVX2.narrow(
          source, destination, count: count, scale: scale, bias: bias, streaming: streaming)
      case .baseline:
        MicrokernelsBaseline.narrow(
          source, destination, count: count, scale: scale, bias: bias, streaming: streaming)
    #else
      default:
        MicrokernelsBaseline.narrow(
          source, destination, count: count, scale: scale, bias: bias, streaming: streaming)
    #endif
    }
  }

  /// source * scale + bias, rounded to nearest (ties to even) and clamped to 0 ... 65535; NaN becomes 0.
  public func narrow(
    _ source: UnsafePointer<Float>, _ destination: UnsafeMutablePointer<UInt16>, count: Int,
    scale: Float, bias: Float
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.narrow(source, destination, count: count, scale: scale, bias: bias)
      case .avx2: MicrokernelsAVX2.narrow(source, destination, count: count, scale: scale, bias: bias)
      case .baseline: MicrokernelsBaseline.narrow(source, destination, count: count, scale: scale, bias: bias)
    #else
      default: MicrokernelsBaseline.narrow(source, destination, count: count, scale: scale, bias: bias)
    #endif
    }
  }

  /// source * scale + bias. Streaming goes around the caches; ``fence()`` must follow.
  public func emit(
    _ source: UnsafePointer<Float>, _ destination: UnsafeMutablePointer<Float>, count: Int,
    scale: Float, bias: Float, streaming: Bool
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.emit(
          source, destination, count: count, scale: scale, bias: bias, streaming: streaming)
      case .avx2:
        MicrokernelsAVX2.emit(
          source, destination, count: count, scale: scale, bias: bias, streaming: streaming)
      case .baseline:
        MicrokernelsBaseline.emit(
          source, destination, count: count, scale: scale, bias: bias, streaming: streaming)
    #else
      default:
        MicrokernelsBaseline.emit(
          source, destination, count: count, scale: scale, bias: bias, streaming: streaming)
    #endif
    }
  }

  /// a = sqrt(a^2 + b^2), element by element, in whole vectors.
  public func hypotenuse(
    _ a: UnsafeMutablePointer<Float>, _ b: UnsafePointer<Float>, count: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.hypotenuse(a, b, count: count)
      case .avx2: MicrokernelsAVX2.hypotenuse(a, b, count: count)
      case .baseline: MicrokernelsBaseline.hypotenuse(a, b, count: count)
    #else
      default: MicrokernelsBaseline.hypotenuse(a, b, count: count)
    #endif
    }
  }

  /// a = max(a, b), element by element, in whole vectors.
  public func maximum(
    _ a: UnsafeMutablePointer<Float>, _ b: UnsafePointer<Float>, count: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.maximum(a, b, count: count)
      case .avx2: MicrokernelsAVX2.maximum(a, b, count: count)
      case .baseline: MicrokernelsBaseline.maximum(a, b, count: count)
    #else
      default: MicrokernelsBaseline.maximum(a, b, count: count)
    #endif
    }
  }

  /// Runs independent multiply-adds and returns the floating-point operations done: the core's yardstick.
  public func multiplyAddPeak(
    iterations: Int, _ values: UnsafeMutablePointer<Float>
  ) -> Int {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: return MicrokernelsAVX512.multiplyAddPeak(iterations: iterations, values)
      case .avx2: return MicrokernelsAVX2.multiplyAddPeak(iterations: iterations, values)
      case .baseline: return MicrokernelsBaseline.multiplyAddPeak(iterations: iterations, values)
    #else
      default: return MicrokernelsBaseline.multiplyAddPeak(iterations: iterations, values)
    #endif
    }
  }

  /// Asks for `byteCount` bytes to be brought into the second-level cache.
  public func prefetch(_ address: UnsafeRawPointer, byteCount: Int) {
    MicrokernelsBaseline.prefetch(address, byteCount: byteCount)
  }

  /// Orders streaming stores before what follows.
  public func fence() { convolve_stream_fence() }
}
