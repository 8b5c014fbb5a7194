#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What went wrong with a file: its path, the cause, and what to do.
public struct FileError: Error, CustomStringConvertible {
  public let path: String
  public let cause: String

  public init(_ path: String, _ cause: String) {
    self.path = path
    self.cause = cause
  }

  /// The failure that `errno` tells of.
  init(_ path: String, errno code: Int32, doing action: String) {
    let remedy: String
    switch code {
    case ENOENT: remedy = "check the path"
    case EACCES, EPERM, EROFS: remedy = "check its permissions, or choose another folder"
    case ENOSPC, EDQUOT: remedy = "the disk is full: free some space, or choose another folder"
    case EISDIR: remedy = "it is a folder: name a file"
    case ENOTDIR: remedy = "a part of the path is not a folder"
    case EMFILE, ENFILE: remedy = "too many files are open"
    default: remedy = "check the disk"
    }
    self.init(path, "cannot \(action): \(String(cString: strerror(code))); \(remedy)")
  }

  public var description: String { "\(path): \(cause)" }
}

/// Reads a whole file, or standard input for `-`.
/// - Throws: ``FileError`` for a missing, unreadable or empty file, a folder, or one beyond `limit` bytes.
public func readFile(_ path: String, limit: Int = .max) throws(FileError) -> [UInt8] {
  let name = path == "-" ? "standard input" : path
  let descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw FileError(name, errno: errno, doing: "be opened") }
  defer { if path != "-" { close(descriptor) } }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw FileError(name, errno: errno, doing: "be read") }
  if status.st_mode & S_IFMT == S_IFDIR { throw FileError(name, errno: EISDIR, doing: "be read") }
  var bytes: [UInt8] = []
  var expected = max(Int(status.st_size), 1 << 16)
  while true {
    guard bytes.count <= limit, Int(status.st_size) <= limit else {
      throw FileError(
        name, "is larger than the limit of \(limit) bytes; raise it with --max-bytes if it is to be trusted")
    }
    var count = 0
    let chunk = [UInt8](unsafeUninitializedCapacity: expected + 1) { buffer, filled in
      count = read(descriptor, buffer.baseAddress!, expected + 1)
      filled = max(0, count)
    }
    if count < 0 {
      if errno == EINTR { continue }
      throw FileError(name, errno: errno, doing: "be read")
    }
    if count == 0 { break }
    if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
    expected = max(1 << 16, Int(status.st_size) - bytes.count)
  }
  guard !bytes.isEmpty else { throw FileError(name, "is empty; was it copied completely?") }
  return bytes
}

/// - Throws: ``FileError`` where something stands at a path, which only an explicit wish may replace.
public func requireAbsent(_ path: String) throws(FileError) {
  if access(path, F_OK) == 0 { throw FileError(path, "exists already; --force replaces it") }
}

/// Writes a whole file, or standard output for `-`: beside its place, synced, then renamed, so that nothing
/// half-written ever stands there.
/// - Parameters:
///   - bytes: the file's content.
///   - path: where it goes.
///   - replacing: whether a file that exists may be replaced.
public func writeFile(_ bytes: [UInt8], to path: String, replacing: Bool = false) throws(FileError) {
  if path == "-" { return try write(bytes, descriptor: 1, name: "standard output") }
  if !replacing { try requireAbsent(path) }
  var status = stat()
  if stat(path, &status) == 0 {
    if status.st_mode & S_IFMT == S_IFDIR { throw FileError(path, errno: EISDIR, doing: "be written") }
    // A device or a pipe has no place beside it.
    if status.st_mode & S_IFMT != S_IFREG {
      let descriptor = open(path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw FileError(path, errno: errno, doing: "be written") }
      defer { close(descriptor) }
      return try write(bytes, descriptor: descriptor, name: path)
    }
  }
  let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).part"
  let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
  guard descriptor >= 0 else { throw FileError(path, errno: errno, doing: "be written") }
  do throws(FileError) {
    try write(bytes, descriptor: descriptor, name: path)
    guard fsync(descriptor) == 0 else { throw FileError(path, errno: errno, doing: "be written") }
  } catch {
    close(descriptor)
    unlink(temporary)
    throw error
  }
  // Some file systems find out only here that there was no room.
  guard close(descriptor) == 0, rename(temporary, path) == 0 else {
    let code = errno
    unlink(temporary)
    throw FileError(path, errno: code, doing: "be written")
  }
}

private func write(_ bytes: [UInt8], descriptor: Int32, name: String) throws(FileError) {
  var code: Int32 = 0
  bytes.withUnsafeBytes { bytes in
    var done = 0
    while done < bytes.count {
      #if canImport(Darwin)
        let count = Darwin.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      #elseif canImport(Musl)
        let count = Musl.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      #else
        let count = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      #endif
      if count < 0 {
        if errno == EINTR { continue }
        code = errno
        return
      }
      done += count
    }
  }
  guard code == 0 else { throw FileError(name, errno: code, doing: "be written") }
}
