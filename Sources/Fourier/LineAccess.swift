import Tensors

/// Where the lines of an axis lie: line l's element e is at `(l / inner) * pitch + l % inner + e * inner`.
struct LineAccess<Scalar: FourierScalar> {
  let base: UnsafeMutablePointer<Scalar>
  let inner: Int
  /// From one block of `inner` lines to the next.
  let pitch: Int

  /// - Parameter count: elements of a line.
  init(_ base: UnsafeMutablePointer<Scalar>, inner: Int, count: Int) {
    (self.base, self.inner, pitch) = (base, inner, inner * count)
  }

  init(_ base: UnsafePointer<Scalar>, inner: Int, count: Int) {
    self.init(UnsafeMutablePointer(mutating: base), inner: inner, count: count)
  }

  func offset(_ line: Int) -> Int { line / inner * pitch + line % inner }

  /// Whether lines side by side are numbers side by side.
  func isAdjacent(_ lines: Range<Int>) -> Bool {
    inner > 1 && lines.lowerBound / inner == (lines.upperBound - 1) / inner
  }

  /// Copies elements 0 ..< count of up to sixteen lines to every `step`th number from `out` on.
  func load(_ lines: Range<Int>, count: Int, into out: UnsafeMutablePointer<Scalar>, step: Int) {
    if inner == 1 {
      Scalar._transpose(
        base + lines.lowerBound * pitch, stride: pitch, into: out, outStride: step, rows: lines.count,
        columns: count)
    } else if isAdjacent(lines) {
      let from = base + offset(lines.lowerBound)
      for e in 0..<count { (out + e * step).update(from: from + e * inner, count: lines.count) }
    } else {
      for (lane, line) in lines.enumerated() {
        let from = base + offset(line)
        for e in 0..<count { out[e * step + lane] = from[e * inner] }
      }
    }
  }

  /// The reverse of `load`.
  func store(_ lines: Range<Int>, count: Int, from source: UnsafePointer<Scalar>, step: Int) {
    if inner == 1 {
      let to = base + lines.lowerBound * pitch
      if step > 0, lines.count == 16 {
        Scalar._transpose(source, stride: step, into: to, outStride: pitch, rows: count, columns: 16)
      } else {
        for lane in 0..<lines.count { for e in 0..<count { to[lane * pitch + e] = source[e * step + lane] } }
      }
    } else if isAdjacent(lines) {
      let to = base + offset(lines.lowerBound)
      for e in 0..<count { (to + e * inner).update(from: source + e * step, count: lines.count) }
    } else {
      for (lane, line) in lines.enumerated() {
        let to = base + offset(line)
        for e in 0..<count { to[e * inner] = source[e * step + lane] }
      }
    }
  }
}

/// Working memory of the calling thread, on a 64-byte boundary.
func withScratch<Scalar: FourierScalar>(_ count: Int, _ body: (UnsafeMutablePointer<Scalar>) -> Void) {
  Scratch.withFloats(count * MemoryLayout<Scalar>.stride / MemoryLayout<Float>.stride) { memory in
    UnsafeMutableRawPointer(memory).withMemoryRebound(to: Scalar.self, capacity: count, body)
  }
}
