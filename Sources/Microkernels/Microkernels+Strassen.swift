import CIntrinsics
import MicrokernelsBaseline
#if arch(x86_64)
  import MicrokernelsAVX2
  import MicrokernelsAVX512
#endif

// What comes before and after Strassen's seven products.

extension Microkernels {
  /// The seven right factors of rows of samples; see `Strassen.swift` of the ISA targets.
  public func strassenSamples(
    _ upper: UnsafePointer<Float>, _ lower: UnsafePointer<Float>, stride: Int, depth: Int, vectors: Int,
    _ out: UnsafeMutablePointer<Float>, step: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.strassenSamples(
          upper, lower, stride: stride, depth: depth, vectors: vectors, out, step: step)
      case .avx2:
        MicrokernelsAVX2.strassenSamples(
          upper, lower, stride: stride, depth: depth, vectors: vectors, out, step: step)
      case .baseline:
        MicrokernelsBaseline.strassenSamples(
          upper, lower, stride: stride, depth: depth, vectors: vectors, out, step: step)
    #else
      default:
        MicrokernelsBaseline.strassenSamples(
          upper, lower, stride: stride, depth: depth, vectors: vectors, out, step: step)
    #endif
    }
  }

  /// The outputs of seven products.
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
