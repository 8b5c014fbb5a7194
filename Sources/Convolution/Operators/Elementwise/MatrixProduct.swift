import CIntrinsics
import Microkernels
import Tensors

/// The product of two matrices.
///
/// y[i, j] = sum over k of a[i, k] * b[k, j]
/// - Parameters:
///   - a: `[M, K]`, or `[K, M]` where `transposeA`.
///   - b: `[K, N]`, or `[N, K]` where `transposeB`.
///   - transposeA: whether a is read along its columns.
///   - transposeB: whether b is read along its columns.
/// - Returns: `[M, N]`
/// - Throws: ``GeometryError`` where the shapes do not fit.
/// - Complexity: M * N * K multiply-adds, in float32 by register tiles, with a copy of a as workspace; a transposed b
///   is read as it lies.
/// - Source: PyTorch `matmul`; ONNX `Gemm`.
public func matmul<Scalar: FloatingScalar>(
  _ a: Tensor<Scalar>, _ b: Tensor<Scalar>, transposeA: Bool = false, transposeB: Bool = false
) throws(GeometryError) -> Tensor<Scalar> {
  guard a.shape.rank == 2, b.shape.rank == 2 else {
    throw .invalid("matrices of shapes \(a.shape) and \(b.shape): both must have rank 2")
  }
  let left = Matrix(a.shape, isTransposed: transposeA)
  let right = Matrix(b.shape, isTransposed: transposeB)
  guard left.columns == right.rows else {
    throw .invalid(
      "a matrix of \(left.rows)x\(left.columns) times one of \(right.rows)x\(right.columns): the inner sizes must "
        + "be equal")
  }
  try OutputSize.check(elements: [left.rows, right.columns])
  if let a = a as? Tensor<Float>, let b = b as? Tensor<Float>,
    let y = tiledProduct(a, left, b, right) as? Tensor<Scalar>
  {
    return y
  }
  return plainProduct(a, left, b, right)
}

/// Applies a fully connected layer.
///
/// y[n, o] = bias[o] + sum over i of x[n, i] * weight[o, i]
/// - Parameters:
///   - input: `[..., inFeatures]`
///   - weight: `[outFeatures, inFeatures]`
///   - bias: `[outFeatures]`
/// - Returns: `[..., outFeatures]`
/// - Throws: ``GeometryError`` where the shapes do not fit.
/// - Source: PyTorch `linear`.
public func linear<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, weight: Tensor<Scalar>, bias: Tensor<Scalar>? = nil
) throws(GeometryError) -> Tensor<Scalar> {
  let rows = try rows(input, weight.shape)
  try check(bias: bias?.shape, channels: weight.shape[0])
  var y = try matmul(rows, weight, transposeB: true)
  if let bias = bias?.scalars {
    y.withUnsafeMutableBufferPointer { y in
      for i in y.indices { y[i] += bias[i % bias.count] }
    }
  }
  return y.reshaped(Shape(input.shape.dimensions.dropLast() + [weight.shape[0]]))
}

/// The gradients of ``linear(_:weight:bias:)`` with respect to input, weight and bias.
/// - Parameters:
///   - upstream: dL/dy, of the output's shape.
///   - input: as it was given forward.
///   - weight: as it was given forward.
/// - Throws: ``GeometryError``.
public func linearGradients<Scalar: FloatingScalar>(
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, weight: Tensor<Scalar>
) throws(GeometryError) -> ConvGradients<Scalar> {
  let x = try rows(input, weight.shape)
  try check(
    upstream: upstream.shape, output: Shape(input.shape.dimensions.dropLast() + [weight.shape[0]]))
  let dy = upstream.reshaped([x.shape[0], weight.shape[0]])
  return ConvGradients(
    input: try matmul(dy, weight).reshaped(input.shape), weight: try matmul(dy, x, transposeA: true),
    bias: dy.sumPerChannel())
}

