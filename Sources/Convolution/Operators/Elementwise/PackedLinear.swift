import Microkernels
import Tensors

/// A fully connected layer whose weights stay as they are: packed once, in panels of a few vectors of outputs, which run
/// past the samples as one stream. Every output is summed in the order of the depth, whatever the threads.
package struct PackedLinear: Sendable {
  private let product = DirectProduct()
  private let weights: WeightPanels
  /// Filled up to whole panels.
  private let bias: [Float]
  /// Where each sample starts, and each step of a pass over the depth.
  private let offsets: [Int32]
  private let depthOffsets: [Int32]

  /// Whether places among so many inputs fit 32 bits.
  package static func accepts(batch: Int, weight: Shape) -> Bool {
    batch > 0 && weight.count > 0 && batch * weight[1] < 1 << 31
  }

  /// - Parameters:
  ///   - weight: `[outFeatures, inFeatures]`
  ///   - bias: `[outFeatures]`
  ///   - batch: samples of a run.
  /// - Precondition: ``accepts(batch:weight:)``.
  package init(_ weight: Tensor<Float>, bias: Tensor<Float>?, batch: Int) {
    let (rows, depth) = (weight.shape[0], weight.shape[1])
    let (kernels, lanes) = (product.kernels, product.shapes.lanes)
    let vectors = rows.dividedRoundingUp(by: lanes)
    // Weights that no cache keeps are waited for: narrow tiles ask for every cache line of the next pass, where the widest ones
    // do not ask for them evenly.
    let isStream =
      !product.shapes.asksInParts && batch <= product.shapes.directRows[0]
      && weight.shape.count * MemoryLayout<Float>.stride > CacheSizes.current.level2
    let wide = isStream ? 1 : min(vectors, product.shapes.vectors(samples: batch))
    let widths = stride(from: 0, to: vectors, by: wide).map { min(wide, vectors - $0) * lanes }
    weights = weight.withUnsafeBufferPointer { w in
      WeightPanels(rows: rows, depth: depth, widths: widths) { first, count, wide, out in
        kernels.transpose(
          w.baseAddress! + first * depth, sourceStride: depth, out, outStride: wide, rows: count,
          columns: depth)
      }
    }
    let given = bias?.scalars ?? []
    self.bias = given + [Float](repeating: 0, count: vectors * lanes - given.count)
    offsets = (0..<batch).map { Int32($0 * depth) }
    depthOffsets = (0..<min(depth, product.contiguousPassDepth)).map { Int32($0) }
  }

  /// - Parameters:
  ///   - x: `[N, inFeatures]`
  ///   - y: `[N, outFeatures]`, written over.
  package func run(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>) {
    let (rows, depth, batch) = (weights.rows, weights.depth, offsets.count)
    let passes = depth.dividedRoundingUp(by: product.contiguousPassDepth)
    let widest = weights.widths[0]
    ThreadPool.shared(for: batch * depth * rows).parallelFor(weights.widths.count) { panel in
      let (first, wide) = (weights.firstRows[panel], weights.widths[panel])
      Scratch.withFloats((batch + product.tallest) * widest) { sums in
        offsets.withUnsafeBufferPointer { offsets in
          depthOffsets.withUnsafeBufferPointer { depthOffsets in
            bias.withUnsafeBufferPointer { bias in
              weights.withPanels { panels in
                for pass in 0..<passes {
                  let part = depth * pass / passes..<depth * (pass + 1) / passes
                  product.run(
                    x + part.lowerBound, offsets, depthOffsets: depthOffsets.baseAddress!, isContiguous: true,
                    depth: part.count,
                    panels + (first * depth + part.lowerBound * wide), wide: wide,
                    start: pass == 0 ? .row(bias.baseAddress! + first) : .sums, ahead: part.count * wide,
                    to: sums)
                }
              }
            }
          }
        }
        for n in 0..<batch {
          (y + (n * rows + first)).update(from: sums + n * wide, count: min(wide, rows - first))
        }
      }
    }
  }
}

extension TileShapes {
  /// Vectors of a panel for which so many samples take the fewest cycles.
  fileprivate func vectors(samples: Int) -> Int {
    func cost(_ vectors: Int) -> Double {
      var cycles = 0.0
      forEachDirectTile(rows: samples, vectors: vectors) {
        cycles += step(rows: Double($0.count), vectors: Double(vectors))
      }
      return cycles / Double(vectors)
    }
    return (1...vectors).reversed().min { cost($0) < cost($1) }!
  }
}
