import Convolution
import Tensors

/// Normalisation of every channel over the batch, `[N, C, ...]`: by the batch's own statistics in training, by running ones
/// afterwards; PyTorch's `BatchNorm2d`, for every rank.
public final class BatchNorm2d: Layer {
  public let channels: Int
  public let epsilon: Double
  /// The weight of a batch in the running statistics.
  public let momentum: Double

  public init(_ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1) {
    (self.channels, self.epsilon, self.momentum) = (channels, epsilon, momentum)
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    let graph = x.graph
    guard x.shape.rank >= 2, x.shape[1] == channels else {
      throw GraphError("an input of \(x.shape) for \(channels) channels", layer: graph.layer)
    }
    let weight = try graph.parameter("weight", of: self, [channels], .ones)
    let bias = try graph.parameter("bias", of: self, [channels], .zeros)
    let mean = try graph.parameter("running_mean", of: self, [channels], .zeros, isTrainable: false)
    let variance = try graph.parameter("running_var", of: self, [channels], .ones, isTrainable: false)
    let batches = try graph.parameter("num_batches_tracked", of: self, [], .zeros, isTrainable: false)
    guard graph.mode == .training else {
      return try x.apply(Operators.BatchNormInference(epsilon: epsilon), weight, bias, mean, variance)
    }
    let statistics = try x.apply(Operators.BatchStatistics())
    let count = Double(x.shape.count / channels)
    func moved(_ old: Value, _ row: Int, _ factor: Double) throws(GraphError) -> Value {
      let new = try statistics.slice(row..<row + 1, axis: 0).reshaped([channels])
      return try old.scaled(by: 1 - momentum) + new.scaled(by: momentum * factor)
    }
    graph.update(mean, to: try moved(mean, 0, 1))
    graph.update(variance, to: try moved(variance, 1, count / (count - 1)))
    graph.update(batches, to: try batches.scaled(by: 1, adding: 1))
    return try x.apply(Operators.BatchNormTraining(epsilon: epsilon), statistics, weight, bias)
  }
}

/// PyTorch's names for the other ranks.
public typealias BatchNorm1d = BatchNorm2d
public typealias BatchNorm3d = BatchNorm2d

/// Normalisation of groups of channels, sample by sample; PyTorch's `GroupNorm`.
public final class GroupNorm: Layer {
  public let groups: Int
  public let channels: Int
  public let epsilon: Double

  public init(_ groups: Int, _ channels: Int, epsilon: Double = 1e-5) {
    (self.groups, self.channels, self.epsilon) = (groups, channels, epsilon)
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    try x.apply(
      Operators.Normalize(kind: .group(groups), epsilon: epsilon),
      x.graph.parameter("weight", of: self, [channels], .ones),
      x.graph.parameter("bias", of: self, [channels], .zeros))
  }
}

/// Normalisation over the last axes, of the given sizes; PyTorch's `LayerNorm`.
public final class LayerNorm: Layer {
  public let shape: Shape
  public let epsilon: Double

  public init(_ shape: Shape, epsilon: Double = 1e-5) { (self.shape, self.epsilon) = (shape, epsilon) }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    try x.apply(
      Operators.Normalize(kind: .layer(axis: max(0, x.shape.rank - shape.rank)), epsilon: epsilon),
      x.graph.parameter("weight", of: self, shape, .ones), x.graph.parameter("bias", of: self, shape, .zeros))
  }
}
