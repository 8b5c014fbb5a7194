import CIntrinsics
import MicrokernelsBaseline
#if arch(x86_64)
  import MicrokernelsAVX2
  import MicrokernelsAVX512
#endif

// The products in register tiles, Winograd's transforms around them, and what brings their matrices into order.

extension Microkernels {
  /// Floats in a vector.
  public var lanes: Int {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.vectorLanes()
      case .avx2: MicrokernelsAVX2.vectorLanes()
      case .baseline: MicrokernelsBaseline.vectorLanes()
    #else
      default: MicrokernelsBaseline.vectorLanes()
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
          directRows: MicrokernelsAVX512.directTileRows(vectors:),
          asksInParts: MicrokernelsAVX512.tilesAskInParts(),
          multipliesACycle: convolve_cpu_halves_avx512() != 0 ? 1 : 2)
      case .avx2:
        return TileShapes(
          lanes: MicrokernelsAVX2.vectorLanes(), vectors: MicrokernelsAVX2.multiplyTileVectors(),
          panelRows: MicrokernelsAVX2.multiplyTileAccumulators(),
          rows: MicrokernelsAVX2.multiplyTileRows(vectors:),
          directRows: MicrokernelsAVX2.directTileRows(vectors:),
          asksInParts: MicrokernelsAVX2.tilesAskInParts())
      case .baseline: break
    #else
      default: break
    #endif
    }
    return TileShapes(
      lanes: MicrokernelsBaseline.vectorLanes(), vectors: MicrokernelsBaseline.multiplyTileVectors(),
      panelRows: MicrokernelsBaseline.multiplyTileAccumulators(),
      rows: MicrokernelsBaseline.multiplyTileRows(vectors:),
      directRows: MicrokernelsBaseline.directTileRows(vectors:),
      asksInParts: MicrokernelsBaseline.tilesAskInParts())
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

  /// Full matrix tiles of the most vectors, one below the other.
  public func multiplyTiles(_ tiles: UnsafeMutablePointer<ConvolveTiles>) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MicrokernelsAVX512.multiplyTiles(tiles)
      case .avx2: MicrokernelsAVX2.multiplyTiles(tiles)
      case .baseline: MicrokernelsBaseline.multiplyTiles(tiles)
    #else
      default: MicrokernelsBaseline.multiplyTiles(tiles)
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

  /// The transformed inputs of Winograd tiles side by side, whose lanes are channels; see `Winograd.swift` of the ISA
  /// targets.
  public func winogradInput(
    _ transform: WinogradTransform, _ rows: UnsafePointer<Float>, rowStride: Int, columnStride: Int,
    _ out: UnsafeMutablePointer<Float>, step: Int, tiles: Int, tileStep: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.winogradInput(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          rows,
          rowStride: rowStride, columnStride: columnStride, out, step: step, tiles: tiles, tileStep: tileStep,
          scratch: scratch)
      case .avx2:
        MicrokernelsAVX2.winogradInput(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          rows,
          rowStride: rowStride, columnStride: columnStride, out, step: step, tiles: tiles, tileStep: tileStep,
          scratch: scratch)
      case .baseline:
        MicrokernelsBaseline.winogradInput(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          rows,
          rowStride: rowStride, columnStride: columnStride, out, step: step, tiles: tiles, tileStep: tileStep,
          scratch: scratch)
    #else
      default:
        MicrokernelsBaseline.winogradInput(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          rows,
          rowStride: rowStride, columnStride: columnStride, out, step: step, tiles: tiles, tileStep: tileStep,
          scratch: scratch)
    #endif
    }
  }

  /// The outputs of Winograd tiles side by side, whose lanes are channels.
  public func winogradOutput(
    _ transform: WinogradTransform, _ outputs: UnsafePointer<ConvolveWinogradOutput>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.winogradOutput(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          outputs)
      case .avx2:
        MicrokernelsAVX2.winogradOutput(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          outputs)
      case .baseline:
        MicrokernelsBaseline.winogradOutput(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          outputs)
    #else
      default:
        MicrokernelsBaseline.winogradOutput(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          outputs)
    #endif
    }
  }

  /// The transformed weights of one vector of kernels, whose weights `t` are the vector number `places[t]` of `w`.
  public func winogradWeights(
    _ transform: WinogradTransform, _ w: UnsafePointer<Float>, places: UnsafePointer<Int32>,
    _ out: UnsafeMutablePointer<Float>,
    step: Int,
    count: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    switch instructionSet {
    #if arch(x86_64)
      case .avx512:
        MicrokernelsAVX512.winogradWeights(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          w, places: places,
          out, step: step, count: count, scratch: scratch)
      case .avx2:
        MicrokernelsAVX2.winogradWeights(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          w, places: places,
          out, step: step, count: count, scratch: scratch)
      case .baseline:
        MicrokernelsBaseline.winogradWeights(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          w, places: places,
          out, step: step, count: count, scratch: scratch)
    #else
      default:
        MicrokernelsBaseline.winogradWeights(
          side: transform.side, kernel: transform.kernel, stride: transform.stride, isLine: transform.isLine,
          w, places: places,
          out, step: step, count: count, scratch: scratch)
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
}
