import Microkernels
import Tensors

/// A convolution by Winograd's F(4x4, 3x3), F(2x2, 3x3), F(2x2, 5x5) or F(4, 3): tiles of 6x6 (4x4, or 6)
/// inputs are transformed, multiplied with the transformed weights (36, 16 or 6 matrix products, in register tiles), and
/// transformed back to 4x4 (2x2, or 4) outputs. With a stride of 2, F(4x4, 3x3) takes 9x9 inputs and 81 products. A block of
/// tiles, of one sample or of several, goes through all three before the next, so that it stays in the caches.
///
/// Vectors are channels in all three: planes are turned over as they are read, and back as the outputs are stored, which
/// takes less than tiles side by side, which fill vectors in wide planes alone.
///
/// A greater kernel is cut into pieces of the transform's, filled up with zeros: each piece reads the planes further on, as
/// if it were so many more input channels. So are the planes of a kernel with depth. Of strides that the transform has not, a
/// piece has every stride-th weight and reads every stride-th sample: of few channels, all phases of the strides in one vector.
struct WinogradConvolution: PlannedConvolution {
  let geometry: ConvolutionGeometry
  let product = DirectProduct()
  let transform: WinogradTransform
  /// Panels of output channels, group by group; in each the transform's matrices.
  private(set) var weights: Tensor<Float>
  /// Of all groups, each filled up to whole vectors.
  private(set) var bias: [Float] = []
  let plane: PaddedPlane
  /// Of which maximums are stored, instead of the outputs.
  let pooling: Epilogue.MaxPooling?
  private let isTurned: Bool
  /// Where the weights of each piece stand in a kernel, whose last is followed by a zero.
  private var places: [[Int32]] = []

  /// Where the pieces of the kernel start along depth, height and width.
  let starts: [[Int]]
  /// The plane that each output's first piece along the depth reads, and so on; nil in the padding.
  let planes: [Int?]
  /// Output channels of each panel, and the first of them.
  let widths: [Int]
  let firstRows: [Int]
  /// How samples lie in vectors.
  let phases: InputPhases
  /// From piece to piece of a tile's transformed inputs.
  let pieceStep: Int
  /// Where each step of the depth is in a tile's transformed inputs.
  let depthOffsets: [Int32]
  /// Whether they lie side by side, in order.
  let isContiguous: Bool
  /// A tile's products, in the order of their weights.
  let products: [WinogradTransform.Product]
  /// Transformed inputs of a tile, in whole vectors.
  var tileStep = 0
  /// Tiles that go through together.
  var blockTiles = 0
  /// A band's padded samples, or its outputs, of a vector of channels.
  var bandCount = 0

  /// Whether the transform is of pieces of the geometry's kernel, without dilation, or has the geometry's kernel and stride.
  /// Strides leave at least two weights of each row in a piece: transforms of single ones would have eight times the error
  /// of their sum.
  static func accepts(_ g: ConvolutionGeometry, _ transform: WinogradTransform) -> Bool {
    func fits(_ axis: Int) -> Bool {
      transform.stride > 1
        ? (g.kernel[axis], g.stride[axis]) == (transform.kernel, transform.stride)
        : g.kernel[axis] >= max(transform.kernel, g.stride[axis] == 1 ? 1 : 2 * g.stride[axis])
    }
    guard g.dilation == [1, 1, 1], fits(2), transform.isLine ? g.kernel[1] == 1 : fits(1) else {
      return false
    }
    let pieces = transform.pieces(g)
    return pieces == 1 || pieces * g.inChannels / g.groups <= mostDepth
  }

  /// The most tiles of a block, unless the weights are large.
  static let mostTiles = 64

  /// Input channels, each piece of the kernel counted as one, up to which kernels are cut.
  private static let mostDepth = 2048

