/// How an output is cut into blocks, and a block into groups of rows that are loaded, filtered and stored
/// together. The cut depends on the problem alone, never on the number of threads, and so do the results.
///
/// Where arithmetic takes the time, a block is tall: tiles go down it, and each input row stays in the
/// first-level cache for all the output rows that it feeds. Where memory takes the time, a block is as wide as
/// the image, because memory is read fastest in long runs, and goes down in thin groups that stay in the
/// second-level cache.
struct FilterBlocks: Sendable {
  let rowsPerBlock: Int
  let pixelsPerBlock: Int
  let blocksDown: Int
  let blocksAcross: Int
  let rowsTogether: Int

  /// The most rows that a running sum goes down before it starts anew.
  static let longestSum = 48

  /// Buffers beyond this many floats would leave a second-level cache of 1 MiB.
  private static let mostFloats = 192 << 10
  private static let samplesAcross = 1152
  private static let firstLevelFloats = 11 << 10
  private static let tall = 48
  /// A tall block whose kernel is so large that its buffers would leave the cache.
  private static let lessTall = 24

  /// What the filter of a block needs.
  struct Needs {
    var kernelRows: Int
    var kernelColumns: Int
    /// Output rows of the register tiles that the kernel takes.
    var tileRows: Int
    /// Rows that are held for each output row, beside the input.
    var buffers: Int
    var isMemoryBound: Bool
    var isBox: Bool
    /// Outputs of one tile, where transforms filter tiles.
    var fourierTile: (rows: Int, samples: Int)?
  }

  init(_ output: SampleLayout, _ needs: Needs) {
    let kernelRows = needs.kernelRows
    let samples = output.samplesPerRow
    func floats(_ rows: Int, _ samples: Int) -> Int {
      (samples + (needs.kernelColumns - 1) * output.channels) * (rows * (1 + needs.buffers) + kernelRows - 1)
    }
    // Whole tiles; four rows where one tile is flat.
    let tile = needs.tileRows < 3 ? 4 : needs.tileRows
    if let fourier = needs.fourierTile {
      // Two tiles below one another, and one beside the other, cut so that all are of about the same size.
      func even(_ count: Int, _ most: Int) -> Int {
        count.dividedRoundingUp(by: count.dividedRoundingUp(by: most))
      }
      rowsPerBlock = even(output.height, 2 * fourier.rows)
      pixelsPerBlock = even(output.width, max(1, fourier.samples / output.channels))
      rowsTogether = rowsPerBlock
    } else if needs.isMemoryBound, floats(tile, samples) <= Self.mostFloats {
      var together = tile
      while together + tile <= 24, floats(together + tile, samples) <= Self.mostFloats { together += tile }
      rowsTogether = together
      rowsPerBlock = (max(Self.tall, 4 * kernelRows) + together - 1) / together * together
      pixelsPerBlock = output.width
    } else {
      // Small kernels: one row of tiles together, all of it in the first-level cache.
      let isSmall = kernelRows < 8 && !needs.isBox
      let widest = isSmall ? Self.firstLevelFloats / (2 * tile + kernelRows - 1) : Self.samplesAcross
      let across = max(1, (samples + widest / 2) / widest)
      // Whole pixels, and whole tiles of the widths in use.
      let unit = 192 / output.channels
      let pixels = output.width.dividedRoundingUp(by: across)
      pixelsPerBlock = across == 1 ? output.width : pixels.dividedRoundingUp(by: unit) * unit
      let isLarge =
        floats(Self.tall, pixelsPerBlock * output.channels) > Self.mostFloats + Self.mostFloats / 4
      rowsPerBlock = isLarge ? Self.lessTall : Self.tall
      rowsTogether = isSmall ? tile : rowsPerBlock
    }
    blocksAcross = output.width.dividedRoundingUp(by: pixelsPerBlock)
    blocksDown = output.height.dividedRoundingUp(by: rowsPerBlock)
  }

  var count: Int { blocksDown * blocksAcross }

  /// Rows and pixels of block `index`.
  func region(_ index: Int, height: Int, width: Int) -> (rows: Range<Int>, pixels: Range<Int>) {
    let y = index / blocksAcross * rowsPerBlock
    let x = index % blocksAcross * pixelsPerBlock
    return (y..<min(height, y + rowsPerBlock), x..<min(width, x + pixelsPerBlock))
  }
}
