import CIntrinsics
import Microkernels
import Tensors

/// One kernel for each output channel, over one input channel, whose planes are read where they lie: for kernels that
/// there is vector code for. The workspace is a plane where outputs are pooled, otherwise nothing.
struct DepthwisePlanes: PlannedConvolution {
  private let geometry: ConvolutionGeometry
  private let kernels = Microkernels()
  private let weights: [Float]
  private let bias: [Float]
  /// Whether the maximum of every 2x2 outputs is stored, instead of the outputs.
  private let pools: Bool

  /// Samples of a band: half a first-level cache.
  private static let largestBand = 6000

  /// Whether the algorithm has an answer, to one that ``DepthwiseConvolution`` accepts. (Rows of more than two vectors take
  /// ``DepthwiseBlocks`` a twentieth less, where it has one.)
  static func accepts(_ g: ConvolutionGeometry) -> Bool {
    g.kernel[1] == g.kernel[2] && g.stride[1] == g.stride[2] && g.dilation[1...].allSatisfy { $0 == 1 }
      && g.mode == .zeros && g.padding[1...].allSatisfy { $0.begin >= 0 }
      && Microkernels().depthwiseMaskedTakes(size: g.kernel[1], stride: g.stride[1])
      && (g.output[2] <= 2 * Microkernels().lanes || !DepthwiseBlocks.accepts(g))
  }

  /// - Parameter maxPools: whether the maximum of 2x2 outputs is stored, instead of the outputs.
  /// - Precondition: ``accepts(_:)`` the geometry.
  init(_ g: ConvolutionGeometry, _ w: Tensor<Float>, _ bias: [Float]?, maxPools: Bool) {
    (geometry, weights, pools) = (g, w.scalars, maxPools)
    self.bias = bias ?? [Float](repeating: 0, count: g.outChannels)
  }

  var weightBytes: Int { weights.count * MemoryLayout<Float>.stride }

  /// Outputs of a plane that are pooled, and vectors that are read beyond them.
  private var asideCount: Int {
    pools ? geometry.output[1] * geometry.output[2] + 2 * kernels.lanes : 0
  }

  var workspaceBytes: Int { asideCount * MemoryLayout<Float>.stride }

  func run(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ finish: Finish, pool: ThreadPool
  ) {
    let g = geometry
    let (height, width) = (g.output[1], g.output[2])
    let (inputPlane, outputPlane) = (
      g.input[1] * g.input[2], pools ? height / 2 * (width / 2) : height * width
    )
    let planes = g.batch * g.outChannels
    let pieces = pool.pieces(planes)
    let (size, stride, rest) = (g.kernel[1], g.stride[1], finish.afterBounds)
    let bandRows = max(8, Self.largestBand / max(1, g.input[2] * stride))
    pool.parallelFor(pieces) { piece in
      Scratch.withFloats(asideCount) { aside in
        weights.withUnsafeBufferPointer { weights in
          for i in planes * piece / pieces..<planes * (piece + 1) / pieces {
            let k = i % g.outChannels
            let out = y + i * outputPlane
            var plane = ConvolveDepthwisePlane(
              input: x + i * g.inChannels / g.outChannels * inputPlane, inputRows: g.input[1],
              inputColumns: g.input[2], top: g.padding[1].begin, left: g.padding[2].begin,
              weights: weights.baseAddress! + k * size * size, bias: bias[k], least: finish.bounds.least,
              most: finish.bounds.most, output: pools ? aside : out, rows: height, columns: width)
            // Bands of rows, whose samples stay in the first-level cache from column to column of vectors.
            for top in Swift.stride(from: 0, to: height, by: bandRows) {
              plane.top = g.padding[1].begin - top * stride
              plane.output = (pools ? aside : out) + top * width
              plane.rows = min(bandRows, height - top)
              kernels.depthwiseMasked(&plane, size: size, stride: stride)
            }
            if pools {
              kernels.storeSquares(aside, rows: height, columns: width, to: out, rest)
            } else {
              rest(out, count: height * width)
            }
          }
        }
      }
    }
  }
}

extension Microkernels {
  /// Stores the maximum of every 2x2 outputs of some rows of a plane, finished.
  func storeSquares(
    _ rows: UnsafeMutablePointer<Float>, rows height: Int, columns width: Int,
    to out: UnsafeMutablePointer<Float>, _ finish: Finish
  ) {
    // A quarter of the outputs is finished, if that comes to the same.
    if !finish.keepsOrder { finish.apart(rows, rows: 1, columns: height * width, stride: 0) }
    maximumOfSquares(rows, stride: width, out, outStride: width / 2, rows: height / 2, columns: width / 2)
    if finish.keepsOrder { finish(out, count: height / 2 * (width / 2)) }
  }
}

extension ThreadPool {
  /// Pieces of so many planes, which may be small, so that a piece takes many.
  func pieces(_ planes: Int) -> Int { threadCount == 1 ? min(1, planes) : min(planes, 8 * threadCount) }
}
