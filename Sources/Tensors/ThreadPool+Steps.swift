import Synchronization

extension ThreadPool {
  /// Calls `body` on every thread, with a part of the steps 0 ..< count of a loop: each takes one after another, then half of
  /// what the thread with most has left, until there are none.
  ///
  /// For steps that share something which a thread prepares for itself: those of a range follow each other, and threads are done
  /// at about the same time even where one core is slower, as beside another program. Which thread takes which step varies.
  /// - Parameters:
  ///   - count: of the steps.
  ///   - body: calls ``Steps/next()`` until that is nil.
  public func parallelSteps(_ count: Int, _ body: (inout Steps) -> Void) {
    let words = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: threadCount * Steps.apart)
    defer { words.deallocate() }
    for i in 0..<threadCount {
      let own = count * i / threadCount..<count * (i + 1) / threadCount
      (words + i * Steps.apart).initialize(to: Atomic(Steps.word(own)))
    }
    parallelFor(threadCount) { i in
      var steps = Steps(ranges: words, count: threadCount, own: i)
      body(&steps)
    }
  }

  /// The steps of a loop that one thread takes.
  public struct Steps {
    fileprivate let ranges: UnsafeMutablePointer<Atomic<UInt64>>
    fileprivate let count: Int
    fileprivate let own: Int

    /// From range to range: a cache line each.
    fileprivate static let apart = 8

    /// A range that has not been begun, in one word: its first step in the low half, its end in the high one below the highest
    /// bit, which says whether it has been begun.
    fileprivate static func word(_ range: Range<Int>) -> UInt64 {
      precondition(range.upperBound < 1 << 31, "a loop of \(range.upperBound) steps: at most 2147483647")
      return UInt64(range.lowerBound) | UInt64(range.upperBound) << 32
    }

    private static let isBegun: UInt64 = 1 << 63
    private static func range(_ word: UInt64) -> (first: Int, end: Int) {
      (Int(word & 0x7fff_ffff), Int(word >> 32 & 0x7fff_ffff))
    }

    /// The next step, or nil where there are none left to take.
    public mutating func next() -> Int? {
      repeat {
        var word = ranges[own * Self.apart].load(ordering: .relaxed)
        while true {
          let (first, end) = Self.range(word)
          if first >= end { break }
          // No range comes back once its first step is taken, so that a word that is the same is the same range.
          let (exchanged, now) = ranges[own * Self.apart].compareExchange(
            expected: word, desired: (word + 1) | Self.isBegun, ordering: .relaxed)
          if exchanged { return first }
          word = now
        }
      } while takesMore()
      return nil
    }

    /// Takes half of the longest range, or all of one that has not been begun: its thread may be far from it. A last step is
    /// left to whoever is at the one before.
    private func takesMore() -> Bool {
      while true {
        var (longest, word, most) = (own, UInt64(0), 1)
        for i in 0..<count {
          let other = ranges[i * Self.apart].load(ordering: .relaxed)
          let (first, end) = Self.range(other)
          let left = other & Self.isBegun == 0 && end > first ? end - first + 1 : end - first
          if left > most { (longest, word, most) = (i, other, left) }
        }
        if longest == own { return false }
        let (first, end) = Self.range(word)
        let middle = word & Self.isBegun == 0 ? first : end - (end - first) / 2
        let kept = Self.word(first..<middle) | Self.isBegun
        if ranges[longest * Self.apart].compareExchange(expected: word, desired: kept, ordering: .relaxed)
          .exchanged
        {
          ranges[own * Self.apart].store(Self.word(middle..<end) | Self.isBegun, ordering: .relaxed)
          return true
        }
      }
    }
  }
}
