import Microkernels

/// A plane with its padding, whose rows are copied together when they are needed.
struct PaddedPlane: Sendable {
  /// The sample at each padded row and column, nil where the padding's constant stands.
  private let rows: [Int?]
  private let columns: [Int?]
  /// The padded columns that are the plane's own.
  private let inside: Range<Int>
  private let width: Int
  let fill: Float

  /// - Parameters:
  ///   - geometry: of two spatial axes.
  ///   - height: padded rows that can be asked for; beyond the padding stands the constant.
  ///   - width: padded columns that can be asked for.
  init(_ geometry: ConvolutionGeometry, height: Int, width: Int) {
    rows = (0..<height).map { geometry.sample(atPadded: $0, axis: 1) }
    columns = (0..<width).map { geometry.sample(atPadded: $0, axis: 2) }
    let begin = min(geometry.padding[2].begin, width)
    inside = begin..<max(begin, min(begin + geometry.input[2], width))
    self.width = geometry.input[2]
    fill = Float(geometry.mode.fillValue)
  }

  var columnCount: Int { columns.count }

  /// Copies a part of a padded row.
  @inline(__always)
  func copyRow(
    _ plane: UnsafePointer<Float>, _ row: Int, _ part: Range<Int>, to out: UnsafeMutablePointer<Float>
  ) {
    guard let source = rows[row] else {
      out.update(repeating: fill, count: part.count)
      return
    }
    let samples = plane + source * width
    let own = part.clamped(to: inside)
    for column in part.lowerBound..<(own.isEmpty ? part.upperBound : own.lowerBound) {
      out[column - part.lowerBound] = columns[column].map { samples[$0] } ?? fill
    }
    if own.isEmpty { return }
    (out + (own.lowerBound - part.lowerBound)).update(
      from: samples + (own.lowerBound - inside.lowerBound), count: own.count)
    for column in own.upperBound..<part.upperBound {
      out[column - part.lowerBound] = columns[column].map { samples[$0] } ?? fill
    }
  }

  /// Copies a part of a padded row of some channels, at most a vector of them, turned over: a vector for each column, with
  /// leftovers in the lanes that no channel has.
  /// - Parameters:
  ///   - planes: the first channel's, the others `step` elements apart.
  ///   - columnStep: from column to column: at least as many elements as channels.
  func turnRow(
    _ kernels: Microkernels, _ planes: UnsafePointer<Float>, step: Int, channels: Int, _ row: Int,
    _ part: Range<Int>, to out: UnsafeMutablePointer<Float>, columnStep: Int
  ) {
    guard let source = rows[row] else {
      for column in 0..<part.count { (out + column * columnStep).update(repeating: fill, count: channels) }
      return
    }
    let samples = planes + source * width
    func turnBorder(_ border: Range<Int>) {
      for column in border {
        let vector = out + (column - part.lowerBound) * columnStep
        if let column = columns[column] {
          for channel in 0..<channels { vector[channel] = samples[channel * step + column] }
        } else {
          vector.update(repeating: fill, count: channels)
        }
      }
    }
    let own = part.clamped(to: inside)
    if own.isEmpty { return turnBorder(part) }
    turnBorder(part.lowerBound..<own.lowerBound)
    kernels.transpose(
      samples + (own.lowerBound - inside.lowerBound), sourceStride: step,
      out + (own.lowerBound - part.lowerBound) * columnStep, outStride: columnStep, rows: channels,
      columns: own.count)
    turnBorder(own.upperBound..<part.upperBound)
  }
}
