#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Bytes on a 64-byte boundary (2 MiB for large ones, on huge pages where the system gives them).
///
/// The memory of large storages is kept and handed to the next one of about the same size: on a 4K image,
/// having the system map and clear fresh pages costs as much as a 3x3 filter.
final class AlignedStorage: @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  let capacity: Int
  private let isBorrowed: Bool
  /// Whose memory it is, where that is a file's: it is not written to, and pages of it can be read again.
  private let lender: (any AnyObject & Sendable)?

  /// Whether a tensor must have its own before it writes: others may be in the same file's memory.
  var isReadOnly: Bool { lender != nil }

  /// Bytes after the last one that may be read, so that vectors need not stop at the end.
  static let slack = 512

  /// Memory that somebody else keeps and frees.
  init(
    borrowing base: UnsafeMutableRawPointer, byteCount: Int, from lender: (any AnyObject & Sendable)? = nil
  ) {
    (self.base, capacity, isBorrowed, self.lender) = (base, byteCount, true, lender)
  }

  /// Uninitialised storage of at least `byteCount` bytes, and some more that can be read.
  init(byteCount: Int) {
    (isBorrowed, lender) = (false, nil)
    let (wanted, tooMany) = byteCount.addingReportingOverflow(Self.slack)
    precondition(!tooMany, "storage of \(byteCount) bytes cannot be addressed")
    if let (base, capacity) = RecycledBlocks.shared.take(atLeast: wanted) {
      self.base = base
      self.capacity = capacity
      return
    }
    let isLarge = wanted >= RecycledBlocks.large
    let alignment = isLarge ? 2 << 20 : 64
    let (rounded, overflow) = wanted.addingReportingOverflow(alignment - 1)
    precondition(!overflow, "storage of \(byteCount) bytes cannot be addressed")
    capacity = rounded / alignment * alignment
    var pointer: UnsafeMutableRawPointer?
    let status = posix_memalign(&pointer, alignment, capacity)
    guard status == 0, let pointer else {
      fatalError("out of memory: the system refused \(byteCount) bytes")
    }
    base = pointer
    #if os(Linux)
      // MADV_HUGEPAGE, which Glibc does not export.
      if isLarge { madvise(pointer, capacity, 14) }
    #endif
  }

  /// Lets go of the pages: what they held is lost, and zeros, or a file's bytes, are there when they are touched again.
  func discard() {
    guard !isBorrowed || lender != nil, capacity >= RecycledBlocks.smallest else { return }
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let start = (UInt(bitPattern: base) + page - 1) / page * page
    let end = (UInt(bitPattern: base) + UInt(capacity)) / page * page
    madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), MADV_DONTNEED)
  }

  deinit {
    if !isBorrowed, !RecycledBlocks.shared.keep(base, capacity) { free(base) }
  }
}
