import Microkernels
import Tensors

// How tiles are cut into blocks, and blocks shared among threads.
extension WinogradConvolution {
  /// Tiles of one plane in a rectangle.
  struct Band {
    /// The first tile's number within its block.
    let first: Int
    let sample: Int
    /// Of the outputs.
    let plane: Int
    let rows: Range<Int>
    let columns: Range<Int>
  }

  /// The bands of a block: whole rows of tiles together, and parts of rows apart.
  func forEachBand(_ block: Range<Int>, _ body: (Band) -> Void) {
    let (across, down) = (tilesAcross, tilesDown)
    var tile = block.lowerBound
    while tile < block.upperBound {
      let (row, column) = tile.quotientAndRemainder(dividingBy: across)
      let (plane, rowInPlane) = row.quotientAndRemainder(dividingBy: down)
      let whole = column == 0 ? min((block.upperBound - tile) / across, down - rowInPlane) : 0
      let columns = column..<(whole > 0 ? across : min(across, column + block.upperBound - tile))
      let (sample, depthPlane) = plane.quotientAndRemainder(dividingBy: geometry.output[0])
      let band = Band(
        first: tile - block.lowerBound, sample: sample, plane: depthPlane,
        rows: rowInPlane..<rowInPlane + max(1, whole), columns: columns)
      body(band)
      tile += band.rows.count * columns.count
    }
  }

  var tilesAcross: Int { geometry.output[2].dividedRoundingUp(by: transform.side) }
  var tilesDown: Int { geometry.output[1].dividedRoundingUp(by: transform.height) }
  /// The tiles of all samples.
  var tiles: Int { geometry.batch * geometry.output[0] * tilesDown * tilesAcross }

  /// From entry to entry of a block's transformed inputs, and of a panel's products. A cache line more than they take, so
  /// that a tile's entries, which are written together, do not all fall on one set of a cache.
  func inputStep(_ tiles: Int) -> Int { tiles * tileStep + product.shapes.lanes }
  func productStep(_ tiles: Int, wide: Int) -> Int { (tiles + product.tallest) * wide + product.shapes.lanes }

  /// Padded rows and columns that so many rows and columns of tiles read.
  func rowsRead(_ tiles: Int) -> Int {
    transform.read(geometry, axis: 1, starts[1], outputs: tiles * transform.height)
  }
  func columnsRead(_ tiles: Int) -> Int {
    transform.read(geometry, axis: 2, starts[2], outputs: tiles * transform.side)
  }

  /// Rows of a band's tiles whose samples are turned over together: strides make too many of them.
  func rowsTogether(_ rows: Int) -> Int { geometry.stride[1] == 1 ? rows : 1 }

  /// Working memory of one tile's transform.
  var tileScratch: Int { entries * product.shapes.lanes }

  /// What ``tileStep``, ``blockTiles`` and ``bandCount`` are.
  mutating func reckonSizes() {
    let lanes = product.shapes.lanes
    let vectors = (geometry.inChannels / geometry.groups).dividedRoundingUp(by: lanes)
    let others = (phases.pieceCount(starts) - 1) * pieceStep
    let step = (others.dividedRoundingUp(by: lanes) + vectors) * lanes
    tileStep = CacheSizes.areWholePages(step) ? step + lanes : step
    // Transformed inputs, and a panel's products, stay in the second-level cache unless the weights, which each block
    // reads, come from further out and take longer than that saves.
    let (level2, float) = (CacheSizes.current.level2, MemoryLayout<Float>.stride)
    let room = level2 / 4 * 3 / (entries * float)
    let fewest = geometry.groups * groupCount * float > level2 * 4 ? Self.mostTiles : 16
    blockTiles = min(
      tiles, max(fewest, wholeRows ? tilesAcross : 1, min(Self.mostTiles, room / (tileStep + widths.max()!))))
    let rows = min(tilesDown, max(1, blockTiles / tilesAcross))
    let samples = rowsRead(rowsTogether(rows)) * columnsRead(min(blockTiles, tilesAcross))
    bandCount = lanes * max(samples, (blockTiles + 1) * transform.height * transform.side)
  }

