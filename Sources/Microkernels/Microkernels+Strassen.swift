import CIntrinsics
import MicrokernelsBaseline
#if arch(x86_64)
  import MicrokernelsAVX2
  import MicrokernelsAVX512
#endif

// What comes before and after Strassen's seven products.

extension Microkernels {
  /// The seven factors of some rows of a matrix's blocks; see `Strassen.swift` of the ISA targets.
  public func strassenFactors(
    _ x11: UnsafePointer<Float>, _ x12: UnsafePointer<Float>, _ x21: UnsafePointer<Float>,
    _ x22: UnsafePointer<Float>, stride: Int, rows: Int, vectors: Int, _ out: UnsafeMutablePointer<Float>,
    outStride: Int, step: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.strassenFactors(
          x11, x12, x21, x22, stride: stride, rows: rows, vectors: vectors, out, outStride: outStride,
          step: step)
      case .avx2:
        MicrokernelsAVX2.strassenFactors(
          x11, x12, x21, x22, stride: stride, rows: rows, vectors: vectors, out, outStride: outStride,
          step: step)
      case .baseline:
        MicrokernelsBaseline.strassenFactors(
          x11, x12, x21, x22, stride: stride, rows: rows, vectors: vectors, out, outStride: outStride,
          step: step)
    #else
      default:
        MicrokernelsBaseline.strassenFactors(
          x11, x12, x21, x22, stride: stride, rows: rows, vectors: vectors, out, outStride: outStride,
          step: step)
    #endif
    }
  }

  /// A block of the result of the products.
  public func strassenOutputs(_ outputs: UnsafePointer<ConvolveStrassenOutput>) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.strassenOutputs(outputs)
      case .avx2: MicrokernelsAVX2.strassenOutputs(outputs)
      case .baseline: MicrokernelsBaseline.strassenOutputs(outputs)
    #else
      default: MicrokernelsBaseline.strassenOutputs(outputs)
    #endif
    }
  }
}
