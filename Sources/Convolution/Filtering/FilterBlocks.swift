import CIntrinsics

/// How an output is cut into blocks: one block is one piece of work, with all it touches in the second-level
/// cache. The cut depends on the problem alone, never on the number of threads, and so do the results.
struct FilterBlocks: Sendable {
  let rowsPerBlock: Int
  let pixelsPerBlock: Int
  let blocksDown: Int
  let blocksAcross: Int

  /// Whole tiles of every height from 1 to 8 rows.
  static let tallestBlock = 48
  private static let shortBlock = 24
  /// About this many samples side by side.
  private static let samplesAcross = 1152
  /// A block's buffers beyond this many floats would leave a second-level cache of 1 MiB.
  private static let mostFloats = 192 << 10

  init(height: Int, width: Int, channels: Int, kernelRows: Int, kernelColumns: Int) {
    let samples = width * channels
    let across = max(1, (samples + Self.samplesAcross / 2) / Self.samplesAcross)
    // Whole pixels, and whole tiles of the widths in use.
    let unit = 192
    let pixels = (width + across - 1) / across
    pixelsPerBlock = samples <= unit ? width : (pixels + unit - 1) / unit * unit
    blocksAcross = max(1, (width + pixelsPerBlock - 1) / max(1, pixelsPerBlock))
    let perRow = pixelsPerBlock * channels + (kernelColumns - 1) * channels
    let tallFloats = perRow * (kernelRows + 3 * Self.tallestBlock)
    rowsPerBlock = tallFloats > Self.mostFloats ? Self.shortBlock : Self.tallestBlock
    blocksDown = (height + rowsPerBlock - 1) / rowsPerBlock
  }

  var count: Int { blocksDown * blocksAcross }

  /// Rows and pixels of block `index`.
  func region(_ index: Int, height: Int, width: Int) -> (rows: Range<Int>, pixels: Range<Int>) {
    let y = index / blocksAcross * rowsPerBlock
    let x = index % blocksAcross * pixelsPerBlock
    return (y..<min(height, y + rowsPerBlock), x..<min(width, x + pixelsPerBlock))
  }
}
