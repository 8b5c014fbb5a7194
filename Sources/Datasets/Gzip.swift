import CZlib
import Files

/// A gzip file's content, or the bytes themselves where they are not gzip.
/// - Throws: `FileError` for a damaged file, or content beyond `limit` bytes.
func gunzipped(_ bytes: [UInt8], path: String, limit: Int = 4 << 30) throws(FileError) -> [UInt8] {
  guard bytes.count >= 2, bytes[0] == 0x1F, bytes[1] == 0x8B else { return bytes }
  var stream = z_stream()
  // 16 more than the window's bits: a gzip header is expected.
  guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
    throw FileError(path, "cannot be decompressed: zlib has no memory")
  }
  defer { inflateEnd(&stream) }
  var result: [UInt8] = []
  var source = bytes
  var status = Z_OK
  var isTooLarge = false
  source.withUnsafeMutableBufferPointer { source in
    stream.next_in = source.baseAddress
    stream.avail_in = UInt32(clamping: source.count)
    while status == Z_OK {
      let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, filled in
        stream.next_out = buffer.baseAddress
        stream.avail_out = 1 << 20
        status = inflate(&stream, Z_NO_FLUSH)
        filled = (1 << 20) - Int(stream.avail_out)
      }
      result += chunk
      if result.count > limit {
        isTooLarge = true
        return
      }
    }
  }
  guard !isTooLarge else { throw FileError(path, "holds more than \(limit) bytes when decompressed") }
  guard status == Z_STREAM_END else {
    throw FileError(path, "is a damaged gzip file; was it copied completely?")
  }
  return result
}