/// The gradients of ``linearGradients(upstream:input:weight:)`` with respect to upstream, input and weight.
///
/// With a = dL/d(dx), aw = dL/d(dweight) and ab = dL/d(dbias):
/// d upstream = a weight^T + input aw^T + ab, d input = upstream aw, d weight = upstream^T a.
/// - Parameters:
///   - inputGradient: dL/d(dx), of the input's shape.
///   - weightGradient: dL/d(dweight), of the weight's shape.
///   - biasGradient: dL/d(dbias), `[outFeatures]`; zeros where nil.
///   - upstream: as it was given to the gradients.
///   - input: as it was given forward.
///   - weight: as it was given forward.
/// - Throws: ``GeometryError``.
public func linearSecondGradients<Scalar: FloatingScalar>(
  inputGradient: Tensor<Scalar>, weightGradient: Tensor<Scalar>, biasGradient: Tensor<Scalar>? = nil,
  upstream: Tensor<Scalar>, input: Tensor<Scalar>, weight: Tensor<Scalar>
) throws(GeometryError) -> ConvSecondGradients<Scalar> {
  try check(upstream: inputGradient.shape, output: input.shape)
  try check(upstream: weightGradient.shape, output: weight.shape)
  let du = zipMap(
    try linear(inputGradient, weight: weight, bias: biasGradient), try linear(input, weight: weightGradient)
  ) { $0 + $1 }
  let byWeight = try linearGradients(upstream: upstream, input: input, weight: weightGradient)
  let byInput = try linearGradients(upstream: upstream, input: inputGradient, weight: weight)
  return ConvSecondGradients(upstream: du, input: byWeight.input, weight: byInput.weight)
}

/// The input as a matrix of rows of features.
private func rows<Scalar: FloatingScalar>(
  _ input: Tensor<Scalar>, _ weight: Shape
) throws(GeometryError) -> Tensor<Scalar> {
  guard weight.rank == 2, let features = input.shape.dimensions.last, features == weight[1] else {
    throw .invalid(
      "an input of shape \(input.shape) and a weight of \(weight): they must be [..., inFeatures] and "
        + "[outFeatures, inFeatures]")
  }
  return input.reshaped([input.shape.dimensions.dropLast().reduce(1, *), features])
}

/// How a matrix is read.
private struct Matrix {
  let rows: Int
  let columns: Int
  let rowStep: Int
  let columnStep: Int

  init(_ shape: Shape, isTransposed: Bool) {
    (rows, columns) = isTransposed ? (shape[1], shape[0]) : (shape[0], shape[1])
    (rowStep, columnStep) = isTransposed ? (1, shape[1]) : (shape[1], 1)
  }
}

private func plainProduct<Scalar: FloatingScalar>(
  _ a: Tensor<Scalar>, _ left: Matrix, _ b: Tensor<Scalar>, _ right: Matrix
) -> Tensor<Scalar> {
  a.withUnsafeBufferPointer { a in
    b.withUnsafeBufferPointer { b in
      Tensor(unsafeUninitializedShape: [left.rows, right.columns]) { y in
        let y = y.baseAddress!
        ThreadPool.shared.parallelFor(left.rows) { i in
          let row = y + i * right.columns
          row.initialize(repeating: 0, count: right.columns)
          for k in 0..<left.columns {
            add(
              a[i * left.rowStep + k * left.columnStep], b.baseAddress! + k * right.rowStep, right.columnStep,
              to: row,
              count: right.columns)
          }
        }
      }
    }
  }
}

@specialized(where Scalar == Float)
@specialized(where Scalar == Double)
private func add<Scalar: FloatingScalar>(
  _ weight: Scalar, _ x: UnsafePointer<Scalar>, _ step: Int, to y: UnsafeMutablePointer<Scalar>, count: Int
) {
  for j in 0..<count { y[j] += weight * x[j &* step] }
}

/// Below as many samples, a fully connected layer's weights are a stream that is multiplied sample by sample.
private let fewestTiledRows = 5

