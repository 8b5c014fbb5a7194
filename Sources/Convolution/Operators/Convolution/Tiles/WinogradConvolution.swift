import Microkernels
import Tensors

/// A convolution of stride 1 by Winograd's F(4x4, 3x3), F(2x2, 3x3), F(2x2, 5x5) or F(4, 3): tiles of 6x6 (4x4, or 6)
/// inputs are transformed, multiplied with the transformed weights (36, 16 or 6 matrix products, in register tiles), and
/// transformed back to 4x4 (2x2, or 4) outputs. A block of tiles, of one sample or of several, goes through all three
/// before the next, so that it stays in the caches.
///
/// A greater kernel is cut into pieces of the transform's, filled up with zeros: each piece reads the planes further on, as
/// if it were one more input channel. So are the planes of a kernel with depth.
struct WinogradConvolution: PlannedConvolution {
  let geometry: ConvolutionGeometry
  let product = TileProduct()
  let transform: WinogradTransform
  /// A matrix for each entry of a tile and group, each in panels of rows as the tiles read them.
  private(set) var weights: Tensor<Float>
  private(set) var bias: [Float]
  let plane: PaddedPlane
  /// Whether the maximum of 2x2 outputs is stored, instead of the outputs.
  let pools: Bool
  private let isTurned: Bool
  /// Where the weights of each piece stand in a kernel, whose last is followed by a zero.
  private var places: [[Int32]] = []

  /// Pieces of the kernel along depth, height and width.
  let pieces: [Int]
  /// The plane that each output's first piece along the depth reads, and so on; nil in the padding.
  let planes: [Int?]

  /// Whether the transform is of pieces of the geometry's kernel, without stride or dilation.
  static func accepts(_ g: ConvolutionGeometry, _ transform: WinogradTransform) -> Bool {
    guard g.stride == [1, 1, 1], g.dilation == [1, 1, 1], g.kernel[2] >= transform.kernel,
      transform.isLine ? g.kernel[1] == 1 : g.kernel[1] >= transform.kernel
    else { return false }
    let pieces = transform.pieces(of: g.kernel).reduce(1, *)
    return pieces == 1 || pieces * g.inChannels / g.groups <= mostDepth
  }

  /// Input channels, each piece of the kernel counted as one, up to which kernels are cut.
  private static let mostDepth = 2048

  /// - Parameters:
  ///   - w: `[K, C / groups, depth, height, width]`, or `[C, K / groups, depth, height, width]` of the convolution that this
  ///     is the turned one of.
  ///   - isTurned: whether it is.
  ///   - maxPools: whether the maximum of 2x2 outputs is stored, instead of the outputs; of planes' tiles.
  /// - Precondition: ``accepts(_:_:)`` the geometry.
  init(
    _ g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?, _ transform: WinogradTransform,
    isTurned: Bool = false, maxPools: Bool = false
  ) {
    geometry = g
    self.transform = transform
    let side = transform.side
    let pieces = transform.pieces(of: g.kernel)
    self.pieces = pieces
    planes = (0..<max(0, g.output[0] + g.kernel[0] - 1)).map { g.sample(atPadded: $0, axis: 0) }
    pools = maxPools && transform.height > 1
    self.isTurned = isTurned
    self.bias = bias ?? [Float](repeating: 0, count: g.outChannels)
    plane = PaddedPlane(
      g,
      height: g.output[1].dividedRoundingUp(by: transform.height) * transform.height
        + pieces[1] * transform.kernelHeight - 1,
      width: g.output[2].dividedRoundingUp(by: side) * side + pieces[2] * transform.kernel - 1)
    weights = Tensor(unsafeUninitializedShape: [0]) { _ in }
    places = kernelPlaces()
    weights = packed(w)
  }

  mutating func repack(_ w: Tensor<Float>, _ bias: [Float]?) -> Bool {
    weights = packed(w)
    if let bias { self.bias = bias }
    return true
  }

  mutating func releaseWeights() { weights = Tensor(unsafeUninitializedShape: [0]) { _ in } }

  private func packed(_ w: Tensor<Float>) -> Tensor<Float> {
    Tensor(unsafeUninitializedShape: [geometry.groups * transform.entries * matrixCount]) {
      pack(w, into: $0)
    }
  }

  /// Elements from entry to entry of a group's matrices: off the caches' sets, as the tiles' entries are.
  var matrixCount: Int {
    let g = geometry
    return (g.outChannels / g.groups).dividedRoundingUp(by: product.panelRows) * product.panelRows
      * depth + product.shapes.lanes
  }

