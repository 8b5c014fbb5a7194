import CIntrinsics
import MicrokernelsBaseline
#if arch(x86_64)
  import MicrokernelsAVX2
  import MicrokernelsAVX512
#endif

// Kernels of Fourier transforms.

extension Microkernels {
  /// One pass of a Fourier transform over sixteen lanes.
  public func fourierPass(
    _ pass: UnsafePointer<ConvolveFourierPass>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.fourierPass(pass)
      case .avx2: MicrokernelsAVX2.fourierPass(pass)
      case .baseline: MicrokernelsBaseline.fourierPass(pass)
    #else
      default: MicrokernelsBaseline.fourierPass(pass)
    #endif
    }
  }

  /// y[e] = x[e] * t[e] * scale in every of sixteen lanes, t being complex numbers one after another.
  public func multiplyLanes(
    _ xr: UnsafePointer<Float>, _ xi: UnsafePointer<Float>, xStep: Int, _ t: UnsafePointer<Float>,
    scale: Float,
    _ yr: UnsafeMutablePointer<Float>, _ yi: UnsafeMutablePointer<Float>, yStep: Int, count: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.multiplyLanes(
          xr, xi, xStep: xStep, t, scale: scale, yr, yi, yStep: yStep, count: count)
      case .avx2:
        MicrokernelsAVX2.multiplyLanes(
          xr, xi, xStep: xStep, t, scale: scale, yr, yi, yStep: yStep, count: count)
      case .baseline:
        MicrokernelsBaseline.multiplyLanes(
          xr, xi, xStep: xStep, t, scale: scale, yr, yi, yStep: yStep, count: count)
    #else
      default:
        MicrokernelsBaseline.multiplyLanes(
          xr, xi, xStep: xStep, t, scale: scale, yr, yi, yStep: yStep, count: count)
    #endif
    }
  }

  /// x = x * t, complex numbers of separate parts: exactly `count` of them.
  public func multiplySpectra(
    _ xr: UnsafeMutablePointer<Float>, _ xi: UnsafeMutablePointer<Float>, _ tr: UnsafePointer<Float>,
    _ ti: UnsafePointer<Float>, count: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.multiplySpectra(xr, xi, tr, ti, count: count)
      case .avx2: MicrokernelsAVX2.multiplySpectra(xr, xi, tr, ti, count: count)
      case .baseline: MicrokernelsBaseline.multiplySpectra(xr, xi, tr, ti, count: count)
    #else
      default: MicrokernelsBaseline.multiplySpectra(xr, xi, tr, ti, count: count)
    #endif
    }
  }

  /// x = x * t, sixteen lanes of complex numbers an element: real parts, then imaginary ones.
  public func multiplyLaneSpectra(
    _ x: UnsafeMutablePointer<Float>, _ t: UnsafePointer<Float>, count: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.multiplyLaneSpectra(x, t, count: count)
      case .avx2: MicrokernelsAVX2.multiplyLaneSpectra(x, t, count: count)
      case .baseline: MicrokernelsBaseline.multiplyLaneSpectra(x, t, count: count)
    #else
      default: MicrokernelsBaseline.multiplyLaneSpectra(x, t, count: count)
    #endif
    }
  }

  /// Two real transforms out of one complex one, of `n` elements of 32 floats: the first's element k at place k, the
  /// second's at place n + 1 - k, for k in 0 ... n / 2.
  public func separateLanes(
    _ z: UnsafeMutablePointer<Float>, n: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.separateLanes(z, n: n)
      case .avx2: MicrokernelsAVX2.separateLanes(z, n: n)
      case .baseline: MicrokernelsBaseline.separateLanes(z, n: n)
    #else
      default: MicrokernelsBaseline.separateLanes(z, n: n)
    #endif
    }
  }

  /// The reverse of `separateLanes`.
  public func joinLanes(
    _ z: UnsafeMutablePointer<Float>, n: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.joinLanes(z, n: n)
      case .avx2: MicrokernelsAVX2.joinLanes(z, n: n)
      case .baseline: MicrokernelsBaseline.joinLanes(z, n: n)
    #else
      default: MicrokernelsBaseline.joinLanes(z, n: n)
    #endif
    }
  }
}
