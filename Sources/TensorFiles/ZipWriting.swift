/// A zip file of members that are stored as they are, each on a 64-byte boundary, as PyTorch and NumPy map them.
func zipFile(_ members: [(name: String, content: [UInt8])]) -> [UInt8] {
  var (bytes, directory): ([UInt8], [UInt8]) = ([], [])
  func append(_ value: Int, _ size: Int, to bytes: inout [UInt8]) {
    for i in 0..<size { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * i))) }
  }
  for (name, content) in members {
    let sum = Int(content.withUnsafeBytes(checksum))
    let start = bytes.count
    let isLarge = content.count >= 0xFFFF_FFFF
    // Sizes of 64 bits, then a field that fills up to the boundary.
    let sizes = isLarge ? 20 : 0
    let header = 30 + name.utf8.count + sizes + 4
    let filling = (64 - (start + header) % 64) % 64
    append(0x0403_4B50, 4, to: &bytes)
    for value in [isLarge ? 45 : 20, 0x800, 0, 0, 0x21] { append(value, 2, to: &bytes) }
    append(sum, 4, to: &bytes)
    for _ in 0..<2 { append(isLarge ? 0xFFFF_FFFF : content.count, 4, to: &bytes) }
    append(name.utf8.count, 2, to: &bytes)
    append(sizes + 4 + filling, 2, to: &bytes)
    bytes += Array(name.utf8)
    if isLarge {
      for (value, size) in [(1, 2), (16, 2), (content.count, 8), (content.count, 8)] {
        append(value, size, to: &bytes)
      }
    }
    append(0x4246, 2, to: &bytes)
    append(filling, 2, to: &bytes)
    bytes += [UInt8](repeating: 0, count: filling)
    bytes += content
    let isFar = start >= 0xFFFF_FFFF
    append(0x0201_4B50, 4, to: &directory)
    for value in [45, isLarge || isFar ? 45 : 20, 0x800, 0, 0, 0x21] { append(value, 2, to: &directory) }
    append(sum, 4, to: &directory)
    for _ in 0..<2 { append(isLarge ? 0xFFFF_FFFF : content.count, 4, to: &directory) }
    append(name.utf8.count, 2, to: &directory)
    let extra = (isLarge ? 16 : 0) + (isFar ? 8 : 0)
    append(extra > 0 ? extra + 4 : 0, 2, to: &directory)
    for _ in 0..<3 { append(0, 2, to: &directory) }
    append(0, 4, to: &directory)
    append(isFar ? 0xFFFF_FFFF : start, 4, to: &directory)
    directory += Array(name.utf8)
    if extra > 0 {
      append(1, 2, to: &directory)
      append(extra, 2, to: &directory)
      if isLarge { for _ in 0..<2 { append(content.count, 8, to: &directory) } }
      if isFar { append(start, 8, to: &directory) }
    }
  }
  let (start, length) = (bytes.count, directory.count)
  bytes += directory
  if start >= 0xFFFF_FFFF || members.count >= 0xFFFF {
    let record = bytes.count
    append(0x0606_4B50, 4, to: &bytes)
    append(44, 8, to: &bytes)
    for value in [45, 45] { append(value, 2, to: &bytes) }
    for value in [0, 0] { append(value, 4, to: &bytes) }
    for value in [members.count, members.count, length, start] { append(value, 8, to: &bytes) }
    append(0x0706_4B50, 4, to: &bytes)
    append(0, 4, to: &bytes)
    append(record, 8, to: &bytes)
    append(1, 4, to: &bytes)
  }
  append(0x0605_4B50, 4, to: &bytes)
  for value in [0, 0, min(members.count, 0xFFFF), min(members.count, 0xFFFF)] { append(value, 2, to: &bytes) }
  append(min(length, 0xFFFF_FFFF), 4, to: &bytes)
  append(min(start, 0xFFFF_FFFF), 4, to: &bytes)
  append(0, 2, to: &bytes)
  return bytes
}
