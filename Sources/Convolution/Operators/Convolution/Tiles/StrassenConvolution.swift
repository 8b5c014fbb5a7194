import Microkernels
import Tensors

/// Convolution as a product of the weights and the matrix of columns, as ``TiledConvolution``'s, with seven eighths of the
/// multiplications: both halves of the output channels, of the depth and of a block of columns make matrices of 2x2 blocks,
/// which Strassen's algorithm (Gaussian elimination is not optimal, Numerische Mathematik 13, 1969) multiplies by seven
/// products instead of eight.
///
/// The weights' factors are made once. The samples' are made block by block, for all output channels, and stay in the
/// second-level cache with the sums of seven products, which become outputs, finished, a panel of rows at a time.
struct StrassenConvolution: PlannedConvolution {
  let kernels = Microkernels()
  let columns: ColumnSource
  let shapes: TileShapes
  private var weights: [WeightPanels] = []
  /// One vector a row: of the upper half of a group's output channels and of the lower, each filled up to whole panels.
  private var bias: [Float] = []
  /// Half of a group's output channels, and of its input channels; half of the depth.
  let halfRows: Int
  private let halfChannels: Int
  let halfDepth: Int
  private let groups: Int
  private let batch: Int
  let sourcePlane: Int
  let targetPlane: Int
  private let blocks: [Block]
  /// Of half the depth, the part that goes through at once: its factors of a block take a quarter of the second level.
  private let passDepth: Int
  /// Blocks that go through together, so that weights are read once for all of them.
  private let blocksTogether: Int

  /// Columns that go through together: two halves side by side, or the left one alone.
  struct Block: Sendable {
    let outputs: Range<Int>
    let shape: BlockShape
    /// How columns are copied together; nil where they are read where they lie.
    let runs: ColumnSource.BlockRuns?
  }

  /// Vectors of a half of a block of columns, and whether there is no right one: then four products are enough.
  struct BlockShape: Sendable {
    let vectors: Int
    let isHalf: Bool

    /// Vectors of all columns.
    var allVectors: Int { isHalf ? vectors : 2 * vectors }
    /// Whether outputs need a product: without a right half M3 and M5 are zeros, and nothing takes M6.
    func needs(_ product: Int) -> Bool { !isHalf || product < 2 || product == 3 || product == 6 }

    var productCount: Int { isHalf ? 4 : 7 }

    /// Cycles of one step of the depth.
    func cycles(_ shapes: TileShapes, halfRows: Int) -> Double {
      let tall = shapes.rows[vectors - 1]
      return Double(productCount * halfRows.dividedRoundingUp(by: tall))
        * shapes.step(rows: Double(tall), vectors: Double(vectors))
    }
  }

  /// Whether the channels have halves.
  static func accepts(_ g: ConvolutionGeometry) -> Bool {
    (g.inChannels / g.groups) % 2 == 0 && (g.outChannels / g.groups) % 2 == 0
  }

  /// The cheapest blocks of so many outputs: those of the least cost a column, and at the end whatever is cheapest together.
  static func blockShapes(_ shapes: TileShapes, outputs: Int, halfRows: Int) -> [BlockShape] {
    let choices = (1...shapes.vectors).flatMap { vectors in
      [false, true].map { BlockShape(vectors: vectors, isHalf: $0) }
    }
    let costs = choices.map { $0.cycles(shapes, halfRows: halfRows) }
    let common = choices.indices.min {
      costs[$0] / Double(choices[$0].allVectors) < costs[$1] / Double(choices[$1].allVectors)
    }!
    let all = outputs.dividedRoundingUp(by: shapes.lanes)
    let same = max(0, all - 4 * shapes.vectors) / choices[common].allVectors
    var blocks = [BlockShape](repeating: choices[common], count: same)
    var left = all - same * choices[common].allVectors
    // Of the cheapest blocks of n vectors, the one before which the others come.
    var best: [(cost: Double, last: Int)] = [(0, 0)]
    for n in 0..<left {
      best.append(
        choices.indices.map { (best[max(0, n + 1 - choices[$0].allVectors)].cost + costs[$0], $0) }
          .min { $0.0 < $1.0 }!)
    }
    while left > 0 {
      blocks.append(choices[best[left].last])
      left -= blocks[blocks.count - 1].allVectors
    }
    return blocks
  }