  /// Working memory beside the transformed inputs.
  private var outputScratch: Int {
    tileScratch + (pooling != nil ? 2 : 1) * bandCount + entries
      * productStep(blockTiles, wide: widths.max()!)
  }

  private var workspaceCount: Int { outputScratch + entries * inputStep(blockTiles) }

  var workspaceBytes: Int { workspaceCount * MemoryLayout<Float>.stride }

  /// Blocks of whole rows of tiles, or of parts of rows where rows are long or could not be shared evenly.
  private func blocks(threads: Int) -> (count: Int, tiles: (Int) -> Range<Int>) {
    let (tiles, most, across) = (tiles, blockTiles, tilesAcross)
    var unit = across <= most ? across : 1
    var units = tiles / unit
    var count = units.dividedRoundingUp(by: most / unit)
    if geometry.groups == 1, count > 1 {
      count = min(wholeRows ? units : tiles, count.dividedRoundingUp(by: threads) * threads)
      if !wholeRows, units.dividedRoundingUp(by: count) * count * 15 > units * 16 {
        (unit, units) = (1, tiles)
      }
    }
    return (count, { units * $0 / count * unit..<units * ($0 + 1) / count * unit })
  }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    guard tiles > 0 else { return }
    let (blocks, range) = blocks(threads: pool.threadCount)
    guard wholeRows else { return run(x, into: y, blocks, range, nil, finish, pool) }
    Scratch.withFloats(blocks * edgeCount) { edges in
      run(x, into: y, blocks, range, edges, finish, pool)
      joinWindows(blocks, range, edges, into: y, pool)
    }
  }

  private func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ blocks: Int,
    _ range: (Int) -> Range<Int>, _ edges: UnsafeMutablePointer<Float>?, _ finish: Finish, _ pool: ThreadPool
  ) {
    let threads = pool.threadCount
    let pieces = geometry.groups * blocks
    let vectors = (geometry.inChannels / geometry.groups).dividedRoundingUp(by: product.shapes.lanes)
    let panels = widths.count
    if pieces >= threads {
      pool.parallelFor(pieces) { piece in
        let (group, range) = (piece / blocks, range(piece % blocks))
        Scratch.withFloats(workspaceCount) { scratch in
          let v = scratch + outputScratch
          transformInputs(x, group, range, 0..<vectors, v, scratch)
          outputs(
            v, into: y, group, range, 0..<panels, scratch, edges.map { $0 + piece % blocks * edgeCount },
            finish)
        }
      }
      return
    }
    // Few pieces are split by channels: of the inputs, transformed for all, and then of the outputs.
    let share = threads.dividedRoundingUp(by: pieces)
    let ins = min(vectors, 4 * share)
    let room = entries * inputStep(blockTiles)
    Scratch.withFloats(pieces * room) { shared in
      pool.parallelFor(pieces * ins) { i in
        let (piece, part) = i.quotientAndRemainder(dividingBy: ins)
        Scratch.withFloats(outputScratch) { scratch in
          transformInputs(
            x, piece / blocks, range(piece % blocks), vectors * part / ins..<vectors * (part + 1) / ins,
            shared + piece * room, scratch)
        }
      }
      pool.parallelSteps(pieces * panels) { steps in
        Scratch.withFloats(outputScratch) { scratch in
          while let i = steps.next() {
            let (piece, panel) = i.quotientAndRemainder(dividingBy: panels)
            let (group, range) = (piece / blocks, range(piece % blocks))
            outputs(
              shared + piece * room, into: y, group, range, panel..<panel + 1, scratch,
              edges.map { $0 + piece % blocks * edgeCount }, finish)
          }
        }
      }
    }
  }
}
