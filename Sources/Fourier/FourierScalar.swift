import CIntrinsics
import Microkernels
import RealModule
import Tensors

/// What transforms compute with: `Float`, on the microkernels' vectors, and `Double`, in plain loops that the first are
/// checked against.
public protocol FourierScalar: FloatingScalar {
  static func _pass(_ pass: _FourierPass<Self>)
  static func _multiply(
    _ x: _Lanes<Self>, by table: UnsafePointer<Self>, scale: Self, into y: _Lanes<Self>, count: Int)
  static func _multiplySpectra(
    _ x: (UnsafeMutablePointer<Self>, UnsafeMutablePointer<Self>),
    _ t: (UnsafePointer<Self>, UnsafePointer<Self>),
    count: Int)
  static func _separate(_ z: UnsafeMutablePointer<Self>, count: Int)
  static func _join(_ z: UnsafeMutablePointer<Self>, count: Int)
  static func _transpose(
    _ source: UnsafePointer<Self>, stride: Int, into out: UnsafeMutablePointer<Self>, outStride: Int,
    rows: Int,
    columns: Int)
}

/// Sixteen sequences of complex numbers side by side: element e's real parts are the sixteen numbers at `real + e * step`.
public struct _Lanes<Scalar: FloatingScalar> {
  var real: UnsafeMutablePointer<Scalar>
  var imaginary: UnsafeMutablePointer<Scalar>
  var step: Int

  /// i times the conjugates: the forward transform of these is that of the inverse, swapped back.
  var swapped: _Lanes { _Lanes(real: imaginary, imaginary: real, step: step) }
}

/// One pass of a transform: see `ConvolveFourierPass`.
public struct _FourierPass<Scalar: FloatingScalar> {
  let x: _Lanes<Scalar>
  let y: _Lanes<Scalar>
  let radix: Int
  let blocks: Int
  let length: Int
  let twiddles: UnsafePointer<Scalar>?
  let targets: UnsafePointer<Int32>
  let targetStep: Int
  let scale: Scalar
  let roots: UnsafePointer<Scalar>
}

private let kernels = Microkernels()

extension Float: FourierScalar {
  public static func _pass(_ pass: _FourierPass<Float>) {
    Scratch.withFloats(64 * pass.radix) { work in
      var p = ConvolveFourierPass(
        xr: pass.x.real, xi: pass.x.imaginary, xStep: pass.x.step, yr: pass.y.real, yi: pass.y.imaginary,
        yStep: pass.y.step, radix: pass.radix, blocks: pass.blocks, length: pass.length,
        twiddles: pass.twiddles, targets: pass.targets, targetStep: pass.targetStep, scale: pass.scale,
        roots: pass.roots, work: work)
      kernels.fourierPass(&p)
    }
  }

  public static func _multiply(
    _ x: _Lanes<Float>, by table: UnsafePointer<Float>, scale: Float, into y: _Lanes<Float>, count: Int
  ) {
    kernels.multiplyLanes(
      x.real, x.imaginary, xStep: x.step, table, scale: scale, y.real, y.imaginary, yStep: y.step,
      count: count)
  }

  public static func _multiplySpectra(
    _ x: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>),
    _ t: (UnsafePointer<Float>, UnsafePointer<Float>), count: Int
  ) { kernels.multiplySpectra(x.0, x.1, t.0, t.1, count: count) }

  public static func _separate(_ z: UnsafeMutablePointer<Float>, count: Int) {
    kernels.separateLanes(z, n: count)
  }

  public static func _join(_ z: UnsafeMutablePointer<Float>, count: Int) { kernels.joinLanes(z, n: count) }

  public static func _transpose(
    _ source: UnsafePointer<Float>, stride: Int, into out: UnsafeMutablePointer<Float>, outStride: Int,
    rows: Int, columns: Int
  ) {
    kernels.transpose(
      source, sourceStride: stride, out, outStride: outStride, rows: rows, columns: columns)
  }
}

