import Microkernels

/// Reads a block of an image, as far beyond its edges as a kernel reaches, into float32 rows.
struct BlockLoader {
  private let base: UnsafeRawPointer
  private let layout: SampleLayout
  private let border: PaddingMode
  private let microkernels: Microkernels
  /// What is loaded of every row; it may reach beyond the image.
  private let pixels: Range<Int>
  /// The pixels of it that lie in the image.
  private let inside: Range<Int>
  /// Those that do not, left and right, and the columns that stand there.
  private let outside: [(pixels: Range<Int>, columns: [Int?])]

  init(
    base: UnsafeRawPointer, layout: SampleLayout, pixels: Range<Int>, border: PaddingMode,
    microkernels: Microkernels
  ) {
    self.base = base
    self.layout = layout
    self.border = border
    self.microkernels = microkernels
    self.pixels = pixels
    let start = min(max(0, pixels.lowerBound), pixels.upperBound)
    let end = max(start, min(layout.width, pixels.upperBound))
    inside = start..<end
    outside = [pixels.lowerBound..<start, end..<pixels.upperBound].filter { !$0.isEmpty }
      .map { range in (range, range.map { border.sourceIndex($0, count: layout.width) }) }
  }

  /// Asks for rows that will be loaded soon. A block's rows lie far apart in memory, which the processor's own
  /// prefetching does not follow.
  func prefetch(rows: Range<Int>) {
    guard !inside.isEmpty else { return }
    let byteCount = inside.count * layout.channels * layout.type.byteCount
    for y in rows.clamped(to: 0..<layout.height) {
      let offset = (y * layout.width + inside.lowerBound) * layout.channels * layout.type.byteCount
      microkernels.prefetch(base + offset, byteCount: byteCount)
    }
  }

  /// Rows may lie outside the image too; the first goes to `destination`, each next one `stride` further.
  func load(rows: Range<Int>, into destination: UnsafeMutablePointer<Float>, stride: Int) {
    let channels = layout.channels
    let fill = Float(border.fillValue)
    for y in rows {
      let out = destination + (y - rows.lowerBound) * stride
      guard let row = border.sourceIndex(y, count: layout.height) else {
        out.update(repeating: fill, count: pixels.count * channels)
        continue
      }
      if !inside.isEmpty {
        copy(
          row: row, from: inside.lowerBound, count: inside.count,
          to: out + (inside.lowerBound - pixels.lowerBound) * channels)
      }
      for (range, columns) in outside {
        var target = out + (range.lowerBound - pixels.lowerBound) * channels
        for column in columns {
          if let column {
            for c in 0..<channels { target[c] = sample(row: row, column: column, channel: c) }
          } else {
            target.update(repeating: fill, count: channels)
          }
          target += channels
        }
      }
    }
  }

  private func copy(row: Int, from pixel: Int, count: Int, to out: UnsafeMutablePointer<Float>) {
    let offset = (row * layout.width + pixel) * layout.channels
    let samples = count * layout.channels
    switch layout.type {
    case .uint8:
      microkernels.widen(base.assumingMemoryBound(to: UInt8.self) + offset, out, count: samples)
    case .uint16:
      microkernels.widen(base.assumingMemoryBound(to: UInt16.self) + offset, out, count: samples)
    case .float32:
      out.update(from: base.assumingMemoryBound(to: Float.self) + offset, count: samples)
    }
  }

  private func sample(row: Int, column: Int, channel: Int) -> Float {
    let index = (row * layout.width + column) * layout.channels + channel
    switch layout.type {
    case .uint8: return Float(base.assumingMemoryBound(to: UInt8.self)[index])
    case .uint16: return Float(base.assumingMemoryBound(to: UInt16.self)[index])
    case .float32: return base.assumingMemoryBound(to: Float.self)[index]
    }
  }
}
