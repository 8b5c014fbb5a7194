import CZlib
import Files

/// The members of a zip file, stored or deflated.
///
/// - Source: PKWARE's APPNOTE.TXT 6.3, sections 4.3 and 4.5.3 (zip64).
struct ZipArchive {
  /// One file of the archive.
  struct Member {
    let name: String
    fileprivate let isDeflated: Bool
    fileprivate let compressed: Range<Int>
    let size: Int
    fileprivate let checksum: UInt32
  }

  let members: [Member]
  private let bytes: UnsafeRawBufferPointer
  private let path: String

  /// Deflate makes at most about 1032 bytes of one.
  private static let mostExpansion = 1032

  /// - Parameters:
  ///   - bytes: a whole file, which must outlive the archive.
  ///   - path: for errors.
  init(_ bytes: UnsafeRawBufferPointer, path: String) throws(FileError) {
    (self.bytes, self.path) = (bytes, path)
    func damaged(_ what: String) -> FileError {
      FileError(path, "is a damaged zip file: \(what); was it copied completely?")
    }
    func number(_ at: Int, _ size: Int) throws(FileError) -> Int {
      guard at >= 0, at <= bytes.count - size else {
        throw damaged("a number at byte \(at) of \(bytes.count)")
      }
      var value: UInt64 = 0
      for i in 0..<size { value |= UInt64(bytes[at + i]) << UInt64(8 * i) }
      guard value <= UInt64(Int.max) else { throw damaged("the number \(value) at byte \(at)") }
      return Int(value)
    }
    // The end record stands before a comment of at most 64 KiB.
    var end = bytes.count - 22
    while end >= 0, try number(end, 4) != 0x0605_4B50 {
      end -= 1
      if end < bytes.count - 22 - 65535 { end = -1 }
    }
    guard end >= 0 else { throw damaged("it has no directory") }
    var (count, start) = (try number(end + 10, 2), try number(end + 16, 4))
    if end >= 20, try number(end - 20, 4) == 0x0706_4B50 {
      let record = try number(end - 12, 8)
      guard try number(record, 4) == 0x0606_4B50 else { throw damaged("its directory of 64 bits") }
      (count, start) = (try number(record + 32, 8), try number(record + 48, 8))
    }
    var members: [Member] = []
    var at = start
    for _ in 0..<min(count, bytes.count / 46 + 1) {
      guard try number(at, 4) == 0x0201_4B50 else { throw damaged("an entry of its directory at byte \(at)") }
      let (flags, method) = (try number(at + 8, 2), try number(at + 10, 2))
      var (compressed, size) = (try number(at + 20, 4), try number(at + 24, 4))
      let (nameLength, extraLength) = (try number(at + 28, 2), try number(at + 30, 2))
      let commentLength = try number(at + 32, 2)
      var header = try number(at + 42, 4)
      guard at + 46 + nameLength + extraLength + commentLength <= bytes.count else {
        throw damaged("an entry of its directory at byte \(at)")
      }
      let name = String(decoding: bytes[at + 46..<at + 46 + nameLength], as: UTF8.self)
      guard flags & 1 == 0 else { throw FileError(path, "holds \(name) encrypted; decrypt it first") }
      guard method == 0 || method == 8 else {
        throw FileError(path, "holds \(name) compressed by method \(method); stored and deflated are read")
      }
      var extra = at + 46 + nameLength
      let extraEnd = extra + extraLength
      while extra + 4 <= extraEnd {
        let (kind, length) = (try number(extra, 2), try number(extra + 2, 2))
        if kind == 1 {
          // 64-bit numbers, in this order, for those whose 32 bits are all ones.
          var field = extra + 4
          for i in 0..<3 where [size, compressed, header][i] == 0xFFFF_FFFF {
            let value = try number(field, 8)
            if i == 0 { size = value } else if i == 1 { compressed = value } else { header = value }
            field += 8
          }
        }
        extra += 4 + length
      }
      guard try number(header, 4) == 0x0403_4B50 else { throw damaged("\(name) is not where its entry says") }
      let first = header + 30 + (try number(header + 26, 2)) + (try number(header + 28, 2))
      guard first <= bytes.count, compressed <= bytes.count - first else {
        throw damaged("\(name) of \(compressed) bytes at byte \(first) of \(bytes.count)")
      }
      guard method == 0 ? size == compressed : size / Self.mostExpansion <= compressed else {
        throw damaged("\(name) of \(size) bytes, in \(compressed)")
      }
      members.append(
        Member(
          name: name, isDeflated: method == 8, compressed: first..<first + compressed, size: size,
          checksum: UInt32(try number(at + 16, 4))))
      at += 46 + nameLength + extraLength + commentLength
    }
    guard members.count == count else { throw damaged("\(count) entries in its directory") }
    self.members = members
  }

  /// Calls `body` with a member's content.
  func withContent<Result>(
    _ member: Member, _ body: (UnsafeRawBufferPointer) throws(FileError) -> Result
  ) throws(FileError) -> Result {
    let stored = UnsafeRawBufferPointer(rebasing: bytes[member.compressed])
    if !member.isDeflated {
      try check(member, stored)
      return try body(stored)
    }
    return try inflated(stored, member).withBytes { (bytes) throws(FileError) in
      try check(member, bytes)
      return try body(bytes)
    }
  }

  private func check(_ member: Member, _ content: UnsafeRawBufferPointer) throws(FileError) {
    guard checksum(content) == member.checksum else {
      throw FileError(path, "holds \(member.name) with a wrong checksum: it is damaged; fetch it again")
    }
  }

  private func inflated(_ source: UnsafeRawBufferPointer, _ member: Member) throws(FileError) -> [UInt8] {
    var stream = z_stream()
    // Without a header.
    guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw FileError(path, "cannot be decompressed: zlib has no memory")
    }
    defer { inflateEnd(&stream) }
    var status = Z_OK
    let content = [UInt8](unsafeUninitializedCapacity: member.size) { buffer, filled in
      stream.next_in = UnsafeMutablePointer(
        mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
      stream.next_out = buffer.baseAddress
      var (unread, unwritten) = (source.count, member.size)
      // zlib counts in 32 bits.
      while status == Z_OK {
        let (reads, writes) = (UInt32(min(unread, 1 << 30)), UInt32(min(unwritten, 1 << 30)))
        (stream.avail_in, stream.avail_out) = (reads, writes)
        status = inflate(&stream, Z_NO_FLUSH)
        unread -= Int(reads - stream.avail_in)
        unwritten -= Int(writes - stream.avail_out)
        if reads == stream.avail_in, writes == stream.avail_out { break }
      }
      filled = member.size - unwritten
    }
    guard status == Z_STREAM_END, content.count == member.size else {
      throw FileError(path, "holds \(member.name) damaged: it does not decompress; fetch it again")
    }
    return content
  }
}

/// CRC-32, as zip files hold it.
func checksum(_ content: UnsafeRawBufferPointer) -> UInt32 {
  var (sum, start) = (crc32(0, nil, 0), 0)
  // zlib counts in 32 bits.
  while start < content.count {
    let some = min(content.count - start, 1 << 30)
    sum = crc32(sum, content.baseAddress!.assumingMemoryBound(to: UInt8.self) + start, UInt32(some))
    start += some
  }
  return UInt32(truncatingIfNeeded: sum)
}