  /// - Precondition: ``accepts(_:)`` the geometry.
  init(forward g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?) {
    let columns = ColumnSource(
      (0..<3).map { AxisTaps(g, axis: $0) }, source: g.input, kernel: g.kernel, fill: Float(g.mode.fillValue))
    let shapes = kernels.tileShapes
    halfRows = g.outChannels / g.groups / 2
    halfChannels = g.inChannels / g.groups / 2
    halfDepth = halfChannels * columns.taps
    (groups, batch) = (g.groups, g.batch)
    sourcePlane = g.input.reduce(1, *)
    targetPlane = g.output.reduce(1, *)
    var first = 0
    blocks = Self.blockShapes(shapes, outputs: columns.outputs, halfRows: halfRows).map { shape in
      let wide = shape.allVectors * shapes.lanes
      let outputs = first..<min(columns.outputs, first + wide)
      first = outputs.upperBound
      let isInPlace = columns.isIdentity && outputs.count == wide
      return Block(
        outputs: outputs, shape: shape,
        runs: isInPlace && !shape.isHalf ? nil : columns.blockRuns(outputs))
    }
    (self.columns, self.shapes) = (columns, shapes)
    let widest = (blocks.map(\.shape.vectors).max() ?? 1) * shapes.lanes * 7 * MemoryLayout<Float>.stride
    let level2 = CacheSizes.current.level2
    let passes = max(1, halfDepth.dividedRoundingUp(by: max(1, level2 / 4 / widest)))
    passDepth = min(max(1, halfDepth), halfDepth.dividedRoundingUp(by: 4 * passes) * 4)
    let sums = passes == 1 ? 0 : halfRows
    blocksTogether = max(1, min(Self.longestRun, level2 / 2 / (widest * (passDepth + sums))))
    weights = [WeightPanels](
      repeating: WeightPanels(rows: halfRows, depth: 7 * halfDepth, panelRows: shapes.panelRows),
      count: g.groups)
    fill(w, bias)
  }

  mutating func repack(_ w: Tensor<Float>, _ bias: [Float]?) -> Bool {
    fill(w, bias)
    return true
  }

  mutating func releaseWeights() {
    weights.release()
  }

  /// A panel of the upper half's rows has for each part of the depth seven factors: those rows, those of the lower half, or
  /// sums of them.
  private mutating func fill(_ w: Tensor<Float>, _ bias: [Float]?) {
    let (halfRows, halfDepth, passDepth) = (halfRows, halfDepth, passDepth)
    self.bias = TileProduct(kernels).biasVectors(bias, parts: 2 * groups, rows: halfRows)
    let (taps, indices, halfChannels) = (columns.taps, columns.kernelIndices, halfChannels)
    let kernel = w.shape.dimensions[2...].reduce(1, *)
    w.withUnsafeBufferPointer { w in
      weights.refill { group, first, count, wide, out in
        for j in 0..<count {
          let upper = (group &* 2 &* halfRows &+ first &+ j) &* 2 &* halfChannels &* kernel
          let lower = upper &+ halfRows &* 2 &* halfChannels &* kernel
          for d in 0..<halfDepth {
            let left = d / taps &* kernel &+ indices[d % taps]
            let right = left &+ halfChannels &* kernel
            let (a11, a12) = (w[upper &+ left], w[upper &+ right])
            let (a21, a22) = (w[lower &+ left], w[lower &+ right])
            let pass = d / passDepth &* passDepth
            let step = min(passDepth, halfDepth &- pass) &* wide
            let to = out + (7 &* pass &* wide &+ (d &- pass) &* wide &+ j)
            to[0] = a11 + a22
            to[step] = a21 + a22
            to[2 &* step] = a11
            to[3 &* step] = a22
            to[4 &* step] = a11 + a12
            to[5 &* step] = a21 - a11
            to[6 &* step] = a12 - a22
          }
        }
      }
    }
  }

  var addsInPlace: Bool { true }

  /// Bytes of packed weights.
  var weightBytes: Int { weights.byteCount }

  private static let longestRun = 8

  private var widest: Int { (blocks.map(\.shape.vectors).max() ?? 1) * shapes.lanes }
  var panels: Int { halfRows.dividedRoundingUp(by: shapes.panelRows) }
  /// From factor to factor of a block's samples. A cache line more than they take, so that no two are a power of two apart.
  func factorStep(_ depth: Int, _ wide: Int) -> Int { depth * wide + 16 }

  /// Working memory, in elements.
  private struct Room {
    /// Columns that are copied together.
    let columns: Int
    /// A block's factors.
    let factors: Int
    /// Seven products of a panel.
    let products: Int
    /// Panels whose products are kept from one part of the depth to the next.
    let keptPanels: Int
    /// A panel's outputs, where they are not stored in whole vectors.
    let aside: Int
  }

