import Tensors
import Testing

@Suite struct DenormalTests {
  /// Denormals are zeros inside a loop on every thread, and nowhere else.
  @Test(arguments: [1, 2, 3]) func flushedInsideLoopsAlone(threads: Int) {
    let pool = ThreadPool(threads: threads)
    let tiny = Tensor<Float>(repeating: .leastNormalMagnitude / 16, shape: [64])
    let products = Tensor<Float>(unsafeUninitializedShape: [64]) { out in
      let out = out.baseAddress!
      tiny.withUnsafeBufferPointer { tiny in
        pool.parallelFor(64) { (out + $0).initialize(to: tiny[$0] * 1e20) }
      }
    }
    #expect(products == Tensor(zeros: [64]))
    #expect(tiny.scalars.allSatisfy { $0 * 1e20 > 0 })
  }
}
