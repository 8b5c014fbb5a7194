import Tensors

/// Padding or resizing of float32 tensors of one shape, and its gradient, in memory that is given, for programs: linear maps
/// along several axes, one after another.
package struct AxisMaps: Sendable {
  private struct Stage: Sendable {
    let map: AxisMap
    let outer: Int
    let inner: Int
    var inputs: Int { outer * map.inputCount * inner }
    var outputs: Int { outer * map.outputs.count * inner }
  }

  private let stages: [Stage]
  private let fill: Float
  private let count: Int

  /// - Throws: ``GeometryError``, as ``pad(_:_:mode:)`` does.
  package init(
    padding amounts: [Padding.Amount], mode: PaddingMode, input: Shape
  ) throws(GeometryError) {
    self.init(input, try paddingMaps(input, amounts, mode), fill: Float(mode.fillValue))
  }

  /// - Throws: ``GeometryError``, as ``resize(_:outputSize:scales:_:)`` does.
  package init(resizing input: Shape, outputSize: [Int], _ options: ResizeOptions) throws(GeometryError) {
    let first = input.rank - outputSize.count
    let maps = try options.maps(input, outputSize, nil).enumerated().compactMap { i, map in
      map.map { (first + i, $0) }
    }
    self.init(input, maps, fill: Float(options.fill))
  }

  private init(_ input: Shape, _ maps: [(axis: Int, map: AxisMap)], fill: Float) {
    var sizes = input.dimensions
    count = input.count
    self.fill = fill
    stages = maps.map { axis, map in
      let stage = Stage(
        map: map, outer: sizes[..<axis].reduce(1, *), inner: sizes[(axis + 1)...].reduce(1, *))
      sizes[axis] = map.outputs.count
      return stage
    }
  }

  package func apply(to x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>) {
    through(stages, x, into: y, between: \.outputs) { stage, x, y in
      let (from, to) = (stage.map.inputCount * stage.inner, stage.map.outputs.count * stage.inner)
      ThreadPool.shared.parallelFor(stage.outer) { outer in
        stage.map.gather(x + outer * from, into: y + outer * to, stage.inner, fill)
      }
    }
  }

  /// The transposed maps, last first: what a gradient of the outputs gives back to the inputs.
  package func applyTransposed(to dy: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>) {
    through(stages.reversed(), dy, into: dx, between: \.inputs) { stage, dy, dx in
      let (from, to) = (stage.map.outputs.count * stage.inner, stage.map.inputCount * stage.inner)
      ThreadPool.shared.parallelFor(stage.outer) { outer in
        stage.map.scatter(dy + outer * from, into: dx + outer * to, stage.inner)
      }
    }
  }

  /// Results between the stages lie in two parts of the working memory in turn.
  private func through(
    _ stages: some RandomAccessCollection<Stage>, _ x: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>, between size: (Stage) -> Int,
    _ body: (Stage, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) {
    guard let last = stages.indices.last else {
      y.update(from: x, count: count)
      return
    }
    let room = stages.dropLast().lazy.map(size).max() ?? 0
    Scratch.withFloats(2 * room) { scratch in
      var (source, isFirst) = (x, true)
      for i in stages.indices {
        let target = i == last ? y : isFirst ? scratch : scratch + room
        body(stages[i], source, target)
        (source, isFirst) = (UnsafePointer(target), !isFirst)
      }
    }
  }
}