  /// - Parameters:
  ///   - w: `[K, C / groups, depth, height, width]`, or `[C, K / groups, depth, height, width]` of the convolution that this
  ///     is the turned one of.
  ///   - isTurned: whether it is.
  ///   - pooling: of which maximums are stored, instead of the outputs.
  /// - Precondition: ``accepts(_:_:)`` the geometry, and ``pools(_:_:_:)`` it where it is pooled.
  init(
    _ g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?, _ transform: WinogradTransform,
    isTurned: Bool = false, pooling: Epilogue.MaxPooling? = nil
  ) {
    geometry = g
    self.transform = transform
    let (side, lanes) = (transform.side, product.shapes.lanes)
    starts = transform.starts(g)
    planes = (0..<max(0, (g.output[0] - 1) * g.stride[0] + g.kernel[0])).map {
      g.sample(atPadded: $0, axis: 0)
    }
    self.pooling = pooling
    self.isTurned = isTurned
    let down = g.output[1].dividedRoundingUp(by: transform.height)
    let across = g.output[2].dividedRoundingUp(by: side)
    products = transform.products(
      lastRows: g.output[1] - (down - 1) * transform.height, lastColumns: g.output[2] - (across - 1) * side)
    plane = PaddedPlane(
      g, height: transform.read(g, axis: 1, starts[1], outputs: down * transform.height),
      width: transform.read(g, axis: 2, starts[2], outputs: across * side))
    // A panel for each thread where there may be too few tiles to share.
    let tiles = g.batch * g.output[0] * down * across
    widths = product.shapes.panelVectors(
      channels: g.outChannels / g.groups, least: tiles <= Self.mostTiles ? ThreadPool.shared.threadCount : 1
    ).map { $0 * lanes }
    firstRows = widths.sumsBefore
    let channels = g.inChannels / g.groups
    let phases = InputPhases(g, transform, lanes: lanes)
    // Pieces of less than a vector are written one after another, each over the last one's empty lanes.
    let pieceStep =
      phases.count > 1 || channels >= lanes ? channels.dividedRoundingUp(by: lanes) * lanes : channels
    (self.phases, self.pieceStep) = (phases, pieceStep)
    depthOffsets = phases.pieces(starts).flatMap { number, lane in
      let first = number * pieceStep + lane
      return (first..<first + channels).map(Int32.init)
    }
    isContiguous = depthOffsets.elementsEqual(0..<Int32(depthOffsets.count))
    weights = Tensor(unsafeUninitializedShape: [0]) { _ in }
    places = kernelPlaces()
    reckonSizes()
    fill(w, bias ?? [Float](repeating: 0, count: g.outChannels))
  }

  mutating func repack(_ w: Tensor<Float>, _ bias: [Float]?) -> Bool {
    fill(w, bias)
    return true
  }

  mutating func releaseWeights() { weights = Tensor(unsafeUninitializedShape: [0]) { _ in } }

  private mutating func fill(_ w: Tensor<Float>, _ bias: [Float]?) {
    weights = Tensor(unsafeUninitializedShape: [geometry.groups * groupCount]) { pack(w, into: $0) }
    guard let bias else { return }
    let (rows, filled) = (geometry.outChannels / geometry.groups, filledRows)
    self.bias = (0..<geometry.groups * filled).map { i in
      i % filled < rows ? bias[i / filled * rows + i % filled] : 0
    }
  }

  /// Output channels of a group, filled up to whole panels.
  var filledRows: Int { widths.reduce(0, +) }

  /// Input channels of a group, each piece of the kernel counted as one.
  var depth: Int { depthOffsets.count }

  var entries: Int { transform.entries }

  /// Elements from matrix to matrix of a panel: off the caches' sets, as the tiles' entries are.
  func weightStep(_ panel: Int) -> Int { depth * widths[panel] + product.shapes.lanes }

  /// Where a panel's matrices start.
  func weightStart(_ group: Int, _ panel: Int) -> Int {
    group * groupCount + transform.weights * (depth * firstRows[panel] + panel * product.shapes.lanes)
  }

  var groupCount: Int {
    transform.weights * (depth * filledRows + widths.count * product.shapes.lanes)
  }

