import Microkernels

extension DirectConvolution {
  /// Outputs of a box that lie side by side in their plane: the first of them, and where it goes.
  struct Run: Sendable {
    let first: Int
    let place: Int
    var count: Int
  }

  /// Where a box's outputs go.
  enum Target: Sendable {
    case runs([Run])
    case places([Int])
    /// The maximum of every 2x2 outputs, of rows of so many columns, in rows so far apart.
    case squares(place: Int, rows: Int, columns: Int, stride: Int)
  }

  /// Of a box whose 2x2 outputs are pooled, in a plane of so many sizes.
  static func squares(_ box: PaddedBoxes.Box, _ sizes: [Int]) -> Target {
    let (rows, columns) = (box.outputs[1], box.outputs[2])
    return .squares(
      place: rows.lowerBound / 2 * sizes[2] + columns.lowerBound / 2, rows: rows.count,
      columns: columns.count,
      stride: sizes[2])
  }

  /// Of a box, in a plane of so many sizes, from the first places on, strides apart.
  static func target(
    _ box: PaddedBoxes.Box, _ sizes: [Int], _ phase: [Int], _ stride: [Int]
  ) -> Target {
    let rows = box.outputs[0].flatMap { z in
      box.outputs[1].map { y in
        ((z * stride[0] + phase[0]) * sizes[1] + y * stride[1] + phase[1]) * sizes[2] + phase[2]
      }
    }
    if stride[2] > 1 {
      return .places(rows.flatMap { row in box.outputs[2].map { row + $0 * stride[2] } })
    }
    return .runs(runs(rows, box.outputs[2]))
  }

  /// Of a box, in a plane of so many sizes.
  static func runs(_ box: PaddedBoxes.Box, _ sizes: [Int]) -> [Run] {
    runs(
      box.outputs[0].flatMap { z in box.outputs[1].map { y in (z * sizes[1] + y) * sizes[2] } },
      box.outputs[2])
  }

  /// Of rows that start so far on, and some columns of them.
  private static func runs(_ rows: [Int], _ columns: Range<Int>) -> [Run] {
    var runs: [Run] = []
    for (i, row) in rows.enumerated() {
      let place = row + columns.lowerBound
      if let last = runs.last, last.place + last.count == place {
        runs[runs.count - 1].count += columns.count
      } else {
        runs.append(Run(first: i * columns.count, place: place, count: columns.count))
      }
    }
    return runs
  }

  /// Asks for the residual of some channels' outputs, to be there when these are stored.
  func askForResidual(
    _ target: Target, _ y: UnsafeMutablePointer<Float>, _ channels: Int, _ finish: Finish
  ) {
    if case .runs(let runs) = target { Self.ask(runs, y, channels, targetPlane, finish) }
  }

  /// - Parameter plane: from channel to channel.
  static func ask(
    _ runs: [Run], _ y: UnsafeMutablePointer<Float>, _ channels: Int, _ plane: Int, _ finish: Finish
  ) {
    for run in runs {
      finish.askForResidual(y + run.place, rows: channels, columns: run.count, stride: plane)
    }
  }

  /// Stores the sums of at most a vector of channels. Outputs apart from one another are left to be finished later.
  func store(
    _ sums: UnsafeMutablePointer<Float>, _ step: Int, channels: Int, _ outputs: Int, _ target: Target,
    to y: UnsafeMutablePointer<Float>, _ aside: UnsafeMutablePointer<Float>, _ finish: Finish
  ) {
    switch target {
    case .runs(let runs):
      for run in runs {
        product.kernels.transpose(
          sums + run.first * step, sourceStride: step, y + run.place, outStride: targetPlane, rows: run.count,
          columns: channels)
        finish(y + run.place, rows: channels, columns: run.count, stride: targetPlane)
      }
    case .places(let places):
      product.kernels.transpose(
        sums, sourceStride: step, aside, outStride: outputs, rows: outputs, columns: channels)
      places.withUnsafeBufferPointer { places in
        for channel in 0..<channels {
          let (from, to) = (aside + channel * outputs, y + channel * targetPlane)
          for p in 0..<outputs { to[places[p]] = from[p] }
        }
      }
    case .squares(let place, let rows, let columns, let stride):
      product.storeSquares(
        sums, step: step, rows: rows, columns: columns, channels: channels, to: y + place, stride: stride,
        plane: targetPlane, aside, finish)
    }
  }
}
