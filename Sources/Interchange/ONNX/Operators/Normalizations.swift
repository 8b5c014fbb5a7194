import Convolution
import Tensors

extension ONNXOperators {
  /// BatchNormalization, InstanceNormalization, GroupNormalization, LayerNormalization, LRN.
  func normalization() throws -> [ONNXValue]? {
    let epsilon = node.float("epsilon") ?? 1e-5
    switch node.op {
    case "BatchNormalization":
      let (w, b) = (try required(1), try required(2))
      var running = RunningStatistics(mean: try required(3), variance: try required(4))
      guard node.integer("training_mode") == 1 else {
        return [wrap(try batchNorm(x, running: running, weight: w, bias: b, epsilon: epsilon))]
      }
      // ONNX's momentum is the weight of the old statistics, and its variance is divided by the count.
      let y = try batchNorm(
        x, updating: &running, momentum: 1 - (node.float("momentum") ?? 0.9), unbiased: false, weight: w,
        bias: b,
        epsilon: epsilon)
      return [wrap(y), wrap(running.mean), wrap(running.variance)]
    case "InstanceNormalization":
      return [
        wrap(try normalize(x, .instance, weight: try required(1), bias: try required(2), epsilon: epsilon))
      ]
    case "GroupNormalization":
      let groups = node.integer("num_groups") ?? 1
      var (w, b) = (try required(1), try required(2))
      // Up to opset 20 scale and bias are one number a group.
      if node.opset < 21, groups >= 1, x.shape.rank >= 2, w.shape.count == groups {
        (w, b) = (spread(w), spread(b))
      }
      return [wrap(try normalize(x, .group(groups), weight: w, bias: b, epsilon: epsilon))]
    case "LayerNormalization":
      let axis = try axis(node.integer("axis") ?? -1)
      let y = try normalize(
        x, .layer(axis: axis), weight: try required(1), bias: try optional(2), epsilon: epsilon)
      guard node.outputs.count > 1 else { return [wrap(y)] }
      return [wrap(y)] + layerStatistics(axis, epsilon: epsilon).map(wrap)
    case "LRN":
      let norm = LocalResponseNorm(
        size: node.integer("size") ?? 0, alpha: node.float("alpha") ?? 1e-4, beta: node.float("beta") ?? 0.75,
        k: node.float("bias") ?? 1, reachesFurtherBack: false)
      return [wrap(try norm(x))]
    default: return nil
    }
  }

  private func spread(_ t: Tensor<Scalar>) -> Tensor<Scalar> {
    let channels = x.shape[1]
    let perGroup = max(1, channels / max(1, t.shape.count))
    return Tensor((0..<channels).map { t.scalars[min($0 / perGroup, t.shape.count - 1)] }, shape: [channels])
  }

  /// The mean and the inverse of the deviation of each set, which ONNX puts out too.
  private func layerStatistics(_ axis: Int, epsilon: Double) -> [Tensor<Scalar>] {
    let run = x.shape.dimensions[axis...].reduce(1, *)
    let shape = Shape(
      x.shape.dimensions[..<axis] + [Int](repeating: 1, count: x.shape.rank - axis))
    let elements = x.scalars
    var (means, deviations): ([Scalar], [Scalar]) = ([], [])
    for set in 0..<shape.count {
      let values = elements[set * run..<(set + 1) * run].map(Double.init)
      let mean = values.reduce(0, +) / Double(run)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(run)
      means.append(Scalar(mean))
      deviations.append(Scalar(1 / (variance + epsilon).squareRoot()))
    }
    return [Tensor(means, shape: shape), Tensor(deviations, shape: shape)]
  }
}
