import Tensors

/// Average pooling of float32 planes in memory that is given, for programs.
package struct PlaneAveraging: Sendable {
  private let loops: PoolingLoops<Float>
  private let divisor: AverageDivisor
  private let blocks: DepthwiseBlocks?

  /// - Throws: ``GeometryError`` for a divisor below 1.
  package init(_ geometry: PoolingGeometry, _ divisor: AverageDivisor) throws(GeometryError) {
    try check(divisor)
    loops = PoolingLoops(geometry)
    self.divisor = divisor
    blocks = geometry.averageBlocks(divisor)
  }

  package func average(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>) {
    if let blocks { return blocks.run(x, into: y, Finish(nil, adding: nil, to: y), pool: .shared) }
    ThreadPool.shared(for: 4 * loops.planes * loops.inputPlane).parallelFor(loops.planes) { plane in
      loops.average(x + plane * loops.inputPlane, divisor, into: y + plane * loops.outputPlane)
    }
  }

  /// Each window's u, spread over its samples.
  package func gradient(_ u: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>) {
    ThreadPool.shared(for: 4 * loops.planes * loops.inputPlane).parallelFor(loops.planes) { plane in
      let start = dx + plane * loops.inputPlane
      start.update(repeating: 0, count: loops.inputPlane)
      loops.averageGradient(u + plane * loops.outputPlane, divisor, start)
    }
  }
}
