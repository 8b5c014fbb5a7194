import Tensors

/// Every window of an input as a column.
///
/// y[n, c * taps + t, o] = x[n, c, o * stride + t * dilation - padBegin], outputs and taps counted row by row.
/// - Parameters:
///   - input: `[N, C, spatial...]`; N may be 0.
///   - kernel: one size an axis.
///   - options: how the window moves; groups must be 1.
/// - Returns: `[N, C * taps, outputs]`
/// - Throws: ``GeometryError``.
/// - Complexity: no arithmetic; the output holds `taps` times the input where the stride is 1.
/// - Source: PyTorch `unfold` (im2col), for any rank and padding mode.
public func unfold<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, kernel: [Int], _ options: ConvolutionGeometry.Options = .init()
) throws(GeometryError) -> Tensor<Scalar> {
  let geometry = try windows(of: input.shape, kernel, options)
  let loops = ConvolutionLoops<Scalar>(geometry)
  let (taps, outputs) = (loops.kernelPlane, loops.outputPlane)
  try OutputSize.check(elements: [geometry.batch, geometry.inChannels, taps, outputs])
  return input.withUnsafeBufferPointer { x in
    Tensor(unsafeUninitializedShape: [geometry.batch, geometry.inChannels * taps, outputs]) { y in
      let y = y.baseAddress!
      ThreadPool.shared.parallelFor(geometry.batch * geometry.inChannels) { plane in
        loops.unfold(x.baseAddress! + plane * loops.inputPlane, into: y + plane * taps * outputs)
      }
    }
  }
}

/// The adjoint of ``unfold(_:kernel:_:)``: every column added back to where its window was.
/// - Parameters:
///   - columns: `[N, C * taps, outputs]`
///   - outputSize: the spatial sizes of what was unfolded.
///   - kernel: as it was given to unfold.
///   - options: as they were given to unfold.
/// - Returns: `[N, C, outputSize...]`
/// - Throws: ``GeometryError``, also for columns that do not come from such an input.
/// - Source: PyTorch `fold` (col2im), for any rank and padding mode. Each is the other's gradient.
public func fold<Scalar: FloatingScalar>(
  _ columns: Tensor<Scalar>, outputSize: [Int], kernel: [Int],
  _ options: ConvolutionGeometry.Options = .init()
) throws(GeometryError) -> Tensor<Scalar> {
  guard columns.shape.rank == 3 else {
    throw .invalid("columns of shape \(columns.shape): they must be [N, C * taps, outputs]")
  }
  let spread = try spread(kernel, "kernel", outputSize.count)
  let perChannel = spread.reduce(1) { $0.multipliedReportingOverflow(by: max(0, $1)).partialValue }
  guard perChannel >= 1, columns.shape[1] >= 1, columns.shape[1] % perChannel == 0 else {
    throw .indivisible(
      "\(columns.shape[1]) rows of columns cannot be split into channels of \(perChannel) taps")
  }
  guard outputSize.allSatisfy({ $0 >= 1 }) else {
    throw .outOfRange("output size", outputSize.min()!, "at least 1")
  }
  let geometry = try windows(
    of: Shape([columns.shape[0], columns.shape[1] / perChannel] + outputSize), kernel, options)
  let loops = ConvolutionLoops<Scalar>(geometry)
  let (taps, outputs) = (loops.kernelPlane, loops.outputPlane)
  guard columns.shape[2] == outputs else {
    throw .invalid(
      "\(columns.shape[2]) columns, but an input of \(Shape(outputSize)) has \(outputs) windows")
  }
  return columns.withUnsafeBufferPointer { y in
    Tensor(unsafeUninitializedShape: geometry.inputShape) { x in
      let x = x.baseAddress!
      ThreadPool.shared.parallelFor(geometry.batch * geometry.inChannels) { plane in
        let sums = x + plane * loops.inputPlane
        sums.initialize(repeating: 0, count: loops.inputPlane)
        loops.fold(y.baseAddress! + plane * taps * outputs, addingTo: sums)
      }
    }
  }
}

extension ConvolutionLoops {
  /// The windows of one plane.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  fileprivate func unfold(_ source: UnsafePointer<Scalar>, into columns: UnsafeMutablePointer<Scalar>) {
    forEachRow { tap, outputRow, inputRow, along in
      let out = columns + tap * outputPlane + outputRow
      guard let inputRow else {
        out.initialize(repeating: fill, count: geometry.output[2])
        return
      }
      let row = source + inputRow
      for o in along.inside { (out + o).initialize(to: row[o &* width.stride &+ along.offset]) }
      for (o, i) in along.outside { (out + o).initialize(to: i.map { row[$0] } ?? fill) }
    }
  }

  /// One plane's columns, added back.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  fileprivate func fold(_ columns: UnsafePointer<Scalar>, addingTo sums: UnsafeMutablePointer<Scalar>) {
    forEachRow { tap, outputRow, inputRow, along in
      guard let inputRow else { return }
      let (row, out) = (columns + tap * outputPlane + outputRow, sums + inputRow)
      for o in along.inside { out[o &* width.stride &+ along.offset] += row[o] }
      for (o, i) in along.outside { if let i { out[i] += row[o] } }
    }
  }
}

/// The geometry of windows over every channel alike.
private func windows(
  of input: Shape, _ kernel: [Int], _ options: ConvolutionGeometry.Options
) throws(GeometryError) -> ConvolutionGeometry {
  guard options.groups == 1 else {
    throw .outOfRange("groups", options.groups, "1: every channel is unfolded alike")
  }
  guard input.rank >= 3, input[1] >= 1 else {
    throw .invalid("an input of shape \(input): it must be [N, C] and one to three spatial sizes")
  }
  let sizes = try spread(kernel, "kernel", input.rank - 2)
  guard sizes.allSatisfy({ $0 >= 1 }) else { throw .outOfRange("kernel size", sizes.min()!, "at least 1") }
  return try ConvolutionGeometry(input: input, weight: Shape([1, input[1]] + sizes), options)
}
