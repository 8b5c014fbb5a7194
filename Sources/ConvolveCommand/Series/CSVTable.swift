import Convolve
import Foundation

/// Columns of numbers from a text file: with commas, semicolons or tabs, and a header or none.
struct CSVTable {
  let names: [String]
  /// Rows of cells, as they stand.
  private let rows: [[String]]
  private let path: String
  private let firstLine: Int

  init(path: String) throws {
    self.path = path
    let text = String(decoding: try readFile(path), as: UTF8.self)
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
    guard let first = lines.first(where: { !$0.trimmingCharacters(in: .whitespaces).isEmpty }) else {
      throw FileError(path, "has no lines")
    }
    let separator = [",", ";", "\t"].max { a, b in
      first.filter { "\($0)" == a }.count < first.filter { "\($0)" == b }.count
    }!
    func cells(_ line: String) -> [String] {
      line.components(separatedBy: separator).map {
        $0.trimmingCharacters(in: .whitespaces).trimmingCharacters(in: CharacterSet(charactersIn: "\""))
      }
    }
    let header = cells(first)
    let hasHeader = header.contains { !$0.isEmpty && Double($0) == nil }
    names = hasHeader ? header : header.indices.map { "\($0 + 1)" }
    let start = lines.firstIndex(of: first)! + (hasHeader ? 1 : 0)
    firstLine = start + 1
    var body = lines[start...]
    while body.last?.trimmingCharacters(in: .whitespaces).isEmpty == true { body.removeLast() }
    rows = body.map(cells)
    for (i, row) in rows.enumerated() where row.count != header.count {
      throw FileError(path, "line \(firstLine + i) has \(row.count) cells, the first \(header.count)")
    }
  }

  /// How gaps are filled.
  enum Filling: String { case none, linear }

  /// A column's numbers.
  /// - Parameter name: as in the header, or its number from 1; without it, the last column of numbers.
  func column(_ name: String?, filling: Filling) throws -> (name: String, values: [Double]) {
    let index: Int
    if let name {
      guard let found = names.firstIndex(of: name) ?? Int(name).map({ $0 - 1 }), names.indices.contains(found)
      else {
        throw FileError(path, "has no column \(name); it has \(names.joined(separator: ", "))")
      }
      index = found
    } else {
      guard let found = names.indices.last(where: { c in rows.contains { Double($0[c]) != nil } }) else {
        throw FileError(path, "has no column of numbers; it has \(names.joined(separator: ", "))")
      }
      index = found
    }
    var values = try rows.enumerated().map { i, row -> Double? in
      let cell = row[index]
      if cell.isEmpty || ["nan", "na", "null", "."].contains(cell.lowercased()) {
        guard filling == .linear else {
          throw FileError(
            path, "line \(firstLine + i) has a gap in column \(names[index]): fill it, or give --fill linear")
        }
        return nil
      }
      guard let value = Double(cell), value.isFinite else {
        throw FileError(
          path, "line \(firstLine + i) has \"\(cell)\" in column \(names[index]), which is no finite number")
      }
      return value
    }
    let known = values.indices.filter { values[$0] != nil }
    guard let first = known.first, let last = known.last else {
      throw FileError(path, "has no numbers in column \(names[index])")
    }
    guard first == 0, last == values.count - 1 else {
      throw FileError(
        path, "has gaps at an end of column \(names[index]), where nothing can be filled in: cut them off")
    }
    for (a, b) in zip(known, known.dropFirst()) {
      for i in a + 1..<max(b, a + 1) {
        let t = Double(i - a) / Double(b - a)
        values[i] = values[a]! * (1 - t) + values[b]! * t
      }
    }
    return (names[index], values.map { $0! })
  }
}
