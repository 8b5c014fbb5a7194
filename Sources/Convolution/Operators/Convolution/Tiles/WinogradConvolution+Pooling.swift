import Microkernels
import Tensors

// Windows of 3x3 outputs, two apart, whose maximums are stored. Those at the top of a block read the last row of the block
// before: what that is to them is kept aside, and joined to what the block itself has stored once all blocks are through.
extension WinogradConvolution {
  /// Whether an epilogue's maximums are taken as outputs are stored. Windows over each other take blocks of whole rows of
  /// tiles, and outputs that are finished before they are pooled.
  static func pools(
    _ g: ConvolutionGeometry, _ transform: WinogradTransform, _ epilogue: Epilogue
  ) -> Bool {
    switch epilogue.maxPooling {
    case nil: false
    case .window2: !transform.isLine
    case .window3:
      !transform.isLine && g.output[2] <= mostTiles * transform.side
        && Finish.bounds(epilogue.activation) != nil
    }
  }

  /// Whether blocks are of whole rows of tiles.
  var wholeRows: Bool { pooling == .window3 }

  var windowsAcross: Int { pooling?.count(geometry.output[2]) ?? 0 }

  /// What is stored of a channel.
  var storedPlane: Int {
    pooling.map { $0.count(geometry.output[1]) * windowsAcross } ?? geometry.output.reduce(1, *)
  }

  /// Room for what the last row of a block is to the next one's windows: `[K, windows]`.
  var edgeCount: Int { geometry.outChannels * windowsAcross }

  /// Stores the maximums of the windows whose middle row is a band's.
  /// - Parameters:
  ///   - out: the band's outputs, whole rows, each a vector of channels.
  ///   - rows: where they are in their plane.
  ///   - y: the first channel's plane, and `plane` elements on the next.
  ///   - edge: takes what the last row is to the next band's windows.
  func storeWindows(
    _ out: UnsafeMutablePointer<Float>, _ rows: Range<Int>, channels: Int, to y: UnsafeMutablePointer<Float>,
    _ plane: Int, _ edge: UnsafeMutablePointer<Float>
  ) {
    let (kernels, lanes) = (product.kernels, product.shapes.lanes)
    let (width, across) = (geometry.output[2], windowsAcross)
    let aside = out + bandCount
    // A row that is not there is stood for by its neighbour.
    func start(_ row: Int) -> UnsafePointer<Float> {
      let nearest = min(max(row, rows.lowerBound), rows.upperBound - 1)
      return UnsafePointer(out + (nearest - rows.lowerBound) * width * lanes)
    }
    func pool(_ window: Int, to aside: UnsafeMutablePointer<Float>) {
      kernels.maximumOfVectorWindows(
        start(2 * window - 1), start(2 * window), start(2 * window + 1), columns: width, aside)
    }
    let windows = rows.lowerBound / 2..<(rows.upperBound + 1) / 2
    for (i, window) in windows.enumerated() { pool(window, to: aside + i * across * lanes) }
    kernels.transpose(
      aside, sourceStride: lanes, y + windows.lowerBound * across, outStride: plane,
      rows: windows.count * across, columns: channels)
    if rows.upperBound < geometry.output[1] {
      pool(windows.upperBound, to: aside)
      kernels.transpose(
        aside, sourceStride: lanes, edge, outStride: across, rows: across, columns: channels)
    }
  }

  /// Joins what the last rows of blocks are to the windows below them.
  func joinWindows(
    _ blocks: Int, _ range: (Int) -> Range<Int>, _ edges: UnsafeMutablePointer<Float>,
    into y: UnsafeMutablePointer<Float>, _ pool: ThreadPool
  ) {
    let (channels, plane, across) = (geometry.outChannels, storedPlane, windowsAcross)
    pool.parallelFor(blocks - 1) { block in
      let row = range(block + 1).lowerBound / tilesAcross
      let (sample, rowInPlane) = row.quotientAndRemainder(dividingBy: tilesDown)
      if rowInPlane == 0 { return }
      let y = y + (sample * channels * plane + rowInPlane * transform.height / 2 * across)
      for channel in 0..<channels {
        product.kernels.keepGreater(
          y + channel * plane, edges + (block * edgeCount + channel * across), count: across)
      }
    }
  }
}
