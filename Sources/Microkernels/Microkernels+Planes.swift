import CIntrinsics
import MicrokernelsBaseline
#if arch(x86_64)
  import MicrokernelsAVX2
  import MicrokernelsAVX512
#endif

// Kernels that go over one plane: depthwise convolution and pooling.

extension Microkernels {
  /// out[p] = bias + sum over t of weights[t] * input[p + offsets[t]], for p in 0 ..< count rounded up to eight vectors.
  public func correlateFlat(
    _ input: UnsafePointer<Float>, _ offsets: UnsafePointer<Int32>, _ weights: UnsafePointer<Float>,
    taps: Int,
    bias: Float, _ out: UnsafeMutablePointer<Float>, count: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.correlateFlat(input, offsets, weights, taps: taps, bias: bias, out, count: count)
      case .avx2:
        MicrokernelsAVX2.correlateFlat(input, offsets, weights, taps: taps, bias: bias, out, count: count)
      case .baseline:
        MicrokernelsBaseline.correlateFlat(input, offsets, weights, taps: taps, bias: bias, out, count: count)
    #else
      default:
        MicrokernelsBaseline.correlateFlat(input, offsets, weights, taps: taps, bias: bias, out, count: count)
    #endif
    }
  }

  /// Copies rows of `width` samples, end to end, writing nothing beyond the last.
  public func copyRows(
    _ source: UnsafePointer<Float>, sourceStride: Int, _ out: UnsafeMutablePointer<Float>, width: Int,
    rows: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.copyRows(source, sourceStride: sourceStride, out, width: width, rows: rows)
      case .avx2:
        MicrokernelsAVX2.copyRows(source, sourceStride: sourceStride, out, width: width, rows: rows)
      case .baseline:
        MicrokernelsBaseline.copyRows(source, sourceStride: sourceStride, out, width: width, rows: rows)
    #else
      default:
        MicrokernelsBaseline.copyRows(source, sourceStride: sourceStride, out, width: width, rows: rows)
    #endif
    }
  }

  /// out[r, i] = the greatest of the 2x2 samples from x[2r, 2i] on, NaN where one is. Exactly the outputs are written;
  /// whole vectors are read.
  public func maximumOfSquares(
    _ x: UnsafePointer<Float>, stride: Int, _ out: UnsafeMutablePointer<Float>, outStride: Int, rows: Int,
    columns: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.maximumOfSquares(
          x, stride: stride, out, outStride: outStride, rows: rows, columns: columns)
      case .avx2:
        MicrokernelsAVX2.maximumOfSquares(
          x, stride: stride, out, outStride: outStride, rows: rows, columns: columns)
      case .baseline:
        MicrokernelsBaseline.maximumOfSquares(
          x, stride: stride, out, outStride: outStride, rows: rows, columns: columns)
    #else
      default:
        MicrokernelsBaseline.maximumOfSquares(
          x, stride: stride, out, outStride: outStride, rows: rows, columns: columns)
    #endif
    }
  }

  /// The same of samples that are vectors, `step` apart:
  /// out[(r * columns + i) * lanes + l] = the greatest of the 2x2 samples from x[2r * rowStep + 2i * step + l] on.
  public func maximumOfVectorSquares(
    _ x: UnsafePointer<Float>, step: Int, rowStep: Int, _ out: UnsafeMutablePointer<Float>, rows: Int,
    columns: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.maximumOfVectorSquares(
          x, step: step, rowStep: rowStep, out, rows: rows, columns: columns)
      case .avx2:
        MicrokernelsAVX2.maximumOfVectorSquares(
          x, step: step, rowStep: rowStep, out, rows: rows, columns: columns)
      case .baseline:
        MicrokernelsBaseline.maximumOfVectorSquares(
          x, step: step, rowStep: rowStep, out, rows: rows, columns: columns)
    #else
      default:
        MicrokernelsBaseline.maximumOfVectorSquares(
          x, step: step, rowStep: rowStep, out, rows: rows, columns: columns)
    #endif
    }
  }

  /// out[i * lanes + l] = the greatest of columns 2i - 1 to 2i + 1, of those that are there, of three rows of `columns` vectors;
  /// NaN where one is.
  public func maximumOfVectorWindows(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafePointer<Float>, columns: Int,
    _ out: UnsafeMutablePointer<Float>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.maximumOfVectorWindows(a, b, c, columns: columns, out)
      case .avx2: MicrokernelsAVX2.maximumOfVectorWindows(a, b, c, columns: columns, out)
      case .baseline: MicrokernelsBaseline.maximumOfVectorWindows(a, b, c, columns: columns, out)
    #else
      default: MicrokernelsBaseline.maximumOfVectorWindows(a, b, c, columns: columns, out)
    #endif
    }
  }

  /// a[i] = the greater of a[i] and b[i], NaN where one is. Exactly `count` elements are written; whole vectors are read.
  public func keepGreater(
    _ a: UnsafeMutablePointer<Float>, _ b: UnsafePointer<Float>, count: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.keepGreater(a, b, count: count)
      case .avx2: MicrokernelsAVX2.keepGreater(a, b, count: count)
      case .baseline: MicrokernelsBaseline.keepGreater(a, b, count: count)
    #else
      default: MicrokernelsBaseline.keepGreater(a, b, count: count)
    #endif
    }
  }

  /// Each u at the place of the greatest of a[2i], a[2i + 1], b[2i], b[2i + 1], and zeros at the others.
  public func squareGradients(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ u: UnsafePointer<Float>,
    _ outA: UnsafeMutablePointer<Float>, _ outB: UnsafeMutablePointer<Float>, count: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.squareGradients(a, b, u, outA, outB, count: count)
      case .avx2: MicrokernelsAVX2.squareGradients(a, b, u, outA, outB, count: count)
      case .baseline: MicrokernelsBaseline.squareGradients(a, b, u, outA, outB, count: count)
    #else
      default: MicrokernelsBaseline.squareGradients(a, b, u, outA, outB, count: count)
    #endif
    }
  }

  /// The greatest sample of each window over a padded plane; see `ConvolveDepthwise`.
  public func maximumRows(_ plane: UnsafePointer<ConvolveDepthwise>, kernelHeight: Int, stride: Int) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.maximumRows(plane, kernelHeight: kernelHeight, stride: stride)
      case .avx2: MicrokernelsAVX2.maximumRows(plane, kernelHeight: kernelHeight, stride: stride)
      case .baseline: MicrokernelsBaseline.maximumRows(plane, kernelHeight: kernelHeight, stride: stride)
    #else
      default: MicrokernelsBaseline.maximumRows(plane, kernelHeight: kernelHeight, stride: stride)
    #endif
    }
  }

  /// The sum of each window over a padded plane, divided by the bias; see `ConvolveDepthwise`.
  public func averageRows(_ plane: UnsafePointer<ConvolveDepthwise>, kernelHeight: Int, stride: Int) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.averageRows(plane, kernelHeight: kernelHeight, stride: stride)
      case .avx2: MicrokernelsAVX2.averageRows(plane, kernelHeight: kernelHeight, stride: stride)
      case .baseline: MicrokernelsBaseline.averageRows(plane, kernelHeight: kernelHeight, stride: stride)
    #else
      default: MicrokernelsBaseline.averageRows(plane, kernelHeight: kernelHeight, stride: stride)
    #endif
    }
  }

  /// Copies rows of `width` samples to rows of `outStride`, with constants around them; a vector beyond the last row is
  /// written too.
  public func padRows(
    _ source: UnsafePointer<Float>, sourceStride: Int, width: Int, _ out: UnsafeMutablePointer<Float>,
    outStride: Int, left: Int,
    rows: Int, fill: Float
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.padRows(
          source, sourceStride: sourceStride, width: width, out, outStride: outStride, left: left, rows: rows,
          fill: fill)
      case .avx2:
        MicrokernelsAVX2.padRows(
          source, sourceStride: sourceStride, width: width, out, outStride: outStride, left: left, rows: rows,
          fill: fill)
      case .baseline:
        MicrokernelsBaseline.padRows(
          source, sourceStride: sourceStride, width: width, out, outStride: outStride, left: left, rows: rows,
          fill: fill)
    #else
      default:
        MicrokernelsBaseline.padRows(
          source, sourceStride: sourceStride, width: width, out, outStride: outStride, left: left, rows: rows,
          fill: fill)
    #endif
    }
  }

  /// Whether ``depthwiseRows(_:height:stride:)`` takes such a kernel.
  public func depthwiseRowsTakes(height: Int, stride: Int) -> Bool {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.depthwiseRowsTakes(height: height, stride: stride)
      case .avx2: MicrokernelsAVX2.depthwiseRowsTakes(height: height, stride: stride)
      case .baseline: MicrokernelsBaseline.depthwiseRowsTakes(height: height, stride: stride)
    #else
      default: MicrokernelsBaseline.depthwiseRowsTakes(height: height, stride: stride)
    #endif
    }
  }

  /// One channel's correlation over a padded plane; see `ConvolveDepthwise`.
  public func depthwiseRows(_ plane: UnsafePointer<ConvolveDepthwise>, height: Int, stride: Int) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.depthwiseRows(plane, height: height, stride: stride)
      case .avx2: MicrokernelsAVX2.depthwiseRows(plane, height: height, stride: stride)
      case .baseline: MicrokernelsBaseline.depthwiseRows(plane, height: height, stride: stride)
    #else
      default: MicrokernelsBaseline.depthwiseRows(plane, height: height, stride: stride)
    #endif
    }
  }

  /// Whether ``depthwiseInPlace(_:)`` takes such planes.
  public func depthwiseInPlaceTakes(rows: Int, columns: Int) -> Bool {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.depthwiseInPlaceTakes(rows: rows, columns: columns)
      case .avx2: MicrokernelsAVX2.depthwiseInPlaceTakes(rows: rows, columns: columns)
      case .baseline: MicrokernelsBaseline.depthwiseInPlaceTakes(rows: rows, columns: columns)
    #else
      default: MicrokernelsBaseline.depthwiseInPlaceTakes(rows: rows, columns: columns)
    #endif
    }
  }

  /// One channel's 3x3 correlation over a plane where it lies, as if one zero stood on each side; see `ConvolveDepthwise`.
  public func depthwiseInPlace(_ plane: UnsafePointer<ConvolveDepthwise>) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.depthwiseInPlace(plane)
      case .avx2: MicrokernelsAVX2.depthwiseInPlace(plane)
      case .baseline: MicrokernelsBaseline.depthwiseInPlace(plane)
    #else
      default: MicrokernelsBaseline.depthwiseInPlace(plane)
    #endif
    }
  }

  /// Whether ``depthwiseMasked(_:size:stride:)`` takes such kernels: where vectors are read and written in part.
  public func depthwiseMaskedTakes(size: Int, stride: Int) -> Bool {
    #if arch(x86_64)
      switch instructionSet {
      case .avx512: return MicrokernelsAVX512.depthwiseMaskedTakes(size: size, stride: stride)
      case .avx2: return MicrokernelsAVX2.depthwiseMaskedTakes(size: size, stride: stride)
      case .baseline: return false
      }
    #else
      return false
    #endif
  }

  /// One channel's correlation over a plane where it lies; see `ConvolveDepthwisePlane`.
  public func depthwiseMasked(_ plane: UnsafePointer<ConvolveDepthwisePlane>, size: Int, stride: Int) {
    precondition(depthwiseMaskedTakes(size: size, stride: stride), "no vector code for such a kernel")
    #if arch(x86_64)
      if instructionSet == .avx512 {
        MicrokernelsAVX512.depthwiseMasked(plane, size: size, stride: stride)
      } else {
        MicrokernelsAVX2.depthwiseMasked(plane, size: size, stride: stride)
      }
    #endif
  }

  /// Adds the gradient of one row of a channel's kernel, of 3 or 5 weights; see `MicrokernelsBaseline.depthwiseWeights`.
  public func depthwiseWeights(
    _ plane: UnsafePointer<ConvolveDepthwise>, stride: Int, _ sums: UnsafeMutablePointer<Float>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.depthwiseWeights(plane, stride: stride, sums)
      case .avx2: MicrokernelsAVX2.depthwiseWeights(plane, stride: stride, sums)
      case .baseline: MicrokernelsBaseline.depthwiseWeights(plane, stride: stride, sums)
    #else
      default: MicrokernelsBaseline.depthwiseWeights(plane, stride: stride, sums)
    #endif
    }
  }
}
