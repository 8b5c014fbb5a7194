import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Calls `body` with a file's bytes, which are read from the disk as they are used, and not copied.
/// - Throws: ``FileError`` for a missing, unreadable or empty file or a folder, and what `body` throws.
public func withMappedFile<Result>(
  _ path: String, _ body: (UnsafeRawBufferPointer) throws(FileError) -> Result
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
  let bytes = UnsafeRawBufferPointer(start: base, count: count)
  mappedFiles.withLock { $0.append(UInt(bitPattern: base)..<UInt(bitPattern: base) + UInt(count)) }
  defer {
    mappedFiles.withLock { $0.removeAll { $0.lowerBound == UInt(bitPattern: base) } }
    munmap(base, count)
  }
  return try body(bytes)
}

/// Where files are mapped now.
private let mappedFiles = Mutex<[Range<UInt>]>([])

/// Lets the process's memory go of whole pages that have been read: they are mapped again when they are touched. Bytes that
/// are no part of a mapped file stay as they are.
package func forgetPages(of bytes: UnsafeRawBufferPointer) {
  guard let base = bytes.baseAddress else { return }
  let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
  let address = UInt(bitPattern: base)
  let start = (address + page - 1) / page * page
  let end = (address + UInt(bytes.count)) / page * page
  guard start < end, mappedFiles.withLock({ $0.contains { $0.contains(start) } }) else { return }
  madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), MADV_DONTNEED)
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
