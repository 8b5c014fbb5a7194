import Microkernels
import Tensors

/// Max pooling of float32 planes in memory that is given, for programs.
package struct PlanePooling: Sendable {
  private let geometry: PoolingGeometry
  /// Whether windows are 2x2 side by side, without padding, on planes.
  private let isSquares: Bool
  private let loops: PoolingLoops<Float>
  private let blocks: DepthwiseBlocks?

  package init(_ geometry: PoolingGeometry) {
    self.geometry = geometry
    isSquares = Epilogue.MaxPooling(geometry) == .window2
    loops = PoolingLoops(geometry)
    blocks = isSquares ? nil : geometry.maximumBlocks
  }

  /// The greatest of every window.
  package func maximum(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, pool: ThreadPool = .shared
  ) {
    let inputs = loops.inputPlane
    let outputs = loops.outputPlane
    let pool = pool === ThreadPool.shared ? ThreadPool.shared(for: 4 * loops.planes * inputs) : pool
    if let blocks { return blocks.run(x, into: y, Finish(nil, adding: nil, to: y), pool: pool) }
    let (width, columns) = (geometry.input[2], geometry.output[2])
    let kernels = Microkernels()
    pool.parallelFor(loops.planes) { plane in
      let (x, y) = (x + plane * inputs, y + plane * outputs)
      if isSquares {
        kernels.maximumOfSquares(
          x, stride: width, y, outStride: columns, rows: geometry.output[1], columns: columns)
      } else {
        loops.forEachExtreme(x, .greatest) { output, place in y[output] = place < 0 ? -.infinity : x[place] }
      }
    }
  }

  /// Each window's u, added at the place of its greatest x.
  package func gradient(
    _ u: UnsafePointer<Float>, _ x: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>
  ) {
    let inputs = loops.inputPlane
    let outputs = loops.outputPlane
    let isPlane = geometry.input[0] == 1 && geometry.output[0] == 1 && geometry.windows != nil
    ThreadPool.shared.parallelFor(loops.planes) { plane in
      let (u, x, dx) = (u + plane * outputs, x + plane * inputs, dx + plane * inputs)
      if isSquares {
        squares(u, x, dx)
      } else if isPlane {
        windows(u, x, dx)
      } else {
        dx.update(repeating: 0, count: inputs)
        loops.forEachExtreme(x, .greatest) { output, place in if place >= 0 { dx[place] += u[output] } }
      }
    }
  }

  private func squares(
    _ u: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>
  ) {
    let (height, width, columns) = (geometry.input[1], geometry.input[2], geometry.output[2])
    let kernels = Microkernels()
    for row in 0..<geometry.output[1] {
      let start = 2 * row * width
      kernels.squareGradients(
        x + start, x + start + width, u + row * columns, dx + start, dx + start + width, count: columns)
      // A last odd column, and below a last odd row, are in no window.
      if width % 2 == 1 { (dx[start + width - 1], dx[start + 2 * width - 1]) = (0, 0) }
    }
    if height % 2 == 1 { (dx + (height - 1) * width).update(repeating: 0, count: width) }
  }

  private func windows(
    _ u: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>
  ) {
    guard let windows = geometry.windows else {
      preconditionFailure("adaptive windows have no plane pooling")
    }
    let (height, width) = (geometry.input[1], geometry.input[2])
    let (down, across) = (windows[1], windows[2])
    dx.update(repeating: 0, count: height * width)
    for row in 0..<geometry.output[1] {
      let top = row * down.stride - geometry.padding[1].begin
      let rows = inside(top, down, height)
      for column in 0..<geometry.output[2] {
        let left = column &* across.stride &- geometry.padding[2].begin
        let isInside = left >= 0 && left &+ across.dilation &* (across.kernel &- 1) < width
        let columns = isInside ? 0..<across.kernel : inside(left, across, width)
        // Holes between the taps may let no sample in.
        if rows.isEmpty || columns.isEmpty { continue }
        // The first greatest in reading order, NaN above all; chosen without branches, which would be guessed wrong.
        var place =
          (top &+ rows.lowerBound &* down.dilation) &* width &+ left &+ columns.lowerBound &* across.dilation
        var best = x[place]
        var r = rows.lowerBound
        while r < rows.upperBound {
          var i = (top &+ r &* down.dilation) &* width &+ left &+ columns.lowerBound &* across.dilation
          var c = columns.lowerBound
          while c < columns.upperBound {
            let value = x[i]
            let isGreater = !(value <= best)
            best = isGreater ? value : best
            place = isGreater ? i : place
            i = i &+ across.dilation
            c = c &+ 1
          }
          r = r &+ 1
        }
        dx[place] += u[row &* geometry.output[2] &+ column]
      }
    }
  }

  /// The taps of a window from `start` on that are on an axis of `size` samples.
  private func inside(_ start: Int, _ window: Window, _ size: Int) -> Range<Int> {
    let first = start >= 0 ? 0 : (-start).dividedRoundingUp(by: window.dilation)
    let end = start >= size ? 0 : (size - start).dividedRoundingUp(by: window.dilation)
    return first..<max(first, min(window.kernel, end))
  }
}