extension Double: FourierScalar {
  public static func _pass(_ p: _FourierPass<Double>) {
    let radix = p.radix
    withUnsafeTemporaryAllocation(of: SIMD16<Double>.self, capacity: 4 * radix) { work in
      let sums = work.baseAddress! + 2 * radix
      for b in 0..<p.blocks {
        for j in 0..<p.length {
          let first = b * radix * p.length + j
          for k in 0..<radix {
            let place = (first + k * p.length) * p.x.step
            work[2 * k] = lanes(p.x.real + place)
            work[2 * k + 1] = lanes(p.x.imaginary + place)
          }
          for q in 0..<radix {
            var (re, im) = (work[0], work[1])
            var m = 0
            for k in 1..<max(1, radix) {
              m = m + q < radix ? m + q : m + q - radix
              let (c, s) = (p.roots[2 * m], p.roots[2 * m + 1])
              // e^(-2 pi i m / radix) is c - i s.
              re += work[2 * k] * c + work[2 * k + 1] * s
              im += work[2 * k + 1] * c - work[2 * k] * s
            }
            (sums[2 * q], sums[2 * q + 1]) = (re, im)
          }
          for q in 0..<radix {
            var (re, im) = (sums[2 * q], sums[2 * q + 1])
            if let twiddles = p.twiddles, q > 0 {
              let (c, s) = (
                twiddles[2 * ((radix - 1) * j + q - 1)], twiddles[2 * ((radix - 1) * j + q - 1) + 1]
              )
              (re, im) = (re * c - im * s, re * s + im * c)
            }
            let isLast = p.twiddles == nil
            let place =
              (isLast ? Int(p.targets[b]) + q * p.targetStep : first + q * p.length) * p.y.step
            store(isLast ? re * p.scale : re, p.y.real + place)
            store(isLast ? im * p.scale : im, p.y.imaginary + place)
          }
        }
      }
    }
  }

  private static func lanes(_ p: UnsafePointer<Double>) -> SIMD16<Double> {
    UnsafeRawPointer(p).loadUnaligned(as: SIMD16<Double>.self)
  }

  private static func store(_ v: SIMD16<Double>, _ p: UnsafeMutablePointer<Double>) {
    UnsafeMutableRawPointer(p).storeBytes(of: v, as: SIMD16<Double>.self)
  }

  public static func _multiply(
    _ x: _Lanes<Double>, by table: UnsafePointer<Double>, scale: Double, into y: _Lanes<Double>, count: Int
  ) {
    for e in 0..<count {
      let (c, s) = (table[2 * e] * scale, table[2 * e + 1] * scale)
      let (re, im) = (lanes(x.real + e * x.step), lanes(x.imaginary + e * x.step))
      store(re * c - im * s, y.real + e * y.step)
      store(re * s + im * c, y.imaginary + e * y.step)
    }
  }

  public static func _multiplySpectra(
    _ x: (UnsafeMutablePointer<Double>, UnsafeMutablePointer<Double>),
    _ t: (UnsafePointer<Double>, UnsafePointer<Double>), count: Int
  ) {
    for e in 0..<count {
      (x.0[e], x.1[e]) = (x.0[e] * t.0[e] - x.1[e] * t.1[e], x.0[e] * t.1[e] + x.1[e] * t.0[e])
    }
  }

  public static func _separate(_ z: UnsafeMutablePointer<Double>, count n: Int) {
    let zero = SIMD16<Double>(repeating: 0)
    store(lanes(z + 16), z + (n + 1) * 32)
    store(zero, z + (n + 1) * 32 + 16)
    store(zero, z + 16)
    for k in stride(from: 1, through: n / 2, by: 1) {
      let (a, b, c) = (z + k * 32, z + (n - k) * 32, z + (n + 1 - k) * 32)
      let (ar, ai, br, bi) = (lanes(a) * 0.5, lanes(a + 16) * 0.5, lanes(b) * 0.5, lanes(b + 16) * 0.5)
      store(ar + br, a)
      store(ai - bi, a + 16)
      store(ai + bi, c)
      store(br - ar, c + 16)
    }
  }

  public static func _join(_ z: UnsafeMutablePointer<Double>, count n: Int) {
    for k in stride(from: n / 2, to: 0, by: -1) {
      let (a, b, c) = (z + k * 32, z + (n - k) * 32, z + (n + 1 - k) * 32)
      let (ar, cr) = (lanes(a), lanes(c))
      let isMiddle = 2 * k == n
      let ai = isMiddle ? SIMD16<Double>(repeating: 0) : lanes(a + 16)
      let ci = isMiddle ? SIMD16<Double>(repeating: 0) : lanes(c + 16)
      store(ar + ci, b)
      store(cr - ai, b + 16)
      store(ar - ci, a)
      store(cr + ai, a + 16)
    }
    store(lanes(z + (n + 1) * 32), z + 16)
  }

  public static func _transpose(
    _ source: UnsafePointer<Double>, stride: Int, into out: UnsafeMutablePointer<Double>, outStride: Int,
    rows: Int, columns: Int
  ) {
    for r in 0..<rows { for c in 0..<columns { out[c * outStride + r] = source[r * stride + c] } }
  }
}
