import Microkernels

/// Reads a block of an image, as far beyond its edges as a kernel reaches, into float32 rows.
struct BlockLoader {
  let base: UnsafeRawPointer
  let layout: SampleLayout
  let border: PaddingMode
  let microkernels: Microkernels

  /// Rows and pixels may lie outside the image; row r goes to `destination + r * stride`.
  func load(
    rows: Range<Int>, pixels: Range<Int>, into destination: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let channels = layout.channels
    // Left of the image, inside it, and right of it; any of the three may be empty.
    let start = min(max(0, pixels.lowerBound), pixels.upperBound)
    let end = max(start, min(layout.width, pixels.upperBound))
    let inside = start..<end
    let outside = [pixels.lowerBound..<start, end..<pixels.upperBound].filter { !$0.isEmpty }
    let sources = outside.map { $0.map { border.sourceIndex($0, count: layout.width) } }
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
      for (range, columns) in zip(outside, sources) {
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
