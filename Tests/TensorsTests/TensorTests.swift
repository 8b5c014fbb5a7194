import Tensors
import Testing

@Suite struct TensorTests {
  /// As two names of a checkpoint for the same bytes.
  @Test func tensorsInAFilesMemoryAreCopiedBeforeTheyAreWritten() {
    final class File: @unchecked Sendable {
      let memory = UnsafeMutablePointer<Float>.allocate(capacity: 256)
      init() { memory.initialize(repeating: 1, count: 256) }
      deinit { memory.deallocate() }
    }
    let file = File()
    var a = Tensor(borrowing: file.memory, shape: [64], from: file)
    let b = Tensor(borrowing: file.memory, shape: [64], from: file)
    a[3] = 2
    #expect(a[3] == 2 && a[4] == 1)
    #expect(b == Tensor(repeating: 1, shape: [64]))
  }

  @Test func copiesShareUntilWritten() {
    let a = Tensor<Float>([1, 2, 3, 4, 5, 6], shape: [2, 3])
    var b = a
    b[1, 2] = 9
    #expect(a[1, 2] == 6)
    #expect(b[1, 2] == 9)
    #expect(b.slice(1..<3, axis: 1).scalars == [2, 3, 5, 9])
    #expect(a.reshaped([3, 2])[2, 0] == 5)
  }

  @Test func shapesCountAndPrint() {
    #expect(Shape([]).count == 1)
    #expect(Shape([3, 0, 2]).count == 0)
    #expect(Shape([3, 224, 224]).description == "3x224x224")
    #expect(Tensor<Float>(zeros: [0, 4]).scalars.isEmpty)
  }

  @Test func storageIsAlignedAndZeroedAlsoWhenRecycled() {
    for _ in 0..<3 {
      var tensor = Tensor<Float>(zeros: [3 << 20])
      tensor.withUnsafeMutableBufferPointer { elements in
        #expect(Int(bitPattern: elements.baseAddress!) % 64 == 0)
        #expect(elements.allSatisfy { $0 == 0 })
        for i in elements.indices { elements[i] = 7 }
      }
    }
  }

  @Test func sameSeedSameNumbers() {
    var (a, b) = (SeededGenerator(seed: 5), SeededGenerator(seed: 5))
    let x = Tensor<Float>.randomNormal(shape: [1000], using: &a)
    #expect(x == Tensor<Float>.randomNormal(shape: [1000], using: &b))
    let mean = x.scalars.reduce(0, +) / 1000
    let variance = x.scalars.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1000
    // Five standard errors of the mean and of the variance of 1000 samples.
    #expect(abs(mean) < 0.16)
    #expect(abs(variance - 1) < 0.23)
  }
}