private func tiledProduct(
  _ a: Tensor<Float>, _ left: Matrix, _ b: Tensor<Float>, _ right: Matrix
) -> Tensor<Float> {
  // [batch, inFeatures] by weights [outFeatures, inFeatures], transposed: the weights' rows are the stream.
  if left.columnStep == 1, right.rowStep == 1, left.rows > 0, right.columns > 0, left.columns > 0 {
    return left.rows < fewestTiledRows ? streamedProduct(a, left, b, right) : batchProduct(a, left, b, right)
  }
  let product = TileProduct()
  let kernels = product.kernels
  let (wide, depth) = (product.tileColumns, left.columns)
  let panels = a.withUnsafeBufferPointer { a in
    WeightPanels(
      rows: left.rows, depth: depth,
      widths: [Int](
        repeating: product.panelRows, count: left.rows.dividedRoundingUp(by: product.panelRows))
    ) { first, count, wide, out in
      guard let a = a.baseAddress else { return }
      if left.columnStep == 1 {
        kernels.transpose(
          a + first * left.rowStep, sourceStride: left.rowStep, out, outStride: wide, rows: count,
          columns: depth)
      } else {
        for d in 0..<depth { (out + d * wide).update(from: a + (first + d * left.columnStep), count: count) }
      }
    }
  }
  return b.withUnsafeBufferPointer { b in
    Tensor(unsafeUninitializedShape: [left.rows, right.columns]) { y in
      y.initialize(repeating: 0)
      guard let y = y.baseAddress, let b = b.baseAddress else { return }
      let blocks = right.columns.dividedRoundingUp(by: wide)
      // Too few blocks of columns to keep the threads evenly busy are split by rows.
      let tall = panels.widths.count
      let threads = ThreadPool.shared.threadCount
      let chunks = blocks % threads == 0 || blocks >= 8 * threads ? 1 : min(tall, threads)
      ThreadPool.shared.parallelFor(blocks * chunks) { piece in
        let (block, chunk) = (piece / chunks, piece % chunks)
        let columns = block * wide..<min(right.columns, (block + 1) * wide)
        let first = tall * chunk / chunks * product.panelRows
        let rows = first..<min(left.rows, tall * (chunk + 1) / chunks * product.panelRows)
        Scratch.withFloats(TileProduct.depthBlock * wide + product.scratchCount) { scratch in
          var d = 0
          while d < depth {
            let count = min(TileProduct.depthBlock, depth - d)
            let from = b + (d * right.rowStep + columns.lowerBound * right.columnStep)
            if right.columnStep == 1 {
              for k in 0..<count {
                (scratch + k * wide).update(from: from + k * right.rowStep, count: columns.count)
              }
            } else {
              kernels.transpose(
                from, sourceStride: right.columnStep, scratch, outStride: wide, rows: columns.count,
                columns: count)
            }
            panels.withPanels { panels in
              product.run(
                panels + (first * depth + d * product.panelRows), panelStep: depth * product.panelRows,
                rows: rows.count, scratch, bStride: wide, depth: count,
                to: y + (first * right.columns + columns.lowerBound), cStride: right.columns,
                columns: columns.count, .init(), scratch: scratch + TileProduct.depthBlock * wide)
            }
            d += count
          }
        }
      }
    }
  }
}

private func streamedProduct(
  _ a: Tensor<Float>, _ left: Matrix, _ b: Tensor<Float>, _ right: Matrix
) -> Tensor<Float> {
  let kernels = Microkernels()
  return a.withUnsafeBufferPointer { a in
    b.withUnsafeBufferPointer { b in
      Tensor(unsafeUninitializedShape: [left.rows, right.columns]) { y in
        guard let a = a.baseAddress, let b = b.baseAddress, let y = y.baseAddress else { return }
        // Pieces of some rows, which all samples share while they are in the cache.
        let some = max(4, (1 << 15) / max(1, left.columns) / 4 * 4)
        ThreadPool.shared.parallelFor(right.columns.dividedRoundingUp(by: some)) { piece in
          let rows = piece * some..<min(right.columns, (piece + 1) * some)
          for n in 0..<left.rows {
            kernels.matrixTimesVector(
              b + rows.lowerBound * right.columnStep, rowStride: right.columnStep, rows: rows.count,
              a + n * left.rowStep, count: left.columns, y + (n * right.columns + rows.lowerBound))
          }
        }
      }
    }
  }
}

