import Synchronization
import Tensors
import Testing

@Suite struct ThreadPoolTests {
  @Test(arguments: [1, 2, 3, 8])
  func everyPieceRunsOnce(threads: Int) {
    let pool = ThreadPool(threads: threads)
    for count in [0, 1, 2, 7, 1000] {
      let hits = Mutex([Int](repeating: 0, count: count))
      pool.parallelFor(count) { i in hits.withLock { $0[i] += 1 } }
      #expect(hits.withLock { $0.allSatisfy { $0 == 1 } })
    }
  }

  @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 7, 1000])
  func everyStepIsTakenOnce(threads: Int, count: Int) {
    let pool = ThreadPool(threads: threads)
    for _ in 0..<200 {
      let hits = Mutex([Int](repeating: 0, count: count))
      pool.parallelSteps(count) { steps in
        while let i = steps.next() { hits.withLock { $0[i] += 1 } }
      }
      #expect(hits.withLock { $0.allSatisfy { $0 == 1 } })
    }
  }

  /// A thread that is held up at its first step has most of the others taken by the other.
  @Test func stepsOfASlowThreadAreTaken() {
    let pool = ThreadPool(threads: 2)
    let others = Atomic<Int>(0)
    pool.parallelSteps(100) { steps in
      var isSlow = false
      while let i = steps.next() {
        if i > 0, !isSlow { others.wrappingAdd(1, ordering: .relaxed) }
        isSlow = isSlow || i == 0
        // The other thread takes all but the last few, each of which may be this one's next.
        while i == 0, others.load(ordering: .relaxed) < 90 {}
      }
    }
    #expect(others.load(ordering: .relaxed) >= 90)
  }

  @Test func loopsWithinLoopsRunInline() {
    let pool = ThreadPool(threads: 3)
    let total = Atomic<Int>(0)
    pool.parallelFor(10) { _ in
      pool.parallelFor(10) { _ in total.wrappingAdd(1, ordering: .relaxed) }
    }
    #expect(total.load(ordering: .relaxed) == 100)
  }

  @Test func manyShortLoopsInARow() {
    let pool = ThreadPool(threads: 2)
    let total = Atomic<Int>(0)
    for _ in 0..<20_000 { pool.parallelFor(3) { _ in total.wrappingAdd(1, ordering: .relaxed) } }
    #expect(total.load(ordering: .relaxed) == 60_000)
  }

  @Test func threadCounts() throws {
    #expect(try ThreadPool.threadCount(from: "3") == 3)
    #expect(try ThreadPool.threadCount(from: nil) == ThreadPool.availableProcessors)
    for wrong in ["0", "-1", "two", "1025", "1.5"] {
      #expect(throws: ThreadCountError(text: wrong)) { try ThreadPool.threadCount(from: wrong) }
    }
  }

  @Test func scratchIsAlignedAndNests() {
    Scratch.withFloats(100) { outer in
      outer[99] = 1
      Scratch.withFloats(50) { inner in
        inner[0] = 2
        #expect(Int(bitPattern: inner) % 64 == 0)
        #expect(inner != outer)
      }
      #expect(outer[99] == 1)
    }
  }
}
