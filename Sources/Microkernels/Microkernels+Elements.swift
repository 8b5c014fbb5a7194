import CIntrinsics
import MicrokernelsBaseline
#if arch(x86_64)
  import MicrokernelsAVX2
  import MicrokernelsAVX512
#endif

// Kernels that go over elements side by side.

extension Microkernels {
  /// y = f(x + residual), element by element, x being y or apart from it and f one of `CONVOLVE_IDENTITY` and so on. Exactly `count` elements are
  /// written; whole vectors are read.
  public func activate(
    _ x: UnsafePointer<Float>, adding residual: UnsafePointer<Float>?, into y: UnsafeMutablePointer<Float>,
    count: Int, function: Int32, parameter: Float
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.activate(
          x, adding: residual, into: y, count: count, function: function, parameter: parameter)
      case .avx2:
        MicrokernelsAVX2.activate(
          x, adding: residual, into: y, count: count, function: function, parameter: parameter)
      case .baseline:
        MicrokernelsBaseline.activate(
          x, adding: residual, into: y, count: count, function: function, parameter: parameter)
    #else
      default:
        MicrokernelsBaseline.activate(
          x, adding: residual, into: y, count: count, function: function, parameter: parameter)
    #endif
    }
  }

  /// c = a + b, element by element.
  public func add(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, count: Int
  ) {
    activate(a, adding: b, into: c, count: count, function: CONVOLVE_IDENTITY, parameter: 0)
  }

  /// y[i] = e^(x[i] - max) / sum over j of e^(x[j] - max). Exactly `count` elements are written; whole vectors are read.
  public func softmaxRow(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, count: Int) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.softmaxRow(x, y, count: count)
      case .avx2: MicrokernelsAVX2.softmaxRow(x, y, count: count)
      case .baseline: MicrokernelsBaseline.softmaxRow(x, y, count: count)
    #else
      default: MicrokernelsBaseline.softmaxRow(x, y, count: count)
    #endif
    }
  }
}
