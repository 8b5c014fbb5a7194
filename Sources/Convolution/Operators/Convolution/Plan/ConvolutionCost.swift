import Microkernels
import Tensors

/// What a convolution costs by each algorithm, reckoned in a core's cycles from its shapes: sums in registers at one
/// or two vectors a cycle, samples and weights read at two vectors a cycle, and what is copied, transformed and transposed.
/// The constants are measured on Zen 5; only the order of the results counts.
struct ConvolutionCost {
  private let geometry: ConvolutionGeometry
  private let shapes: TileShapes
  private let inputs: Double
  private let rows: Int
  private let taps: Double
  private let outputs: Int

  init(_ geometry: ConvolutionGeometry, _ shapes: TileShapes = Microkernels().tileShapes) {
    (self.geometry, self.shapes) = (geometry, shapes)
    inputs = Double(geometry.inChannels / geometry.groups)
    rows = geometry.outChannels / geometry.groups
    taps = Double(geometry.kernel.reduce(1, *))
    outputs = geometry.output.reduce(1, *)
  }

  /// Cycles for one sample's group.
  func cycles(_ algorithm: ConvolutionPlan.Algorithm) -> Double {
    switch algorithm {
    case .loops: loops
    case .tiles: tiles
    case .strassen: strassen
    case .direct: direct
    case .winograd4, .winograd2, .winograd5, .winograd4s2, .winograd1d: winograd(algorithm.winograd!)
    case .depthwise: depthwise
    case .fourier: Double(rows) * FourierConvolution.tiles(geometry).cyclesAVector * Double(outputs) / 16
    case .scatter: scatter(depth: Int(inputs), channels: rows, samples: geometry.input)
    }
  }

  /// Cycles of packing one group's weights, shared by the samples.
  func packing(_ algorithm: ConvolutionPlan.Algorithm) -> Double {
    let weights = Double(rows) * inputs
    let perSample = weights / Double(max(1, geometry.batch))
    // A kernel's spectrum takes as long as a tile.
    if algorithm == .fourier { return cycles(.fourier) }
    if algorithm == .strassen { return perSample * 3.5 * taps }
    return perSample * (algorithm.winograd.map { 3.5 * Double($0.weights) * pieces($0) } ?? taps)
  }

  /// Cycles of writing the outputs and reading them again.
  var pooling: Double { 4 * Double(rows) * vectors(outputs) }

  /// The algorithm for the transposed convolution.
  var transposed: ConvolutionPlan.Algorithm {
    let (channels, phases) = (geometry.inChannels / geometry.groups, Double(geometry.stride.reduce(1, *)))
    let inVectors = vectors(channels)
    let tile = directTile(inVectors)
    let positions = Double(geometry.input.reduce(1, *))
    let direct =
      tile.panels * (positions / tile.tall) * tile.step * Double(rows) * taps / phases
      + positions * inVectors * 3.5 + positions * Double(channels)
    return direct <= scatter(depth: rows, channels: channels, samples: geometry.output) ? .direct : .scatter
  }

  private func scatter(depth: Int, channels: Int, samples: [Int]) -> Double {
    let (tall, wide) = (shapes.rows[shapes.vectors - 1], Double(shapes.vectors))
    let count = samples.reduce(1, *)
    let blocks = (vectors(count) / wide).rounded(.up)
    let products = Double(channels) * taps
    let inRows = (products / Double(tall)).rounded(.up)
    let rowsAdded = products * Double(count / max(1, samples[2]))
    return blocks * inRows * (shapes.step(rows: Double(tall), vectors: wide) * Double(depth) + 40)
      + rowsAdded * (vectors(samples[2]) * 2 + 25)
  }

  private func vectors(_ count: Int) -> Double { Double(count.dividedRoundingUp(by: shapes.lanes)) }

  private var loops: Double { Double(rows) * inputs * taps * (8 * vectors(outputs) + 20) }

  private var depthwise: Double { Double(rows) * (taps + 4) * vectors(outputs) }

  private var tiles: Double {
    let wide = shapes.vectors
    let all = outputs.dividedRoundingUp(by: shapes.lanes)
    /// A step of the depth for all rows, of a block of so many vectors.
    func step(_ vectors: Int) -> Double {
      if vectors == 0 { return 0 }
      let tall = min(shapes.rows[vectors - 1], rows)
      return Double(rows.dividedRoundingUp(by: tall))
        * shapes.step(rows: Double(tall), vectors: Double(vectors))
    }
    let products = (Double(all / wide) * step(wide) + step(all % wide)) * inputs * taps
    return products + copies + vectors(outputs) * Double(rows) * 1.5 + waiting(weights: taps, while: products)
  }

  /// Copying columns together where they are not rows of the planes.
  private var copies: Double {
    if taps == 1, geometry.stride == [1, 1, 1] { return 0 }
    // A run of samples in each row of outputs, for every row of the matrix of columns.
    // Samples apart from one another take longer.
    let runs = (vectors(geometry.output[2]) + 8) * (geometry.stride[2] > 1 ? 3 : 1)
    return inputs * taps * Double(outputs / max(1, geometry.output[2])) * runs
  }

