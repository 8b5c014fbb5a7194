import Convolution
import Tensors

extension ONNXOperators {
  /// Activations, Softmax, LogSoftmax, Gemm, MatMul.
  func elementwise() throws -> [ONNXValue]? {
    switch node.op {
    case "Softmax", "LogSoftmax":
      // Before opset 13 the input was a matrix, its columns all axes from the given one on.
      let isOld = node.opset < 13
      let axis = try axis(node.integer("axis") ?? (isOld ? 1 : -1))
      let rows = x.shape.dimensions[..<axis].reduce(1, *)
      let input = isOld ? x.reshaped([rows, x.shape.dimensions[axis...].reduce(1, *)]) : x
      let y =
        node.op == "Softmax"
        ? try softmax(input, axis: isOld ? 1 : axis) : try logSoftmax(input, axis: isOld ? 1 : axis)
      return [wrap(y.reshaped(x.shape))]
    case "Gemm": return [wrap(try gemm())]
    case "MatMul": return [wrap(try matmul(x, try required(1)))]
    default: return node.activation.map { [wrap($0(x))] }
    }
  }

  /// alpha * A' * B' + beta * C
  private func gemm() throws -> Tensor<Scalar> {
    let (alpha, beta) = (Scalar(node.float("alpha") ?? 1), Scalar(node.float("beta") ?? 1))
    var y = try matmul(
      x, try required(1), transposeA: node.integer("transA") == 1, transposeB: node.integer("transB") == 1)
    let (rows, columns) = (y.shape[0], y.shape[1])
    let c = try optional(2)
    // C is spread over the rows, the columns or both.
    let sizes = c.map { [1, 1] + $0.shape.dimensions }.map { Array($0.suffix(2)) } ?? [1, 1]
    guard sizes[0] == 1 || sizes[0] == rows, sizes[1] == 1 || sizes[1] == columns, (c?.shape.rank ?? 0) <= 2
    else {
      throw InterchangeError.malformed(
        "C of shape \(c!.shape) of \(node.label) for a product of \(rows)x\(columns)")
    }
    let addends = c?.scalars
    y.withUnsafeMutableBufferPointer { y in
      for i in 0..<rows {
        for j in 0..<columns {
          let addend = addends?[(sizes[0] == 1 ? 0 : i) * sizes[1] + (sizes[1] == 1 ? 0 : j)] ?? 0
          y[i * columns + j] = alpha * y[i * columns + j] + beta * addend
        }
      }
    }
    return y
  }
}
