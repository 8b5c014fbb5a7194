import CIntrinsics
import MicrokernelsBaseline
#if arch(x86_64)
  import MicrokernelsAVX2
  import MicrokernelsAVX512
#endif

// Kernels that go over elements side by side.

extension Microkernels {
  /// Rows of y = f(x + residual); see `ConvolveActivation`. f is one of `CONVOLVE_IDENTITY` and so on.
  public func activate(_ rows: ConvolveActivation, function: Int32) {
    withUnsafePointer(to: rows) {
      switch instructionSet {
      #if arch(x86_64)
        case .avx512: MicrokernelsAVX512.activate($0, function: function)
        case .avx2: MicrokernelsAVX2.activate($0, function: function)
        case .baseline: MicrokernelsBaseline.activate($0, function: function)
      #else
        default: MicrokernelsBaseline.activate($0, function: function)
      #endif
      }
    }
  }

  /// c = a + b, element by element.
  public func add(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, count: Int
  ) {
    activate(
      ConvolveActivation(x: a, residual: b, y: c, rows: 1, columns: count, stride: 0, parameter: 0),
      function: CONVOLVE_IDENTITY)
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