  private var strassen: Double {
    let boxes = StrassenConvolution.boxCount(outputs)
    // Rows of greater kernels' outputs are halved whole.
    let unit = taps == 1 ? 1 : max(1, geometry.output[2])
    let half = (outputs / unit).dividedRoundingUp(by: 2 * boxes) * unit
    let (halfVectors, halfDepth) = (vectors(rows / 2), inputs * taps / 2)
    let tile = directTile(halfVectors)
    let tiles = (Double(half) / tile.tall).rounded(.up)
    // Tiles of the most vectors come in every height.
    let done = Int(halfVectors) < shapes.vectors ? tiles * tile.tall : Double(half)
    // Entering and leaving a tile takes some 25 cycles.
    let products = 7 * tile.panels * (done / tile.tall * tile.step * halfDepth + tiles * 25)
    let samples = Double(geometry.stride.reduce(1, *) * half)
    // Vectors take as many cycles to be moved as to be multiplied and added.
    let slow = 2 / Double(shapes.multipliesACycle)
    let around =
      slow
      * (inputs / 2 * (samples / Double(shapes.lanes)).rounded(.up) * 9 + 4 * halfVectors * Double(half) * 7)
    return Double(boxes) * (products + around)
      + waiting(weights: 1.75 * taps, while: Double(boxes) * products)
  }

  /// Panels of so many vectors of output channels, outputs of a tile, and one step of its depth.
  private func directTile(_ inVectors: Double) -> (panels: Double, tall: Double, step: Double) {
    let panels = (inVectors / Double(shapes.vectors)).rounded(.up)
    let wide = inVectors / panels
    let tall = Double(shapes.directRows[min(shapes.vectors, Int(wide.rounded(.up))) - 1])
    return (panels, tall, shapes.step(rows: tall, vectors: wide))
  }

  private var direct: Double {
    let inVectors = vectors(rows)
    let tile = directTile(inVectors)
    let products = tile.panels * (Double(outputs) / tile.tall).rounded(.up) * tile.step * inputs * taps
    return products + Double(outputs) * inVectors * 3.5 + inputs * vectors(geometry.input.reduce(1, *)) * 3
      + waiting(weights: taps, while: products)
  }

  private func pieces(_ transform: WinogradTransform) -> Double {
    Double(transform.pieces(geometry))
  }

  private func winograd(_ transform: WinogradTransform) -> Double {
    let down = geometry.output[1].dividedRoundingUp(by: transform.height)
    let across = geometry.output[2].dividedRoundingUp(by: transform.side)
    let tiles = Double(geometry.output[0] * down * across)
    let entries = Double(transform.entries)
    let inVectors = vectors(rows)
    let tile = directTile(inVectors)
    // Entering and leaving a tile of the products takes some 50 cycles.
    let each = Double(
      geometry.output[0] * transform.products(along: geometry.output[2])
        * (transform.isLine ? geometry.output[1] : transform.products(along: geometry.output[1])))
    let products = each * tile.panels / tile.tall * (tile.step * inputs * pieces(transform) + 50)
    let phases = InputPhases(geometry, transform, lanes: shapes.lanes)
    let transformed = vectors(Int(inputs)) * Double(phases.pieceCount(transform.starts(geometry)))
    let transforms = entries * 7 * tiles * (transformed + inVectors)
    // While a weight's later products are taken, there is none to read.
    let weights = Double(transform.weights)
    return products + transforms
      + waiting(weights: weights * pieces(transform), while: products * weights / entries)
  }

  /// Waiting for weights, which in a network come from memory every time: little while there is much to do with them. A core
  /// alone has 10.7 bytes a cycle, two have 7.5 each; the same is reckoned with whatever the threads, as results must be the
  /// same. (10 chooses what is fastest in ResNets at 14x14 and 7x7 with one thread and with two; 7.5 and 12 do not.)
  /// - Parameter weights: of an input and an output channel.
  private func waiting(weights: Double, while products: Double) -> Double {
    let bytesACycle = 10.0
    let samples = Double(max(1, geometry.batch))
    let reading = weights * inputs * Double(rows) * 4 / bytesACycle / samples
    return reading * reading / max(1, products)
  }
}

extension ConvolutionPlan {
  /// What the planner reckons that one sample's group costs by each algorithm within the budget, in cycles of one core;
  /// the cheapest first.
  /// - Parameters:
  ///   - geometry: shapes and how the kernel moves.
  ///   - errorBudget: what algorithms must keep.
  ///   - weightsChange: whether weights are packed for each run.
  ///   - epilogue: what is done to the outputs: pooling that the algorithm leaves to another pass over them counts.
  public static func estimatedCycles(
    _ geometry: ConvolutionGeometry, errorBudget: ErrorBudget = .default, weightsChange: Bool = false,
    epilogue: Epilogue = Epilogue()
  ) -> [(algorithm: Algorithm, cycles: Double)] {
    let cost = ConvolutionCost(geometry)
    var accepted: [Algorithm] = [.loops]
    if geometry.fitsTables {
      accepted += [.tiles, .direct]
      if StrassenConvolution.accepts(geometry) { accepted.append(.strassen) }
      if ScatterConvolution.accepts(geometry) { accepted.append(.scatter) }
      if DepthwiseConvolution.accepts(geometry) { accepted.append(.depthwise) }
      // Small kernels are never cheaper so, and reckoning their tiles takes time.
      if geometry.kernel.reduce(1, *) >= 64, FourierConvolution.accepts(geometry) {
        accepted.append(.fourier)
      }
      for algorithm in Algorithm.allCases {
        if let transform = algorithm.winograd, WinogradConvolution.accepts(geometry, transform) {
          accepted.append(algorithm)
        }
      }
    }
    return accepted.filter { $0.errorBudget <= errorBudget }.map {
      (
        algorithm: $0,
        cycles: cost.cycles($0) + (weightsChange ? cost.packing($0) : 0)
          + (epilogue.maxPooling != nil && !$0.poolsItself(geometry, epilogue) ? cost.pooling : 0)
      )
    }
    .sorted { $0.cycles < $1.cycles }
  }
}
