import Dispatch
import Synchronization
import Tensors

/// Batches of a data set, shuffled by seed and prepared on another thread while the last one is used.
///
/// The batches depend on the seed and the epoch alone: not on threads, and not on where a run began.
public final class DataLoader: Sendable {
  /// Images and labels of one batch.
  public struct Batch: Sendable {
    /// `[N, C, H, W]`
    public let images: Tensor<Float>
    /// Class numbers, `[N]`.
    public let labels: [Int]
  }

  public let dataset: any Dataset
  public let batchSize: Int
  public let shuffles: Bool
  public let seed: UInt64
  public let augmentation: Augmentation
  public let mean: [Float]
  public let deviation: [Float]

  /// - Parameters:
  ///   - dataset: what is read.
  ///   - batchSize: images in a batch; what is left of an epoch below it is left out.
  ///   - shuffles: whether each epoch has another order.
  ///   - seed: of the order and of the augmentation.
  ///   - augmentation: random changes.
  ///   - mean: subtracted from a channel's samples, after augmentation.
  ///   - deviation: what they are divided by then.
  public init(
    _ dataset: any Dataset, batchSize: Int, shuffles: Bool = false, seed: UInt64 = 0,
    augmentation: Augmentation = Augmentation(), mean: [Float] = [0], deviation: [Float] = [1]
  ) {
    precondition(batchSize > 0, "a batch size of \(batchSize)")
    (self.dataset, self.batchSize, self.shuffles, self.seed) = (dataset, batchSize, shuffles, seed)
    (self.augmentation, self.mean, self.deviation) = (augmentation, mean, deviation)
  }

  /// Whole batches in an epoch.
  public var batchCount: Int { dataset.count / batchSize }

  /// The order of an epoch.
  private func order(_ epoch: Int) -> [Int] {
    var order = Array(0..<dataset.count)
    if shuffles {
      var generator = SeededGenerator(seed: seed &+ UInt64(epoch) &* 0x9E37_79B9_7F4A_7C15)
      order.shuffle(using: &generator)
    }
    return order
  }

  /// One batch of the given images.
  public func batch(_ indices: some RandomAccessCollection<Int>, epoch: Int = 0) throws -> Batch {
    let shape = dataset.imageShape
    let indices = Array(indices)
    let failure = Mutex<(image: Int, error: any Error)?>(nil)
    let images = Tensor<Float>(unsafeUninitializedShape: Shape([indices.count] + shape.dimensions)) { out in
      out.initialize(repeating: 0)
      nonisolated(unsafe) let out = out
      // On threads of their own: the pool's are training meanwhile.
      DispatchQueue.concurrentPerform(iterations: indices.count) { n in
        let i = indices[n]
        let image = UnsafeMutableBufferPointer(rebasing: out[n * shape.count..<(n + 1) * shape.count])
        do { try dataset.read(i, into: image) } catch {
          failure.withLock { if n < $0?.image ?? .max { $0 = (n, error) } }
          return
        }
        if !augmentation.isNone {
          // By the image, so that its place in a batch does not matter.
          var generator = SeededGenerator(
            seed: seed ^ (UInt64(epoch) << 32 &+ UInt64(i)) &* 0xD1B5_4A32_D192_ED03)
          augmentation.apply(to: image, shape, using: &generator)
        }
        normalize(image, channels: shape[0], mean: mean, deviation: deviation)
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
    return Batch(images: images, labels: indices.map { dataset.label($0) })
  }

  /// Calls `body` with every whole batch of an epoch, from `first` on; the next is read meanwhile.
  /// - Parameters:
  ///   - epoch: whose order and augmentation they have.
  ///   - first: the number of the batch to begin with.
  ///   - body: given the batch and its number; returns false to stop.
  public func forEachBatch(epoch: Int, from first: Int = 0, _ body: (Batch, Int) throws -> Bool) throws {
    let order = order(epoch)
    let next = Mutex<Result<Batch, any Error>?>(nil)
    let isReady = DispatchSemaphore(value: 0)
    func fetch(_ k: Int) {
      DispatchQueue.global(qos: .userInitiated).async {
        let result = Result {
          try self.batch(order[k * self.batchSize..<(k + 1) * self.batchSize], epoch: epoch)
        }
        next.withLock { $0 = result }
        isReady.signal()
      }
    }
    guard first < batchCount else { return }
    fetch(first)
    for k in first..<batchCount {
      isReady.wait()
      let batch = try next.withLock { $0 }!.get()
      if k + 1 < batchCount { fetch(k + 1) }
      guard try body(batch, k) else {
        // What is being read is waited for, so that nothing goes on behind the caller's back.
        if k + 1 < batchCount { isReady.wait() }
        return
      }
    }
  }
}

/// Subtracts a mean from each channel's samples and divides them by a deviation; the last ones hold for channels beyond.
package func normalize(
  _ image: UnsafeMutableBufferPointer<Float>, channels: Int, mean: [Float], deviation: [Float]
) {
  let plane = image.count / channels
  for c in 0..<channels {
    let (m, d) = (mean[min(c, mean.count - 1)], deviation[min(c, deviation.count - 1)])
    for j in c * plane..<(c + 1) * plane { image[j] = (image[j] - m) / d }
  }
}
