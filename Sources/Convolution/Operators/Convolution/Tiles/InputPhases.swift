import Microkernels
import Tensors

/// How the samples of a convolution with strides lie in vectors, where these hold few channels: the strides' phases side by
/// side, so that one transform takes the pieces of all of them.
///
/// A vector at a column has the channels of that column and of the next ones that the stride steps over, and of each of these
/// those of as many rows.
struct InputPhases: Sendable {
  /// Rows and columns in a vector.
  let rows: Int
  let columns: Int
  /// Lanes of a row and a column.
  let lanes: Int

  var count: Int { rows * columns }
  /// From column to column.
  var columnStep: Int { lanes * rows }

  init(_ g: ConvolutionGeometry, _ transform: WinogradTransform, lanes: Int) {
    let channels = g.inChannels / g.groups
    func phases(_ axis: Int, within lanes: Int) -> Int {
      let step = transform.weightStep(g, axis: axis)
      return lanes % step == 0 && channels <= lanes / step ? step : 1
    }
    columns = phases(2, within: lanes)
    rows = transform.isLine ? 1 : phases(1, within: lanes / columns)
    self.lanes = lanes / (columns * rows)
  }

  /// Where a row of samples begins, of rows of so many columns.
  func start(row: Int, columns: Int) -> Int { row / rows * columns * columnStep + row % rows * lanes }

  /// The starts of pieces along an axis that are transformed, each with the phases after it.
  func transformed(_ starts: [Int], axis: Int) -> [Int] {
    let phases = axis == 1 ? rows : axis == 2 ? columns : 1
    return starts.filter { $0 % phases == 0 }
  }

  /// Of each piece of the kernel, the transformed one that it is in, and its first lane there.
  func pieces(_ starts: [[Int]]) -> [(number: Int, lane: Int)] {
    let (down, across) = (transformed(starts[1], axis: 1), transformed(starts[2], axis: 2))
    return starts[0].flatMap { z in
      starts[1].flatMap { y in
        starts[2].map { x in
          let row = down.firstIndex(of: y - y % rows)!
          let column = across.firstIndex(of: x - x % columns)!
          return (
            (z * down.count + row) * across.count + column, x % columns * columnStep + y % rows * lanes
          )
        }
      }
    }
  }

  /// As many pieces as are transformed.
  func pieceCount(_ starts: [[Int]]) -> Int {
    starts.indices.reduce(1) { $0 * transformed(starts[$1], axis: $1).count }
  }
}
