import Files
import Foundation
import GRDB
import Tensors

/// Images by their codes, in one SQLite file: the nearest are those of the greatest cosine.
public final class SearchIndex {
  /// How codes are made, so that a query's is made alike.
  public struct Description: Sendable, Codable, Equatable {
    /// The run folder of an autoencoder, or nil for the pixels themselves.
    public var model: String?
    /// Whether images are Sobel-filtered first.
    public var isSobelFiltered: Bool
    /// `[C, H, W]` that images are brought to.
    public var imageShape: [Int]

    public init(model: String?, isSobelFiltered: Bool, imageShape: [Int]) {
      (self.model, self.isSobelFiltered, self.imageShape) = (model, isSobelFiltered, imageShape)
    }
  }

  /// An image of the index.
  public struct Item: Sendable {
    public let id: Int
    public let name: String
    /// The class, where the data set has them.
    public let label: String
    /// A PNG file.
    public let picture: [UInt8]

    public init(id: Int, name: String, label: String, picture: [UInt8]) {
      (self.id, self.name, self.label, self.picture) = (id, name, label, picture)
    }
  }

  public let description: Description
  private let database: DatabaseQueue
  private let path: String
  /// Codes of length 1, one after another, and their items' numbers and labels.
  private var codes: [Float] = []
  private var ids: [Int] = []
  private var labels: [String] = []
  private var length = 0

  /// Makes a new index.
  /// - Throws: `FileError` where something stands at the path and is not to be replaced, or nothing can be written.
  public init(creating path: String, _ description: Description, replacing: Bool = false) throws {
    if !replacing { try requireAbsent(path) }
    // Made beside its place: see ``finish()``.
    self.path = path
    self.description = description
    try? FileManager.default.removeItem(atPath: path + ".part")
    do {
      database = try DatabaseQueue(path: path + ".part")
      let text = String(decoding: try JSONEncoder().encode(description), as: UTF8.self)
      try database.write { db in
        try db.execute(
          sql: """
            CREATE TABLE about (description TEXT NOT NULL);
            CREATE TABLE item (
              id INTEGER PRIMARY KEY, name TEXT NOT NULL, label TEXT NOT NULL, picture BLOB NOT NULL, code BLOB NOT NULL);
            """)
        try db.execute(sql: "INSERT INTO about VALUES (?)", arguments: [text])
      }
    } catch {
      throw FileError(path, "cannot be made: \(error)")
    }
  }

