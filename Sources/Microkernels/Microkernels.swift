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

  /// The shapes of ``multiplyTile(_:rows:vectors:)``.
  public var tileShapes: TileShapes { Self.tileShapes[instructionSet]! }

  private static let tileShapes = Dictionary(
    uniqueKeysWithValues: InstructionSet.available.map { ($0, shapes($0)) })

  private static func shapes(_ instructionSet: InstructionSet) -> TileShapes {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        return TileShapes(
          lanes: MicrokernelsAVX512.vectorLanes(), vectors: MicrokernelsAVX512.multiplyTileVectors(),
          panelRows: MicrokernelsAVX512.multiplyTileAccumulators(),
          rows: MicrokernelsAVX512.multiplyTileRows(vectors:),
          directRows: MicrokernelsAVX512.directTileRows(vectors:))
      case .avx2:
        return TileShapes(
          lanes: MicrokernelsAVX2.vectorLanes(), vectors: MicrokernelsAVX2.multiplyTileVectors(),
          panelRows: MicrokernelsAVX2.multiplyTileAccumulators(),
          rows: MicrokernelsAVX2.multiplyTileRows(vectors:),
          directRows: MicrokernelsAVX2.directTileRows(vectors:))
      case .baseline: break
    #else
      default: break
    #endif
    }
    return TileShapes(
      lanes: MicrokernelsBaseline.vectorLanes(), vectors: MicrokernelsBaseline.multiplyTileVectors(),
      panelRows: MicrokernelsBaseline.multiplyTileAccumulators(),
      rows: MicrokernelsBaseline.multiplyTileRows(vectors:),
      directRows: MicrokernelsBaseline.directTileRows(vectors:))
  }

  /// One matrix tile of ``TileShapes/rows`` rows, or of fewer for the most vectors.
  public func multiplyTile(_ tile: UnsafePointer<ConvolveTile>, rows: Int, vectors: Int) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.multiplyTile(tile, rows: rows, vectors: vectors)
      case .avx2: MicrokernelsAVX2.multiplyTile(tile, rows: rows, vectors: vectors)
      case .baseline: MicrokernelsBaseline.multiplyTile(tile, rows: rows, vectors: vectors)
    #else
      default: MicrokernelsBaseline.multiplyTile(tile, rows: rows, vectors: vectors)
    #endif
    }
  }

  /// Panels of a convolution's columns; see `Columns.swift` of the ISA targets.
  public func packColumns(
    _ runs: UnsafePointer<ConvolveRun>, _ starts: UnsafePointer<Int32>, taps: Int, firstTap: Int, depth: Int,
    _ planes: UnsafePointer<Float>, planeStride: Int, step: Int, fill: Float,
    _ panel: UnsafeMutablePointer<Float>, rowStride: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.packColumns(
          runs, starts, taps: taps, firstTap: firstTap, depth: depth, planes, planeStride: planeStride,
          step: step, fill: fill, panel, rowStride: rowStride)
      case .avx2:
        MicrokernelsAVX2.packColumns(
          runs, starts, taps: taps, firstTap: firstTap, depth: depth, planes, planeStride: planeStride,
          step: step, fill: fill, panel, rowStride: rowStride)
      case .baseline:
        MicrokernelsBaseline.packColumns(
          runs, starts, taps: taps, firstTap: firstTap, depth: depth, planes, planeStride: planeStride,
          step: step, fill: fill, panel, rowStride: rowStride)
    #else
      default:
        MicrokernelsBaseline.packColumns(
          runs, starts, taps: taps, firstTap: firstTap, depth: depth, planes, planeStride: planeStride,
          step: step, fill: fill, panel, rowStride: rowStride)
    #endif
    }
  }

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

  /// The 36 transformed inputs of one vector of Winograd tiles; see `Winograd.swift` of the ISA targets.
  public func winogradInput(
    side: Int, kernel: Int, _ rows: UnsafePointer<Float>, rowStride: Int, _ out: UnsafeMutablePointer<Float>,
    step: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.winogradInput(
          side: side, kernel: kernel, rows, rowStride: rowStride, out, step: step, scratch: scratch)
      case .avx2:
        MicrokernelsAVX2.winogradInput(
          side: side, kernel: kernel, rows, rowStride: rowStride, out, step: step, scratch: scratch)
      case .baseline:
        MicrokernelsBaseline.winogradInput(
          side: side, kernel: kernel, rows, rowStride: rowStride, out, step: step, scratch: scratch)
    #else
      default:
        MicrokernelsBaseline.winogradInput(
          side: side, kernel: kernel, rows, rowStride: rowStride, out, step: step, scratch: scratch)
    #endif
    }
  }

  /// The 4x4 outputs of one vector of Winograd tiles.
  public func winogradOutput(
    side: Int, kernel: Int, _ m: UnsafePointer<Float>, step: Int, bias: Float,
    _ out: UnsafeMutablePointer<Float>, outStride: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.winogradOutput(
          side: side, kernel: kernel, m, step: step, bias: bias, out, outStride: outStride, scratch: scratch)
      case .avx2:
        MicrokernelsAVX2.winogradOutput(
          side: side, kernel: kernel, m, step: step, bias: bias, out, outStride: outStride, scratch: scratch)
      case .baseline:
        MicrokernelsBaseline.winogradOutput(
          side: side, kernel: kernel, m, step: step, bias: bias, out, outStride: outStride, scratch: scratch)
    #else
      default:
        MicrokernelsBaseline.winogradOutput(
          side: side, kernel: kernel, m, step: step, bias: bias, out, outStride: outStride, scratch: scratch)
    #endif
    }
  }

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

  /// out[i] = the greatest of a[2i], a[2i + 1], b[2i], b[2i + 1], NaN where one is. Exactly `count` elements are
  /// written; whole vectors are read.
  public func maximumOfSquares(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, count: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.maximumOfSquares(a, b, out, count: count)
      case .avx2: MicrokernelsAVX2.maximumOfSquares(a, b, out, count: count)
      case .baseline: MicrokernelsBaseline.maximumOfSquares(a, b, out, count: count)
    #else
      default: MicrokernelsBaseline.maximumOfSquares(a, b, out, count: count)
    #endif
    }
  }

  /// The transformed weights of one vector of 3x3 kernels, for Winograd's F(4x4, 3x3), F(2x2, 3x3) or F(2x2, 5x5).
  public func winogradWeights(
    side: Int, kernel: Int, _ w: UnsafePointer<Float>, isTurned: Bool, _ out: UnsafeMutablePointer<Float>,
    step: Int,
    count: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.winogradWeights(
          side: side, kernel: kernel, w, isTurned: isTurned, out, step: step, count: count, scratch: scratch)
      case .avx2:
        MicrokernelsAVX2.winogradWeights(
          side: side, kernel: kernel, w, isTurned: isTurned, out, step: step, count: count, scratch: scratch)
      case .baseline:
        MicrokernelsBaseline.winogradWeights(
          side: side, kernel: kernel, w, isTurned: isTurned, out, step: step, count: count, scratch: scratch)
    #else
      default:
        MicrokernelsBaseline.winogradWeights(
          side: side, kernel: kernel, w, isTurned: isTurned, out, step: step, count: count, scratch: scratch)
    #endif
    }
  }

  /// out[r] = sum over i of matrix[r * rowStride + i] * x[i]; whole vectors are read.
  public func matrixTimesVector(
    _ matrix: UnsafePointer<Float>, rowStride: Int, rows: Int, _ x: UnsafePointer<Float>, count: Int,
    _ out: UnsafeMutablePointer<Float>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.matrixTimesVector(matrix, rowStride: rowStride, rows: rows, x, count: count, out)
      case .avx2:
        MicrokernelsAVX2.matrixTimesVector(matrix, rowStride: rowStride, rows: rows, x, count: count, out)
      case .baseline:
        MicrokernelsBaseline.matrixTimesVector(matrix, rowStride: rowStride, rows: rows, x, count: count, out)
    #else
      default:
        MicrokernelsBaseline.matrixTimesVector(matrix, rowStride: rowStride, rows: rows, x, count: count, out)
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

  /// One tile of direct convolution, of ``TileShapes/directRows`` outputs, or of fewer for the most vectors.
  public func directTile(_ tile: UnsafePointer<ConvolveDirectTile>, rows: Int, vectors: Int) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.directTile(tile, rows: rows, vectors: vectors)
      case .avx2: MicrokernelsAVX2.directTile(tile, rows: rows, vectors: vectors)
      case .baseline: MicrokernelsBaseline.directTile(tile, rows: rows, vectors: vectors)
    #else
      default: MicrokernelsBaseline.directTile(tile, rows: rows, vectors: vectors)
    #endif
    }
  }

  /// out[c * outStride + r] = source[r * sourceStride + c]. Rows of the source are read in whole vectors.
  public func transpose(
    _ source: UnsafePointer<Float>, sourceStride: Int, _ out: UnsafeMutablePointer<Float>, outStride: Int,
    rows: Int, columns: Int
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.transpose(
          source, sourceStride: sourceStride, out, outStride: outStride, rows: rows, columns: columns)
      case .avx2:
        MicrokernelsAVX2.transpose(
          source, sourceStride: sourceStride, out, outStride: outStride, rows: rows, columns: columns)
      case .baseline:
        MicrokernelsBaseline.transpose(
          source, sourceStride: sourceStride, out, outStride: outStride, rows: rows, columns: columns)
    #else
      default:
        MicrokernelsBaseline.transpose(
          source, sourceStride: sourceStride, out, outStride: outStride, rows: rows, columns: columns)
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

/// The shapes of an instruction set's matrix tiles.
public struct TileShapes: Sendable, Hashable {
  /// Floats in a vector.
  public let lanes: Int
  /// The most vectors in a row of a tile.
  public let vectors: Int
  /// Rows of a panel of weights, which the rows of every tile divide.
  public let panelRows: Int
  /// Rows of a full tile of 1, 2 and so on vectors.
  public let rows: [Int]
  /// Outputs of a full tile of direct convolution of 1, 2 and so on vectors.
  public let directRows: [Int]

  init(lanes: Int, vectors: Int, panelRows: Int, rows: (Int) -> Int, directRows: (Int) -> Int) {
    (self.lanes, self.vectors, self.panelRows) = (lanes, vectors, panelRows)
    self.rows = (1...vectors).map(rows)
    self.directRows = (1...vectors).map(directRows)
  }
}