  /// Input channels of a group, each piece of the kernel counted as one.
  var depth: Int { geometry.inChannels / geometry.groups * pieceCount }

  var pieceCount: Int { pieces[0] * pieces[1] * pieces[2] }

  private func pack(_ w: Tensor<Float>, into out: UnsafeMutableBufferPointer<Float>) {
    let g = geometry
    let (entries, taps) = (transform.entries, g.kernel.reduce(1, *))
    let (rows, channels, depth) = (g.outChannels / g.groups, g.inChannels / g.groups, depth)
    let (panelRows, kernels, lanes) = (product.panelRows, product.kernels, product.shapes.lanes)
    let panels = rows.dividedRoundingUp(by: panelRows)
    let matrix = matrixCount
    guard let out = out.baseAddress else { return }
    w.withUnsafeBufferPointer { w in
      let w = w.baseAddress!
      ThreadPool.shared.parallelFor(g.groups * panels) { piece in
        let (group, panel) = piece.quotientAndRemainder(dividingBy: panels)
        let start = out + (group * entries * matrix + panel * panelRows * depth)
        let first = panel * panelRows
        if rows - first < panelRows {
          for i in 0..<entries { (start + i * matrix).initialize(repeating: 0, count: panelRows * depth) }
        }
        Scratch.withFloats((taps + 1 + 30) * lanes) { scratch in
          let zeros = scratch + taps * lanes
          zeros.update(repeating: 0, count: lanes)
          for c in 0..<channels {
            for row in Swift.stride(from: first, to: min(rows, first + panelRows), by: lanes) {
              let count = min(lanes, rows - row, first + panelRows - row)
              let (from, step) =
                isTurned
                ? (((group * channels + c) * rows + row) * taps, taps)
                : (((group * rows + row) * channels + c) * taps, channels * taps)
              kernels.transpose(
                w + from, sourceStride: step, scratch, outStride: lanes, rows: count, columns: taps)
              for (piece, places) in places.enumerated() {
                kernels.winogradWeights(
                  transform, scratch, places: places,
                  start + ((c * pieceCount + piece) * panelRows + row - first), step: matrix, count: count,
                  scratch: zeros + lanes)
              }
            }
          }
        }
      }
    }
  }

  private func kernelPlaces() -> [[Int32]] {
    let kernel = geometry.kernel
    let taps = kernel.reduce(1, *)
    return (0..<pieceCount).map { piece in
      let (z, y, x) = offsets(piece)
      return (0..<transform.kernelHeight).flatMap { row in
        (0..<transform.kernel).map { column in
          if y + row >= kernel[1] || x + column >= kernel[2] { return Int32(taps) }
          let place = (z * kernel[1] + y + row) * kernel[2] + x + column
          return Int32(isTurned ? taps - 1 - place : place)
        }
      }
    }
  }

  /// Where a piece of the kernel starts.
  func offsets(_ piece: Int) -> (z: Int, y: Int, x: Int) {
    let (line, x) = piece.quotientAndRemainder(dividingBy: pieces[2])
    return (line / pieces[1], line % pieces[1] * transform.kernelHeight, x * transform.kernel)
  }

  var weightBytes: Int { weights.shape.count * MemoryLayout<Float>.stride }

  var tilesAcross: Int { geometry.output[2].dividedRoundingUp(by: transform.side) }
  var tilesDown: Int { geometry.output[1].dividedRoundingUp(by: transform.height) }
  /// The tiles of all samples.
  private var tiles: Int { geometry.batch * geometry.output[0] * tilesDown * tilesAcross }

  /// Tiles that go through together: the transformed block stays in the second-level cache where it can.
  private var blockTiles: Int {
    depth + geometry.outChannels / geometry.groups <= CacheSizes.current.level2 / 4096
      ? 2 * product.shapes.lanes : product.tileColumns
  }

  /// Columns of a block's matrices, with room for a whole vector after the last tile.
  func stride(_ tiles: Int) -> Int {
    let lanes = product.shapes.lanes
    return tiles.dividedRoundingUp(by: lanes) * lanes + lanes
  }

  /// From entry to entry of a block's matrices. A cache line more than their rows take, so that a tile's entries, which
  /// are written together, do not all fall on one set of a cache.
  func entryStep(rows: Int, columns: Int) -> Int { rows * columns + product.shapes.lanes }