  private func room(panels: Int) -> Room {
    Room(
      columns: 4 * passDepth * widest + shapes.lanes, factors: 7 * factorStep(passDepth, widest),
      products: 7 * shapes.panelRows * widest, keptPanels: passDepth == max(1, halfDepth) ? 0 : panels,
      aside: 4 * shapes.panelRows * widest)
  }

  private func count(_ room: Room) -> Int {
    room.columns + room.aside + shapes.lanes
      + blocksTogether * (room.factors + max(1, room.keptPanels) * room.products)
  }

  var workspaceBytes: Int { count(room(panels: panels)) * MemoryLayout<Float>.stride }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    guard batch > 0, !blocks.isEmpty else { return }
    // Threads share panels' rows, so that each has as many.
    let tall = shapes.rows[shapes.vectors - 1]
    let pieces = TilePieces(
      planes: batch * groups, blocks: blocks.count, longestRun: Self.longestRun,
      panels: halfRows.dividedRoundingUp(by: tall), threads: pool.threadCount)
    let biasStep = 2 * panels * shapes.panelRows * shapes.lanes
    bias.withUnsafeBufferPointer { bias in
      let bias = bias.baseAddress!
      pieces.forEach(on: pool) { plane, run, tiles in
        let group = plane % groups
        let rows = tiles.lowerBound * tall..<min(halfRows, tiles.upperBound * tall)
        weights[group].withPanels { weights in
          let piece = Piece(
            x: x + plane * 2 * halfChannels * sourcePlane, y: y + plane * 2 * halfRows * targetPlane,
            weights: weights, bias: bias + group * biasStep, rows: rows,
            panels: rows.lowerBound
              / shapes.panelRows..<rows.upperBound.dividedRoundingUp(by: shapes.panelRows),
            finish: finish)
          let room = room(panels: piece.panels.count)
          Scratch.withFloats(count(room)) { scratch in
            for first in stride(from: run.lowerBound, to: run.upperBound, by: blocksTogether) {
              multiply(first..<min(run.upperBound, first + blocksTogether), piece, room, scratch)
            }
          }
        }
      }
    }
  }

  /// What a thread works on.
  struct Piece {
    /// The group's first planes.
    let x: UnsafePointer<Float>
    let y: UnsafeMutablePointer<Float>
    let weights: UnsafePointer<Float>
    let bias: UnsafePointer<Float>
    /// Of each half of the output channels, and the panels that have them.
    let rows: Range<Int>
    let panels: Range<Int>
    let finish: Finish
  }

  /// Some blocks of outputs, for the piece's rows.
  private func multiply(
    _ together: Range<Int>, _ piece: Piece, _ room: Room, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let zeros = scratch
    zeros.update(repeating: 0, count: shapes.lanes)
    let aside = zeros + shapes.lanes
    let copied = aside + room.aside
    let factors = copied + room.columns
    let products = factors + blocksTogether * room.factors
    let panelStep = 7 * halfDepth * shapes.panelRows
    var d = 0
    repeat {
      let depth = d..<min(halfDepth, d + passDepth)
      let isLast = depth.upperBound == halfDepth
      for (i, block) in blocks[together].enumerated() {
        pack(block, depth, piece.x, copied, to: factors + i * room.factors)
      }
      for panel in piece.panels {
        let weights = piece.weights + (panel * panelStep + 7 * d * shapes.panelRows)
        let firstRow = panel * shapes.panelRows
        let rows = piece.rows.clamped(to: firstRow..<firstRow + shapes.panelRows)
        let kept = room.keptPanels == 0 ? 0 : panel - piece.panels.lowerBound
        for (i, block) in blocks[together].enumerated() {
          let products = products + (i * max(1, room.keptPanels) + kept) * room.products
          if isLast { askForResiduals(block, rows, piece) }
          multiply(
            weights, rows.lowerBound - firstRow..<rows.upperBound - firstRow, factors + i * room.factors,
            block.shape, depth: depth.count, to: products, start: d == 0 ? zeros : nil,
            // Once they are multiplied with the last block, the next panel's are asked for.
            nextPanel: i == together.count - 1 ? panelStep : 0)
          if isLast { store(block, rows, products, piece, aside) }
        }
      }
      d = depth.upperBound
    } while d < halfDepth
  }
}
