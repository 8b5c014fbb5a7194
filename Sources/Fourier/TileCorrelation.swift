import Microkernels
import RealModule
import Tensors

/// Correlation of planes with one kernel by the convolution theorem, in tiles that overlap (overlap-save).
///
/// Two tiles go through together, as the real and the imaginary part of one complex tile: a real kernel keeps them apart. The
/// tile's columns are transformed first, where they lie; then its rows, multiplied by the kernel's spectrum and transformed
/// back while they are in the caches; then its columns back.
/// - Source: Stockham (1966), "High-speed convolution and correlation".
package struct TileCorrelation: Sendable {
  /// The transform's sizes: rows are a multiple of 16.
  package let tileRows: Int
  package let tileColumns: Int
  /// The kernel's sizes, in samples.
  package let kernelRows: Int
  package let kernelColumns: Int
  private let columnPlan: LanePlan<Float>
  private let rowPlan: LanePlan<Float>
  /// The kernel's, conjugate and scaled: sixteen rows of the transform together, column by column, real and imaginary parts.
  private let spectrum: Tensor<Float>

  /// Outputs that a tile has.
  package var rows: Int { tileRows - kernelRows + 1 }
  package var columns: Int { tileColumns - kernelColumns + 1 }

  /// - Parameters:
  ///   - kernel: rows of coefficients; taps of a row stand `tapStep` samples apart.
  ///   - tile: sizes of the transform; at least the kernel's.
  package init(
    _ kernel: [Double], rows: Int, columns: Int, tapStep: Int = 1, tile: (rows: Int, columns: Int)
  ) {
    (tileRows, tileColumns) = tile
    (kernelRows, kernelColumns) = (rows, (columns - 1) * tapStep + 1)
    precondition(tileRows % 16 == 0 && tileRows >= kernelRows && tileColumns >= kernelColumns)
    (columnPlan, rowPlan) = (Plans.lanes(tileRows), Plans.lanes(tileColumns))
    var z = ComplexTensor(Tensor<Float>(zeros: [tile.rows, tile.columns]))
    z.withPointers { re, _ in
      for r in 0..<rows {
        for s in 0..<columns { re[r * tile.columns + s * tapStep] = Float(kernel[r * columns + s]) }
      }
    }
    transform(&z, axis: 0, inverse: false, scale: 1)
    transform(&z, axis: 1, inverse: false, scale: 1 / Float(tile.rows * tile.columns))
    spectrum = Tensor(unsafeUninitializedShape: [2 * tile.rows * tile.columns]) { out in
      z.withPointers { re, im in
        for y in 0..<tile.rows {
          for x in 0..<tile.columns {
            let place = (y / 16 * tile.columns + x) * 32 + y % 16
            out.initializeElement(at: place, to: re[y * tile.columns + x])
            out.initializeElement(at: place + 16, to: -im[y * tile.columns + x])
          }
        }
      }
    }
  }

  package var byteCount: Int { spectrum.shape.count * MemoryLayout<Float>.stride }

  /// Multiply-adds for an output, about: 2.5 log2 N operations a complex number, there and back, for two tiles.
  package var operationsPerSample: Int {
    let samples = Double(tileRows * tileColumns)
    return Int(samples * (2.5 * Double.log2(samples) + 3) / Double(2 * rows * columns))
  }

  /// The greatest difference to exact sums, for inputs of magnitude 1 and a kernel whose magnitudes sum to 1: eight standard
  /// deviations of the roundings of the transforms there and back.
  package static func errorBound(rows: Int, columns: Int) -> Double {
    8 * 0x1p-24 * (2 * Double.log2(Double(rows) * Double(columns))).squareRoot()
  }

  private var transposedStride: Int { tileRows + 16 }

  /// Floats of working memory.
  package var workCount: Int {
    2 * transposedStride * tileColumns + 96 * max(tileRows, tileColumns)
      + max(columnPlan.workCount, rowPlan.workCount)
  }

  /// Correlates a plane of any size: tiles beside one another, and two below one another together.
  /// - Parameters:
  ///   - input: as much larger than the output as the kernel less one.
  ///   - work: of ``workCount`` floats.
  package func run(
    _ input: UnsafePointer<Float>, stride: Int, into output: UnsafeMutablePointer<Float>, outStride: Int,
    rows: Int, columns: Int, work: UnsafeMutablePointer<Float>
  ) {
    for y in Swift.stride(from: 0, to: rows, by: 2 * self.rows) {
      let first = min(self.rows, rows - y)
      let second = max(0, min(self.rows, rows - y - first))
      let skip = second > 0 ? first : 0
      for x in Swift.stride(from: 0, to: columns, by: self.columns) {
        let count = min(self.columns, columns - x)
        let (from, to) = (input + (y * stride + x), output + (y * outStride + x))
        run(
          from, from + skip * stride, stride: stride, inputRows: first + kernelRows - 1,
          secondInputRows: second > 0 ? second + kernelRows - 1 : 0,
          inputColumns: count + kernelColumns - 1, into: to, to + skip * outStride, outStride: outStride,
          rows: first, secondRows: second, columns: count, work: work)
      }
    }
  }

  /// Correlates two planes.
  /// - Parameters:
  ///   - a: the first plane, of `inputRows` rows and `inputColumns` columns; what the tile has more is taken as zeros.
  ///   - b: the second plane, of `secondInputRows` rows.
  ///   - rows: how many are stored from `a`; `secondRows` from `b`. Of every row, `columns` outputs are stored.
  package func run(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, stride: Int, inputRows: Int, secondInputRows: Int,
    inputColumns: Int, into ya: UnsafeMutablePointer<Float>, _ yb: UnsafeMutablePointer<Float>,
    outStride: Int, rows: Int, secondRows: Int, columns: Int, work: UnsafeMutablePointer<Float>
  ) {
    let (sr, si) = (work, work + transposedStride * tileColumns)
    let microkernels = Microkernels()
    let area = work + 2 * transposedStride * tileColumns
    let second = area + 32 * max(tileRows, tileColumns)
    let rest = second + 64 * max(tileRows, tileColumns)
    let (areaLanes, secondLanes) = (
      _Lanes(real: area, imaginary: area + 16, step: 32),
      _Lanes(real: second, imaginary: second + 16, step: 32)
    )
    let (whole, part) = (inputRows == tileRows && secondInputRows == tileRows, inputColumns)
    for x in Swift.stride(from: 0, to: tileColumns, by: 16) {
      let count = min(16, tileColumns - x)
      var source = _Lanes(
        real: UnsafeMutablePointer(mutating: a + x), imaginary: UnsafeMutablePointer(mutating: b + x),
        step: stride)
      if !whole || x + 16 > part {
        let inside = max(0, min(count, part - x))
        gather(a + x, stride, rows: inputRows, columns: inside, into: area)
        gather(b + x, stride, rows: secondInputRows, columns: inside, into: area + 16)
        source = areaLanes
      }
      columnPlan.run(source, into: secondLanes, work: columnPlan.worksInSource ? area : rest)
      let to = x * transposedStride
      microkernels.transpose(
        second, sourceStride: 32, sr + to, outStride: transposedStride, rows: tileRows, columns: count)
      microkernels.transpose(
        second + 16, sourceStride: 32, si + to, outStride: transposedStride, rows: tileRows, columns: count)
    }
    spectrum.withUnsafeBufferPointer { spectrum in
      for y in Swift.stride(from: 0, to: tileRows, by: 16) {
        let lanes = _Lanes(real: sr + y, imaginary: si + y, step: transposedStride)
        rowPlan.run(lanes, into: secondLanes, work: rowPlan.worksInSource ? area : rest)
        microkernels.multiplyLaneSpectra(
          second, spectrum.baseAddress! + y * tileColumns * 2, count: tileColumns)
        rowPlan.run(
          secondLanes.swapped, into: lanes.swapped, work: rowPlan.worksInSource ? second : rest)
      }
    }
    for x in Swift.stride(from: 0, to: columns, by: 16) {
      let from = x * transposedStride
      let count = min(16, tileColumns - x)
      microkernels.transpose(
        sr + from, sourceStride: transposedStride, area, outStride: 32, rows: count, columns: tileRows)
      microkernels.transpose(
        si + from, sourceStride: transposedStride, area + 16, outStride: 32, rows: count, columns: tileRows)
      columnPlan.run(
        areaLanes.swapped, into: secondLanes.swapped, work: columnPlan.worksInSource ? area : rest)
      let stored = min(16, columns - x)
      for y in 0..<rows { (ya + (y * outStride + x)).update(from: second + y * 32, count: stored) }
      for y in 0..<secondRows { (yb + (y * outStride + x)).update(from: second + y * 32 + 16, count: stored) }
    }
  }

  /// Columns of a plane as lanes, zeros below and beside.
  private func gather(
    _ plane: UnsafePointer<Float>, _ stride: Int, rows: Int, columns: Int,
    into lanes: UnsafeMutablePointer<Float>
  ) {
    for y in 0..<tileRows {
      let to = lanes + y * 32
      let count = y < rows ? columns : 0
      if count > 0 { to.update(from: plane + y * stride, count: count) }
      if count < 16 { (to + count).update(repeating: 0, count: 16 - count) }
    }
  }
}
