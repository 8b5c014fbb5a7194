#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A value as JSON text with sorted keys.
func jsonText(_ value: some Encodable) -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  // Numbers here are finite and strings are text, so nothing can fail.
  return String(decoding: try! encoder.encode(value), as: UTF8.self)
}
