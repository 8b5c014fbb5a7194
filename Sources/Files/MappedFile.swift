import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Calls `body` with a file's bytes, which are read from the disk as they are used, and not copied.
/// - Parameter lending: whether what `body` makes may go on using the bytes, with the ``MappedFile`` they are in.
/// - Throws: ``FileError`` for a missing, unreadable or empty file or a folder, and what `body` throws.
public func withMappedFile<Result>(
  _ path: String, lending: Bool = false, _ body: (UnsafeRawBufferPointer) throws(FileError) -> Result
) throws(FileError) -> Result {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw FileError(path, errno: errno, doing: "be opened") }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw FileError(path, errno: errno, doing: "be read") }
  if status.st_mode & S_IFMT == S_IFDIR { throw FileError(path, errno: EISDIR, doing: "be read") }
  // Pipes and the like cannot be mapped.
  guard status.st_mode & S_IFMT == S_IFREG else {
    return try readFile(path).withBytes(body)
  }
  let count = Int(status.st_size)
  guard count > 0 else { throw FileError(path, "is empty; was it copied completely?") }
  let base = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
  guard let base, base != MAP_FAILED else { throw FileError(path, errno: errno, doing: "be read") }
  let file = MappedFile(UnsafeRawBufferPointer(start: base, count: count), isLent: lending)
  defer { withExtendedLifetime(file) {} }
  return try body(file.bytes)
}

/// A file in memory, for as long as somebody holds this.
package final class MappedFile: @unchecked Sendable {
  package let bytes: UnsafeRawBufferPointer
  private let isLent: Bool

  fileprivate init(_ bytes: UnsafeRawBufferPointer, isLent: Bool) {
    (self.bytes, self.isLent) = (bytes, isLent)
    let place = Place(addresses: Self.addresses(bytes), file: Weak(self))
    Self.places.withLock { $0.append(place) }
  }

  deinit {
    let addresses = Self.addresses(bytes)
    Self.places.withLock { $0.removeAll { $0.addresses == addresses } }
    munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count)
  }

  private struct Weak: Sendable {
    weak let file: MappedFile?
    init(_ file: MappedFile) { self.file = file }
  }

  private struct Place: Sendable {
    let addresses: Range<UInt>
    let file: Weak
  }

  /// Where files are mapped now.
  private static let places = Mutex<[Place]>([])
  private static let page = UInt(sysconf(Int32(_SC_PAGESIZE)))

  private static func addresses(_ bytes: UnsafeRawBufferPointer) -> Range<UInt> {
    let start = UInt(bitPattern: bytes.baseAddress)
    return start..<start + UInt(bytes.count)
  }

  /// The file that some bytes are in, if they may be used for as long as it is held, and `slack` more can be read.
  package static func lending(_ bytes: UnsafeRawBufferPointer, slack: Int) -> MappedFile? {
    let wanted = addresses(bytes)
    let place = places.withLock { $0.first { $0.addresses.contains(wanted.lowerBound) } }
    // The last page can be read to its end.
    guard let place, let file = place.file.file, file.isLent,
      wanted.upperBound + UInt(slack) <= (place.addresses.upperBound + page - 1) / page * page
    else { return nil }
    return file
  }

  /// Lets the process's memory go of whole pages that have been read: they are mapped again when they are touched. Bytes
  /// that are no part of a mapped file stay as they are.
  package static func forgetPages(of bytes: UnsafeRawBufferPointer) {
    let addresses = addresses(bytes)
    let start = (addresses.lowerBound + page - 1) / page * page
    let end = addresses.upperBound / page * page
    guard start < end, places.withLock({ $0.contains { $0.addresses.contains(start) } }) else { return }
    madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), MADV_DONTNEED)
  }
}

extension [UInt8] {
  /// Calls `body` with the bytes: as `withUnsafeBytes`, which forgets what errors are thrown.
  package func withBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws(FileError) -> Result
  ) throws(FileError) -> Result {
    let result = withUnsafeBytes { bytes in Swift.Result { () throws(FileError) in try body(bytes) } }
    return try result.get()
  }
}
