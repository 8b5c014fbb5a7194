import Microkernels
import Tensors

/// Convolution as a product of the weights and the matrix of columns, as ``TiledConvolution``'s, with seven eighths of the
/// multiplications: both halves of the output channels, of the depth and of a block of columns make matrices of 2x2 blocks,
/// which Strassen's algorithm (Gaussian elimination is not optimal, Numerische Mathematik 13, 1969) multiplies by seven
/// products instead of eight.
///
/// The weights' factors are made once. The samples' are made block by block, for all output channels, and stay in the
/// second-level cache, while a panel of rows at a time becomes seven products, and these outputs, finished.
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
  /// Whether a block's factors are kept for the whole depth, so that a panel goes through all of it before the next.
  private let keepsFactors: Bool
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
    keepsFactors = widest * halfDepth <= level2 / 2
    blocksTogether = max(
      1,
      min(Self.longestRun, level2 / 2 / (widest * (passes == 1 ? max(1, halfDepth) : passDepth + halfRows))))
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
    /// A panel's outputs, where they are not stored in whole vectors.
    let aside: Int
  }

  private var room: Room {
    Room(
      columns: 4 * passDepth * widest + shapes.lanes,
      factors: (keepsFactors ? passes : 1) * 7 * factorStep(passDepth, widest),
      products: 7 * shapes.panelRows * widest, aside: 4 * shapes.panelRows * widest)
  }

  private var passes: Int { max(1, halfDepth.dividedRoundingUp(by: passDepth)) }

  /// Working memory for so many panels at a time.
  private func count(_ room: Room, panels: Int) -> Int {
    room.columns + room.aside + shapes.lanes + blocksTogether * (room.factors + panels * room.products)
  }

  var workspaceBytes: Int {
    count(room, panels: passes == 1 ? 1 : panels) * MemoryLayout<Float>.stride
  }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    guard batch > 0, !blocks.isEmpty else { return }
    let runs = blocks.count.dividedRoundingUp(by: blocksTogether)
    // Where there are few runs, each thread has rows of its own, whose weights it reads alone; it makes all factors for itself.
    let all = batch * groups * runs
    let most = min(pool.threadCount, (4 * pool.threadCount).dividedRoundingUp(by: all))
    let chunkPanels = max(1, panels.dividedRoundingUp(by: most))
    let chunks = panels.dividedRoundingUp(by: chunkPanels)
    // A step of the loop is a panel of some blocks; where the depth has parts, some panels, which go through one before the
    // next.
    let panelsAStep =
      passes == 1 ? 1 : pool.threadCount > 1 && keepsFactors ? min(2, chunkPanels) : chunkPanels
    let steps = chunkPanels.dividedRoundingUp(by: panelsAStep)
    let biasStep = 2 * panels * shapes.panelRows * shapes.lanes
    let room = room
    bias.withUnsafeBufferPointer { bias in
      let bias = bias.baseAddress!
      pool.parallelSteps(chunks * all * steps) { taken in
        Scratch.withFloats(count(room, panels: panelsAStep)) { scratch in
          scratch.update(repeating: 0, count: shapes.lanes)
          var made: Int?
          while let number = taken.next() {
            let (run, step) = number.quotientAndRemainder(dividingBy: steps)
            let (plane, first) = (run % all / runs, run % runs)
            let chunk = run / all * chunkPanels..<min(panels, (run / all + 1) * chunkPanels)
            let group = plane % groups
            weights[group].withPanels { weights in
              let piece = Piece(
                x: x + plane * 2 * halfChannels * sourcePlane, y: y + plane * 2 * halfRows * targetPlane,
                weights: weights, bias: bias + group * biasStep,
                blocks: first * blocksTogether..<min(blocks.count, (first + 1) * blocksTogether),
                panels: (chunk.lowerBound + step * panelsAStep..<chunk.lowerBound + (step + 1) * panelsAStep)
                  .clamped(to: chunk),
                finish: finish)
              multiply(piece, room, scratch, isMade: keepsFactors && made == run % all)
            }
            made = run % all
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
    let blocks: Range<Int>
    /// Of each half of the output channels.
    let panels: Range<Int>
    let finish: Finish
  }

  /// - Parameters:
  ///   - scratch: begins with a vector of zeros.
  ///   - isMade: whether it has the blocks' factors.
  private func multiply(
    _ piece: Piece, _ room: Room, _ scratch: UnsafeMutablePointer<Float>, isMade: Bool
  ) {
    let zeros = scratch
    let aside = zeros + shapes.lanes
    let copied = aside + room.aside
    let factors = copied + room.columns
    let products = factors + blocksTogether * room.factors
    let panelStep = 7 * halfDepth * shapes.panelRows
    var d = 0
    repeat {
      let depth = d..<min(halfDepth, d + passDepth)
      let isLast = depth.upperBound == halfDepth
      let factors = factors + (keepsFactors ? d / passDepth * 7 * factorStep(passDepth, widest) : 0)
      if !isMade {
        for (i, block) in blocks[piece.blocks].enumerated() {
          pack(block, depth, piece.x, copied, to: factors + i * room.factors)
        }
      }
      for panel in piece.panels {
        let weights = piece.weights + (panel * panelStep + 7 * d * shapes.panelRows)
        let rows = panel * shapes.panelRows..<min(halfRows, (panel + 1) * shapes.panelRows)
        // After the last panel come the first one's weights for the next part, and after the last part the next panel's.
        let next =
          panel < piece.panels.upperBound - 1
          ? panelStep
          : 7 * depth.count * shapes.panelRows - (isLast ? 0 : (piece.panels.count - 1) * panelStep)
        for (i, block) in blocks[piece.blocks].enumerated() {
          let products = products + (i * piece.panels.count + panel - piece.panels.lowerBound) * room.products
          if isLast { askForResiduals(block, rows, piece) }
          multiply(
            weights, rows: rows.count, factors + i * room.factors, block.shape, depth: depth.count,
            to: products, start: d == 0 ? zeros : nil,
            // Once they are multiplied with the last block, the next weights are asked for.
            nextPanel: i == piece.blocks.count - 1 ? next : 0)
          if isLast { store(block, rows, products, piece, aside) }
        }
      }
      d = depth.upperBound
    } while d < halfDepth
  }
}