  private func pack(_ w: Tensor<Float>, into out: UnsafeMutableBufferPointer<Float>) {
    let g = geometry
    let taps = g.kernel.reduce(1, *)
    let (rows, channels) = (g.outChannels / g.groups, g.inChannels / g.groups)
    let (kernels, lanes) = (product.kernels, product.shapes.lanes)
    let (panels, widths, firstRows, places) = (widths.count, widths, firstRows, places)
    guard let out = out.baseAddress else { return }
    w.withUnsafeBufferPointer { w in
      let w = w.baseAddress!
      ThreadPool.shared.parallelFor(g.groups * panels) { item in
        let (group, panel) = item.quotientAndRemainder(dividingBy: panels)
        let (start, step) = (out + weightStart(group, panel), weightStep(panel))
        let (first, wide) = (firstRows[panel], widths[panel])
        if rows - first < wide { start.initialize(repeating: 0, count: transform.weights * step) }
        Scratch.withFloats((taps + 1 + 30) * lanes) { scratch in
          let zeros = scratch + taps * lanes
          zeros.update(repeating: 0, count: lanes)
          for c in 0..<channels {
            for row in Swift.stride(from: first, to: min(rows, first + wide), by: lanes) {
              let count = min(lanes, rows - row)
              let (from, rowStep) =
                isTurned
                ? (((group * channels + c) * rows + row) * taps, taps)
                : (((group * rows + row) * channels + c) * taps, channels * taps)
              kernels.transpose(
                w + from, sourceStride: rowStep, scratch, outStride: lanes, rows: count, columns: taps)
              for (piece, places) in places.enumerated() {
                kernels.winogradWeights(
                  transform, scratch, places: places,
                  start + ((piece * channels + c) * wide + row - first), step: step, count: count,
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
    let (down, across) = (transform.weightStep(geometry, axis: 1), transform.weightStep(geometry, axis: 2))
    let taps = kernel.reduce(1, *)
    func places(_ z: Int, _ y: Int, _ x: Int) -> [Int32] {
      (0..<transform.kernelHeight).flatMap { i in
        (0..<transform.kernel).map { j in
          let (row, column) = (y + i * down, x + j * across)
          if row >= kernel[1] || column >= kernel[2] { return Int32(taps) }
          let place = (z * kernel[1] + row) * kernel[2] + column
          return Int32(isTurned ? taps - 1 - place : place)
        }
      }
    }
    return starts[0].flatMap { z in starts[1].flatMap { y in starts[2].map { x in places(z, y, x) } } }
  }

  var weightBytes: Int { weights.shape.count * MemoryLayout<Float>.stride }
}

extension WinogradTransform {
  /// Where the pieces of a kernel start along depth, height and width: one for every so many weights of each phase of the
  /// strides that the transform has not.
  func starts(_ g: ConvolutionGeometry) -> [[Int]] {
    func starts(_ axis: Int, _ size: Int) -> [Int] {
      let (kernel, step) = (g.kernel[axis], weightStep(g, axis: axis))
      return (0..<min(step, kernel)).flatMap { Swift.stride(from: $0, to: kernel, by: step * size) }.sorted()
    }
    return [Array(0..<g.kernel[0]), starts(1, kernelHeight), starts(2, kernel)]
  }

  /// As many pieces as start.
  func pieces(_ g: ConvolutionGeometry) -> Int {
    func pieces(_ axis: Int, _ size: Int) -> Int {
      let (kernel, step) = (g.kernel[axis], weightStep(g, axis: axis))
      return (0..<min(step, kernel)).reduce(0) { $0 + (kernel - $1).dividedRoundingUp(by: step * size) }
    }
    return g.kernel[0] * pieces(1, kernelHeight) * pieces(2, kernel)
  }
  /// Samples from weight to weight of a piece along an axis.
  func weightStep(_ g: ConvolutionGeometry, axis: Int) -> Int { g.stride[axis] / stride }

  /// Padded samples that so many outputs along an axis read, of pieces that start there.
  func read(_ g: ConvolutionGeometry, axis: Int, _ starts: [Int], outputs: Int) -> Int {
    if outputs == 0 { return 0 }
    let reach = ((axis == 1 ? kernelHeight : kernel) - 1) * weightStep(g, axis: axis)
    return starts.last! + (outputs - 1) * g.stride[axis] + reach + 1
  }
}
