import Files
import Foundation

/// Writes each value as a line of JSON, in place of the file that is there.
func writeLines(_ values: [some Encodable], to path: String) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = .sortedKeys
  let lines = try values.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
  try writeFile(Array(lines.joined().utf8), to: path, replacing: true)
}

/// The values of such a file; none where there is no file.
func readLines<Value: Decodable>(_ type: Value.Type, from path: String) throws -> [Value] {
  guard FileManager.default.fileExists(atPath: path) else { return [] }
  return try String(decoding: readFile(path), as: UTF8.self).split(separator: "\n").map {
    try JSONDecoder().decode(type, from: Data($0.utf8))
  }
}
