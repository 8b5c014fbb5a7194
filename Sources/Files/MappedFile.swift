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
  defer { munmap(base, count) }
  return try body(UnsafeRawBufferPointer(start: base, count: count))
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
