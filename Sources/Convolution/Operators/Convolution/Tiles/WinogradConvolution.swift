import Microkernels
import Tensors

/// A convolution of stride 1 by Winograd's F(4x4, 3x3), F(2x2, 3x3), F(2x2, 5x5) or F(4, 3): tiles of 6x6 (4x4, or 6)
/// inputs are transformed, multiplied with the transformed weights (36, 16 or 6 matrix products, in register tiles), and
/// transformed back to 4x4 (2x2, or 4) outputs. A block of tiles, of one sample or of several, goes through all three
/// before the next, so that it stays in the caches.
///
/// Vectors are channels in all three: planes are turned over as they are read, and back as the outputs are stored, which
/// takes less than tiles side by side, which fill vectors in wide planes alone.
///
/// A greater kernel is cut into pieces of the transform's, filled up with zeros: each piece reads the planes further on, as
/// if it were so many more input channels. So are the planes of a kernel with depth.
struct WinogradConvolution: PlannedConvolution {
  let geometry: ConvolutionGeometry
  let product = DirectProduct()
  let transform: WinogradTransform
  /// Panels of output channels, group by group; in each a matrix for every entry of a tile.
  private(set) var weights: Tensor<Float>
  /// Of all groups, each filled up to whole vectors.
  private(set) var bias: [Float] = []
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
  /// Output channels of each panel, and the first of them.
  let widths: [Int]
  let firstRows: [Int]
  /// Where each step of the depth is in a tile's transformed inputs, whose pieces have whole vectors of channels.
  let depthOffsets: [Int32]
  /// Transformed inputs of a tile, whose pieces have whole vectors of channels.
  var tileStep = 0
  /// Tiles that go through together.
  var blockTiles = 0
  /// A band's padded samples, or its outputs, of a vector of channels.
  var bandCount = 0

  /// Whether the transform is of pieces of the geometry's kernel, without stride or dilation.
  static func accepts(_ g: ConvolutionGeometry, _ transform: WinogradTransform) -> Bool {
    guard g.stride == [1, 1, 1], g.dilation == [1, 1, 1], g.kernel[2] >= transform.kernel,
      transform.isLine ? g.kernel[1] == 1 : g.kernel[1] >= transform.kernel
    else { return false }
    let pieces = transform.pieces(of: g.kernel).reduce(1, *)
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
  ///   - maxPools: whether the maximum of 2x2 outputs is stored, instead of the outputs; of planes' tiles.
  /// - Precondition: ``accepts(_:_:)`` the geometry.
  init(
    _ g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?, _ transform: WinogradTransform,
    isTurned: Bool = false, maxPools: Bool = false
  ) {
    geometry = g
    self.transform = transform
    let (side, lanes) = (transform.side, product.shapes.lanes)
    let pieces = transform.pieces(of: g.kernel)
    self.pieces = pieces
    planes = (0..<max(0, g.output[0] + g.kernel[0] - 1)).map { g.sample(atPadded: $0, axis: 0) }
    pools = maxPools && transform.height > 1
    self.isTurned = isTurned
    plane = PaddedPlane(
      g,
      height: g.output[1].dividedRoundingUp(by: transform.height) * transform.height
        + pieces[1] * transform.kernelHeight - 1,
      width: g.output[2].dividedRoundingUp(by: side) * side + pieces[2] * transform.kernel - 1)
    // A panel for each thread where there may be too few tiles to share.
    let tiles =
      g.batch * g.output[0] * g.output[1].dividedRoundingUp(by: transform.height)
      * g.output[2].dividedRoundingUp(by: side)
    widths = product.shapes.panelVectors(
      channels: g.outChannels / g.groups, least: tiles <= Self.mostTiles ? ThreadPool.shared.threadCount : 1
    ).map { $0 * lanes }
    firstRows = widths.sumsBefore
    let channels = g.inChannels / g.groups
    let filled = channels.dividedRoundingUp(by: lanes) * lanes
    depthOffsets = (0..<pieces.reduce(1, *)).flatMap { piece in
      (0..<channels).map { Int32(piece * filled + $0) }
    }
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

  /// Whether steps of the depth lie side by side in a tile's transformed inputs: channels of pieces may not fill vectors.
  var isContiguous: Bool { depthOffsets.last.map { Int($0) + 1 == depth } ?? false }

  var entries: Int { transform.entries }

  /// Elements from entry to entry of a panel's matrices: off the caches' sets, as the tiles' entries are.
  func weightStep(_ panel: Int) -> Int { depth * widths[panel] + product.shapes.lanes }

  /// Where a panel's matrices start.
  func weightStart(_ group: Int, _ panel: Int) -> Int {
    group * groupCount + entries * (depth * firstRows[panel] + panel * product.shapes.lanes)
  }

  var groupCount: Int { entries * (depth * filledRows + widths.count * product.shapes.lanes) }

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
        if rows - first < wide { start.initialize(repeating: 0, count: entries * step) }
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
    let taps = kernel.reduce(1, *)
    return (0..<pieces.reduce(1, *)).map { piece in
      let (line, column) = piece.quotientAndRemainder(dividingBy: pieces[2])
      let (z, y, x) = (
        line / pieces[1], line % pieces[1] * transform.kernelHeight, column * transform.kernel
      )
      return (0..<transform.kernelHeight).flatMap { row in
        (0..<transform.kernel).map { column in
          if y + row >= kernel[1] || x + column >= kernel[2] { return Int32(taps) }
          let place = (z * kernel[1] + y + row) * kernel[2] + x + column
          return Int32(isTurned ? taps - 1 - place : place)
        }
      }
    }
  }

  var weightBytes: Int { weights.shape.count * MemoryLayout<Float>.stride }
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
