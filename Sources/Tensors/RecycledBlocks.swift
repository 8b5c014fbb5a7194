import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Large blocks of memory that nobody uses now, kept for the next storage of about that size.
///
/// At most 32 blocks and 512 MiB are kept; the oldest is freed first.
final class RecycledBlocks: Sendable {
  static let shared = RecycledBlocks()

  /// Smaller blocks are left to the system's allocator, which gives those from here on back to the system when they are
  /// freed, and clears their pages when they are wanted again.
  static let smallest = 128 << 10
  /// Blocks of so many bytes lie on huge pages.
  static let large = 4 << 20
  private static let mostBlocks = 32
  private static let mostBytes = 512 << 20

  private struct Block: @unchecked Sendable {
    var base: UnsafeMutableRawPointer
    var capacity: Int
  }

  private let blocks = Mutex<[Block]>([])

  /// A block of `byteCount` to a quarter more bytes, if one is kept.
  func take(atLeast byteCount: Int) -> (UnsafeMutableRawPointer, Int)? {
    guard byteCount >= Self.smallest else { return nil }
    let found: Block? = blocks.withLock { blocks in
      let fitting = blocks.lastIndex {
        $0.capacity >= byteCount
          && $0.capacity - byteCount <= byteCount / 4 + (byteCount < Self.large ? 0 : 2 << 20)
      }
      return fitting.map { blocks.remove(at: $0) }
    }
    return found.map { ($0.base, $0.capacity) }
  }

  /// Keeps a block, and says whether it did.
  func keep(_ base: UnsafeMutableRawPointer, _ capacity: Int) -> Bool {
    guard capacity >= Self.smallest, capacity <= Self.mostBytes else { return false }
    let block = Block(base: base, capacity: capacity)
    let dropped: [Block] = blocks.withLock { blocks in
      blocks.append(block)
      var dropped: [Block] = []
      while blocks.count > Self.mostBlocks || blocks.reduce(0, { $0 + $1.capacity }) > Self.mostBytes {
        dropped.append(blocks.removeFirst())
      }
      return dropped
    }
    for block in dropped { free(block.base) }
    return true
  }
}