  /// The outputs of a vector of tiles.
  var asideCount: Int { transform.height * transform.side * product.shapes.lanes }

  /// Rows whose products are made together.
  var chunkRows: Int { product.panelRows }

  var entries: Int { transform.entries }

  /// Working memory of a transform or a tile.
  var vectorsCount: Int { 41 * product.shapes.lanes + product.scratchCount }

  /// A strip of padded rows, with room for whole vectors of tiles.
  var stripStride: Int {
    (plane.columnCount.dividedRoundingUp(by: product.shapes.lanes) + 5) * product.shapes.lanes
  }

  /// Transformed inputs of so many tiles.
  private func inputCount(_ tiles: Int) -> Int {
    entries * entryStep(rows: depth, columns: stride(tiles))
  }

  /// Working memory beside the transformed inputs: a tile's, the strip's, one vector's outputs and the products.
  private var rowsCount: Int {
    let rows = min(geometry.outChannels / geometry.groups, chunkRows)
    return vectorsCount + transform.inputHeight * stripStride + asideCount
      + entries * entryStep(rows: rows, columns: stride(min(tiles, blockTiles)))
  }

  private var workspaceCount: Int { rowsCount + inputCount(min(tiles, blockTiles)) }

  var workspaceBytes: Int { workspaceCount * MemoryLayout<Float>.stride }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    let g = geometry
    guard tiles > 0 else { return }
    let threads = pool.threadCount
    let rows = g.outChannels / g.groups
    let lanes = product.shapes.lanes
    let vectors = tiles.dividedRoundingUp(by: lanes)
    var blocks = tiles.dividedRoundingUp(by: blockTiles)
    if g.groups == 1, blocks > threads {
      blocks = min(vectors, blocks.dividedRoundingUp(by: threads) * threads)
    }
    // Blocks are equally long, or whole vectors of tiles where equal ones would leave a tenth of their lanes empty.
    let filled = blocks * tiles.dividedRoundingUp(by: blocks).dividedRoundingUp(by: lanes)
    let (units, unit) = 10 * vectors <= 9 * filled ? (vectors, lanes) : (tiles, 1)
    func range(_ block: Int) -> Range<Int> {
      units * block / blocks * unit..<min(tiles, units * (block + 1) / blocks * unit)
    }
    let (pieces, depth) = (g.groups * blocks, depth)
    if pieces >= threads {
      pool.parallelFor(pieces) { piece in
        let (group, range) = (piece / blocks, range(piece % blocks))
        Scratch.withFloats(workspaceCount) { scratch in
          let v = scratch + rowsCount
          transformInputs(x, group, range, 0..<depth, v, scratch)
          outputs(v, into: y, group, range, 0..<rows, scratch, finish)
        }
      }
      return
    }
    // Few pieces are split by channels: of the inputs, transformed for all, and then of the outputs.
    let share = threads.dividedRoundingUp(by: pieces)
    let panels = rows.dividedRoundingUp(by: product.panelRows)
    let (ins, outs) = (min(depth, 4 * share), min(panels, share))
    let room = inputCount((0..<blocks).lazy.map { range($0).count }.max()!)
    Scratch.withFloats(pieces * room) { shared in
      pool.parallelFor(pieces * ins) { i in
        let (piece, part) = i.quotientAndRemainder(dividingBy: ins)
        Scratch.withFloats(rowsCount) { scratch in
          transformInputs(
            x, piece / blocks, range(piece % blocks), depth * part / ins..<depth * (part + 1) / ins,
            shared + piece * room, scratch)
        }
      }
      pool.parallelFor(pieces * outs) { i in
        let (piece, part) = i.quotientAndRemainder(dividingBy: outs)
        let first = panels * part / outs * product.panelRows
        Scratch.withFloats(rowsCount) { scratch in
          outputs(
            shared + piece * room, into: y, piece / blocks, range(piece % blocks),
            first..<min(rows, panels * (part + 1) / outs * product.panelRows), scratch, finish)
        }
      }
    }
  }
}

extension WinogradTransform {
  /// Pieces of a kernel of depth, height and width, each of the transform's size.
  func pieces(of kernel: [Int]) -> [Int] {
    [
      kernel[0], kernel[1].dividedRoundingUp(by: kernelHeight),
      kernel[2].dividedRoundingUp(by: self.kernel),
    ]
  }
}