  /// Opens an index.
  /// - Throws: `FileError` for a file that is none.
  public init(path: String) throws {
    self.path = path
    guard FileManager.default.isReadableFile(atPath: path) else {
      throw FileError(path, "is not there; make it with: convolve search index")
    }
    do {
      var configuration = Configuration()
      configuration.readonly = true
      database = try DatabaseQueue(path: path, configuration: configuration)
      let text = try database.read { try String.fetchOne($0, sql: "SELECT description FROM about") } ?? ""
      description = try JSONDecoder().decode(Description.self, from: Data(text.utf8))
      let rows = try database.read {
        try Row.fetchAll($0, sql: "SELECT id, label, code FROM item ORDER BY id")
      }
      for row in rows {
        let code: Data = row["code"]
        if length == 0 { length = code.count / 4 }
        guard code.count == 4 * length else { throw FileError(path, "has codes of different lengths") }
        code.withUnsafeBytes { bytes in
          for i in 0..<length {
            codes.append(
              Float(
                bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self)))
            )
          }
        }
        ids.append(row["id"])
        labels.append(row["label"])
      }
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError(path, "is no index of convolve search: \(error)")
    }
  }

  /// Adds images with their codes.
  public func add(_ items: [(item: Item, code: ArraySlice<Float>)]) throws {
    try database.write { db in
      for (item, code) in items {
        var bytes = Data()
        for value in Self.normalized(code) {
          withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
        }
        try db.execute(
          sql: "INSERT INTO item VALUES (?, ?, ?, ?, ?)",
          arguments: [item.id, item.name, item.label, Data(item.picture), bytes])
      }
    }
  }

  /// Puts a new index in its place.
  public func finish() throws {
    try database.close()
    guard rename(path + ".part", path) == 0 else { throw FileError(path, "cannot be put in its place") }
  }

  public var count: Int { ids.count }

  /// The code of length 1; zeros stay zeros.
  private static func normalized(_ code: ArraySlice<Float>) -> [Float] {
    let length = code.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    return code.map { length > 0 ? Float(Double($0) / length) : 0 }
  }

  /// The nearest images to a code, the most alike first.
  /// - Parameters:
  ///   - code: of the index's length.
  ///   - count: as many at most.
  ///   - excluded: an item that is left out, such as the query itself.
  public func nearest(
    to code: ArraySlice<Float>, count: Int, excluding excluded: Int? = nil
  ) throws -> [(id: Int, cosine: Float)] {
    guard code.count == length else {
      throw FileError(path, "has codes of \(length) numbers, the query's has \(code.count)")
    }
    let query = Self.normalized(code)
    let cosines = codes.withUnsafeBufferPointer { codes in
      ids.indices.map { i in
        var sum: Float = 0
        for j in 0..<length { sum += codes[i * length + j] * query[j] }
        return sum
      }
    }
    return ids.indices.filter { ids[$0] != excluded }
      .sorted { (cosines[$1], ids[$0]) < (cosines[$0], ids[$1]) }.prefix(count)
      .map { (ids[$0], cosines[$0]) }
  }

  /// An image of the index.
  public func item(_ id: Int) throws -> Item {
    let row = try database.read {
      try Row.fetchOne($0, sql: "SELECT * FROM item WHERE id = ?", arguments: [id])
    }
    guard let row else { throw FileError(path, "has no item \(id); there are \(count), from 0 on") }
    let picture: Data = row["picture"]
    return Item(id: id, name: row["name"], label: row["label"], picture: Array(picture))
  }

  /// The code of an image of the index.
  public func code(_ id: Int) throws -> ArraySlice<Float> {
    guard let i = ids.firstIndex(of: id) else { throw FileError(path, "has no item \(id)") }
    return codes[i * length..<(i + 1) * length]
  }

  /// The mean part of the nearest images that are of the query's class, every image being a query.
  /// - Parameters:
  ///   - nearest: images that are looked at for each query.
  ///   - progress: told after each query.
  public func precision(at nearest: Int, progress: @escaping @Sendable () -> Void = {}) -> Double {
    let (count, length) = (ids.count, length)
    guard count > 1 else { return 0 }
    var numbers: [String: Int] = [:]
    let classes = labels.map { label in
      if numbers[label] == nil { numbers[label] = numbers.count }
      return numbers[label]!
    }
    var hits = [Int](repeating: 0, count: count)
    codes.withUnsafeBufferPointer { codes in
      hits.withUnsafeMutableBufferPointer { hits in
        let out = hits.baseAddress!
        ThreadPool.shared.parallelFor(count) { q in
          // The best so far, the least of them first to go.
          var best: [(cosine: Float, item: Int)] = []
          for i in 0..<count where i != q {
            var sums = SIMD8<Float>.zero
            var j = 0
            while j + 8 <= length {
              let a = UnsafeRawPointer(codes.baseAddress! + i * length + j).loadUnaligned(
                as: SIMD8<Float>.self)
              let b = UnsafeRawPointer(codes.baseAddress! + q * length + j).loadUnaligned(
                as: SIMD8<Float>.self)
              sums += a * b
              j += 8
            }
            var cosine = sums.sum()
            while j < length {
              cosine += codes[i * length + j] * codes[q * length + j]
              j += 1
            }
            if best.count == nearest, cosine <= best[nearest - 1].cosine { continue }
            var place = best.count
            while place > 0, best[place - 1].cosine < cosine { place -= 1 }
            best.insert((cosine, i), at: place)
            if best.count > nearest { best.removeLast() }
          }
          out[q] = best.reduce(0) { $0 + (classes[$1.item] == classes[q] ? 1 : 0) }
          progress()
        }
      }
    }
    return Double(hits.reduce(0, +)) / Double(count * min(nearest, count - 1))
  }
}
