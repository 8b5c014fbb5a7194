import Convolution

/// Kernels written as numbers, in the spellings of several programs:
///
/// - ImageMagick: `3x3: 0,1,0 1,-4,1 0,1,0`, with an anchor `3x3+1+1: ...`, or a square `3: ...`; `-` leaves
///   a place out.
/// - libvips: a first line `width height [scale offset]`, then the rows.
/// - G'MIC: `(0,1,0;1,-4,1;0,1,0)`.
/// - Rows of numbers, one a line; nested brackets as in Python are taken too.
///
/// The middle of an even size is `size / 2` in all of them, as in OpenCV and SciPy; ImageMagick takes
/// `(size - 1) / 2`, which `+x+y` can say.
struct KernelText {
  let kernel: Kernel
  /// Whether the text says itself how its coefficients are scaled.
  let isScaleGiven: Bool
  /// What is added to every result.
  let offset: Double

  init(_ text: String) throws(KernelSpecificationError) {
    let trimmed = String(text.drop(while: \.isWhitespace))
    guard !trimmed.isEmpty else { throw .empty }
    guard text.utf8.count <= Self.longest else {
      throw .malformed("a kernel of \(text.utf8.count) characters; at most \(Self.longest) are read")
    }
    if let colon = trimmed.firstIndex(of: ":") {
      let body = String(trimmed[trimmed.index(after: colon)...])
      try self.init(imageMagick: String(trimmed[..<colon]), body)
    } else if trimmed.contains("(") || trimmed.contains("[") {
      try self.init(bracketed: trimmed)
    } else {
      try self.init(lines: trimmed)
    }
  }

  private static let longest = 32 << 20

  private init(_ kernel: Kernel, isScaleGiven: Bool = false, offset: Double = 0) {
    self.kernel = kernel
    self.isScaleGiven = isScaleGiven
    self.offset = offset
  }

  private init(imageMagick size: String, _ body: String) throws(KernelSpecificationError) {
    let (geometry, anchor) = try Self.geometry(size)
    guard !body.contains(";") else {
      throw .malformed("a list of kernels (\";\"): give each with a --kernel of its own")
    }
    let values = try Self.numbers(body, holes: true)
    let (rows, columns) = (geometry.rows, geometry.columns)
    guard values.count == rows * columns else {
      throw .kernel(
        rows < 1 || columns < 1
          ? .empty(rows: rows, columns: columns)
          : .wrongCount(rows: rows, columns: columns, count: values.count))
    }
    self.init(try Imaging.kernel(rows, columns, values, anchor: anchor))
  }

  /// "3x3", "3x3+1+1", "3".
  private static func geometry(
    _ text: String
  ) throws(KernelSpecificationError) -> ((rows: Int, columns: Int), Kernel.Anchor?) {
    let parts = text.split(separator: "+", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
    let sizes = parts[0].lowercased().split(separator: "x", omittingEmptySubsequences: false)
    guard (1...2).contains(sizes.count), let columns = Int(sizes[0]), let rows = Int(sizes.last!) else {
      throw .malformed("\"\(text)\" is not the size of a kernel; write it as 3x3: or 3x3+1+1:")
    }
    guard columns >= 1, rows >= 1 else { throw .kernel(.empty(rows: rows, columns: columns)) }
    guard columns <= Kernel.largestSize, rows <= Kernel.largestSize else {
      throw .kernel(.tooLarge(rows: rows, columns: columns))
    }
    guard parts.count > 1 else { return ((rows, columns), nil) }
    guard parts.count == 3, let x = Int(parts[1]), let y = Int(parts[2]) else {
      throw .malformed("\"\(text)\": an anchor is written +x+y, as in 3x3+1+1:")
    }
    return ((rows, columns), Kernel.Anchor(row: y, column: x))
  }

  private init(bracketed text: String) throws(KernelSpecificationError) {
    // Rows end with ";", or with the bracket that ends an inner list.
    var rows: [[Double]] = []
    var row = ""
    func endRow() throws(KernelSpecificationError) {
      let values = try Self.numbers(row, holes: false)
      if !values.isEmpty { rows.append(values) }
      row = ""
    }
    for character in text {
      switch character {
      case ";", "]", ")": try endRow()
      case "(", "[": row.append(" ")
      default: row.append(character)
      }
    }
    try endRow()
    self.init(try Self.kernel(rows: rows))
  }

  private init(lines text: String) throws(KernelSpecificationError) {
    var rows: [[Double]] = []
    for line in text.split(whereSeparator: { $0.isNewline || $0 == ";" }) {
      let content = line.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)[0]
      let values = try Self.numbers(String(content), holes: false)
      if !values.isEmpty { rows.append(values) }
    }
    guard let first = rows.first else { throw .empty }
    let rest = rows.dropFirst().joined()
    // libvips's header: the sizes of exactly what follows.
    if first.count == 2 || first.count == 4, first[0] >= 1, first[1] >= 1, first[0] == first[0].rounded(),
      first[1] == first[1].rounded(), first[0] * first[1] == Double(rest.count), first[0] * first[1] < 1e7
    {
      let scale = first.count == 4 ? first[2] : 1
      guard scale != 0 else { throw .malformed("the kernel's scale is 0; libvips divides by it") }
      let offset = first.count == 4 ? first[3] : 0
      let kernel = try Imaging.kernel(Int(first[1]), Int(first[0]), rest.map { $0 / scale })
      self.init(kernel, isScaleGiven: first.count == 4, offset: offset)
      return
    }
    self.init(try Self.kernel(rows: rows))
  }

  private static func kernel(rows: [[Double]]) throws(KernelSpecificationError) -> Kernel {
    guard let first = rows.first else { throw .empty }
    for (index, row) in rows.enumerated() where row.count != first.count {
      throw .raggedRows(row: index + 1, count: row.count, expected: first.count)
    }
    return try Imaging.kernel(rows.count, first.count, Array(rows.joined()))
  }

  /// Numbers between commas and blanks. A hole is a coefficient of zero.
  private static func numbers(_ text: String, holes: Bool) throws(KernelSpecificationError) -> [Double] {
    var numbers: [Double] = []
    for part in text.split(whereSeparator: { $0.isWhitespace || $0 == "," }) {
      if holes, part == "-" {
        numbers.append(0)
      } else if let number = Double(part) {
        numbers.append(number)
      } else {
        let start = String(text.prefix(57).map { $0.isNewline ? " " : $0 })
        throw .notANumber(String(part.prefix(40)), near: text.count > 57 ? start + "..." : start)
      }
    }
    return numbers
  }
}
