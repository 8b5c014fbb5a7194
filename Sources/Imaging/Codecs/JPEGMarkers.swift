/// What a JPEG's markers say beside the pixels.
///
/// - Source: ITU-T T.81, Annex B; ICC.1:2010, B.4 for profiles.
struct JPEGMarkers {
  private(set) var exif: [UInt8]?
  private(set) var iccProfile: [UInt8]?
  private(set) var hasAdobe = false

  private static let iccName = Array("ICC_PROFILE".utf8) + [0]
  private static let largestSegment = 65533

  init(_ bytes: [UInt8]) {
    var parts: [Int: ArraySlice<UInt8>] = [:]
    var partCount = 0
    var i = 2
    while i + 4 <= bytes.count, bytes[i] == 0xFF {
      let marker = bytes[i + 1]
      if marker == 0xFF {
        i += 1
        continue
      }
      if marker == 0xDA || marker == 0xD9 { break }
      let length = Int(bytes[i + 2]) << 8 | Int(bytes[i + 3])
      guard length >= 2, i + 2 + length <= bytes.count else { break }
      let payload = bytes[i + 4..<i + 2 + length]
      if marker == 0xE1, exif == nil, payload.starts(with: Array("Exif".utf8)) { exif = Array(payload) }
      if marker == 0xEE, payload.starts(with: Array("Adobe".utf8)) { hasAdobe = true }
      if marker == 0xE2, payload.count > 14, payload.starts(with: Self.iccName) {
        parts[Int(payload[payload.startIndex + 12])] = payload.dropFirst(14)
        partCount = Int(payload[payload.startIndex + 13])
      }
      i += 2 + length
    }
    let present = (0..<partCount).compactMap { parts[$0 + 1] }
    if partCount > 0, present.count == partCount { iccProfile = Array(present.joined()) }
  }

  /// The APP2 segments that carry a profile; none for one that is too large for 255 of them.
  static func segments(forICCProfile profile: [UInt8]) -> [UInt8] {
    let room = largestSegment - iccName.count - 2
    let count = profile.count.dividedRoundingUp(by: room)
    guard (1...255).contains(count) else { return [] }
    var segments: [UInt8] = []
    for part in 0..<count {
      let payload = profile[part * room..<min(profile.count, (part + 1) * room)]
      let length = 2 + iccName.count + 2 + payload.count
      segments += [0xFF, 0xE2, UInt8(length >> 8), UInt8(length & 255)]
      segments += iccName + [UInt8(part + 1), UInt8(count)] + payload
    }
    return segments
  }
}