/// The tile of direct convolution, with weights in the place of samples: eight rows of weights are read side by side as
/// streams, and vectors go along the batch, so that the weights need not be copied together.
private func batchProduct(
  _ a: Tensor<Float>, _ left: Matrix, _ b: Tensor<Float>, _ right: Matrix
) -> Tensor<Float> {
  let kernels = Microkernels()
  let shapes = kernels.tileShapes
  let (batch, depth, outputs) = (left.rows, left.columns, right.columns)
  let panels = batch.dividedRoundingUp(by: shapes.lanes).dividedRoundingUp(by: shapes.vectors)
  let wide = batch.dividedRoundingUp(by: panels).dividedRoundingUp(by: shapes.lanes) * shapes.lanes
  let tall = shapes.directRows[wide / shapes.lanes - 1]
  let passDepth = min(depth, 512)
  // Samples last.
  let samples = a.withUnsafeBufferPointer { a in
    Tensor<Float>(unsafeUninitializedShape: [panels, depth, wide]) { out in
      let (a, out) = (a.baseAddress!, out.baseAddress!)
      ThreadPool.shared.parallelFor(panels) { panel in
        let first = panel * wide
        let count = max(0, min(wide, batch - first))
        let start = out + panel * depth * wide
        if count < wide { start.initialize(repeating: 0, count: depth * wide) }
        kernels.transpose(
          a + first * left.rowStep, sourceStride: left.rowStep, start, outStride: wide, rows: count,
          columns: depth)
      }
    }
  }
  let depthOffsets = (0..<passDepth).map { Int32($0) }
  return b.withUnsafeBufferPointer { b in
    samples.withUnsafeBufferPointer { samples in
      Tensor(unsafeUninitializedShape: [batch, outputs]) { y in
        let (b, samples, y) = (b.baseAddress!, samples.baseAddress!, y.baseAddress!)
        let some = 4 * tall
        ThreadPool.shared.parallelFor(outputs.dividedRoundingUp(by: some)) { piece in
          let rows = piece * some..<min(outputs, (piece + 1) * some)
          Scratch.withFloats((some + tall) * wide) { sums in
            for panel in 0..<panels {
              sums.update(repeating: 0, count: (some + tall) * wide)
              for d in stride(from: 0, to: depth, by: passDepth) {
                for row in stride(from: rows.lowerBound, to: rows.upperBound, by: tall) {
                  withUnsafeTemporaryAllocation(of: Int32.self, capacity: tall) { offsets in
                    for i in 0..<tall {
                      offsets[i] = Int32((min(row + i, outputs - 1) - row) * right.columnStep)
                    }
                    let c = sums + (row - rows.lowerBound) * wide
                    depthOffsets.withUnsafeBufferPointer { depthOffsets in
                      var tile = ConvolveDirectTile(
                        input: b + (row * right.columnStep + d), outputOffsets: offsets.baseAddress!,
                        depthOffsets: depthOffsets.baseAddress!, depth: min(passDepth, depth - d),
                        weights: samples + (panel * depth + d) * wide, weightStride: wide, c: c,
                        cStride: wide,
                        start: UnsafePointer(c), startRowStep: wide)
                      kernels.directTile(&tile, rows: tall, vectors: wide / shapes.lanes)
                    }
                  }
                }
              }
              kernels.transpose(
                sums, sourceStride: wide, y + (panel * wide * outputs + rows.lowerBound), outStride: outputs,
                rows: rows.count, columns: max(0, min(wide, batch - panel * wide)))
            }
          }
        }
      }
    }
  }
}
