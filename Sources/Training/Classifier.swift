import Datasets
import Networks
import Tensors

/// A trained network over batches of one size.
public final class Classifier {
  private let program: Program
  private let batchSize: Int
  public let classes: Int
  private let imageShape: Shape

  /// - Parameters:
  ///   - network: whose output are logits.
  ///   - imageShape: `[C, H, W]`
  ///   - batchSize: images that go through together.
  ///   - state: the weights, once and for all; without them ``load(_:)`` gives some.
  /// - Throws: `GraphError` where the network does not take the images, or puts out no `[N, classes]`.
  public init(
    _ network: any Layer, imageShape: Shape, batchSize: Int, state: StateDict? = nil
  ) throws(GraphError) {
    let graph = Graph(network)
    let x = graph.input("images", Shape([batchSize] + imageShape.dimensions))
    let logits = try network(x)
    guard logits.shape.rank == 2 else {
      throw GraphError("the network puts out \(logits.shape): a classifier's logits are [N, classes]")
    }
    classes = logits.shape[1]
    (self.batchSize, self.imageShape) = (batchSize, imageShape)
    program = try Program(graph, outputs: [logits], weights: state)
  }

  /// Takes weights, in a classifier made without them.
  public func load(_ state: StateDict) throws(GraphError) { try program.load(state) }

  /// The logits of up to a batch of images: `[N, classes]`.
  public func logits(_ images: Tensor<Float>) throws(GraphError) -> Tensor<Float> {
    let count = images.shape[0]
    guard images.shape.rank == 4, count <= batchSize else {
      throw GraphError("images of shape \(images.shape) for batches of up to \(batchSize)")
    }
    var padded = images
    if count < batchSize {
      padded = Tensor(
        images.scalars + [Float](repeating: 0, count: (batchSize - count) * imageShape.count),
        shape: Shape([batchSize] + imageShape.dimensions))
    }
    let all = try program.run(["images": padded])[0]
    return count < batchSize ? all.slice(0..<count, axis: 0) : all
  }

  /// How well it does on a data set.
  /// - Parameters:
  ///   - data: with the training's mean and deviation.
  ///   - progress: told the images that are done.
  public func evaluate(_ data: DataLoader, progress: (Int) -> Void = { _ in }) throws -> Evaluation {
    var confusion = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
    var loss = 0.0
    for start in stride(from: 0, to: data.dataset.count, by: batchSize) {
      let batch = try data.batch(start..<min(data.dataset.count, start + batchSize))
      let logits = try logits(batch.images)
      loss += Double(
        try crossEntropy(
          logits, targets: Tensor(batch.labels.map { Int64($0) }, shape: [batch.labels.count]),
          reduction: .sum
        ).loss)
      for (row, label) in zip(logits.rows, batch.labels) { confusion[label][row.greatest] += 1 }
      progress(min(data.dataset.count, start + batchSize))
    }
    return Evaluation(
      classNames: data.dataset.classNames, confusion: confusion,
      loss: loss / Double(max(1, data.dataset.count)))
  }
}

/// What a classifier got right on a data set.
public struct Evaluation: Sendable, Codable {
  public let classNames: [String]
  /// Images by true class (rows) and predicted class.
  public let confusion: [[Int]]
  /// The mean cross-entropy.
  public let loss: Double

  public var accuracy: Double {
    let total = confusion.joined().reduce(0, +)
    return total == 0 ? 0 : Double(confusion.indices.reduce(0) { $0 + confusion[$1][$1] }) / Double(total)
  }

  /// The part of a class's images that are recognised.
  public func recall(_ c: Int) -> Double {
    let total = confusion[c].reduce(0, +)
    return total == 0 ? 0 : Double(confusion[c][c]) / Double(total)
  }

  /// The part of the images said to be of a class that are.
  public func precision(_ c: Int) -> Double {
    let total = confusion.reduce(0) { $0 + $1[c] }
    return total == 0 ? 0 : Double(confusion[c][c]) / Double(total)
  }
}

extension Tensor where Scalar == Float {
  /// The rows of a matrix.
  var rows: [ArraySlice<Float>] {
    let scalars = scalars
    return (0..<shape[0]).map { scalars[$0 * shape[1]..<($0 + 1) * shape[1]] }
  }
}

extension ArraySlice<Float> {
  /// The place of the greatest element, the first where some are equal.
  var greatest: Int {
    var best = startIndex
    for i in indices where self[i] > self[best] { best = i }
    return best - startIndex
  }
}
