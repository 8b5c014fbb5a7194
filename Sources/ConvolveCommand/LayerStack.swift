import ArgumentParser
import Convolve

/// Layers as a person writes them: `7s2p3`, `3*3p1`, `3s2p1+3p1|1s2`.
struct LayerStack {
  /// One row: branches of layers side by side, and how often the row is repeated.
  struct Row {
    let text: String
    let branches: [[Layer]]
    let count: Int
  }

  struct Layer {
    let window: Window
    let padding: Int
  }

  let rows: [Row]

  init(_ texts: [String]) throws {
    rows = try texts.map(Self.row)
  }

  private static func row(_ text: String) throws -> Row {
    var body = Substring(text)
    var count = 1
    if let star = text.firstIndex(of: "*") {
      guard let number = Int(text[..<star]), (1...1000).contains(number) else {
        throw ValidationError("\(text): write repetitions as 3*LAYER, 1 to 1000 of them")
      }
      count = number
      body = text[text.index(after: star)...]
    }
    let branches = try body.split(separator: "|", omittingEmptySubsequences: false).map { branch in
      branch == "id"
        ? []
        : try branch.split(separator: "+", omittingEmptySubsequences: false).map { try layer($0, in: text) }
    }
    return Row(text: text, branches: branches, count: count)
  }

  /// A kernel size, then s, p and d with numbers in any order.
  private static func layer(_ text: Substring, in row: String) throws -> Layer {
    let wrong = ValidationError(
      "\(row): \"\(text)\" is not a layer; write kernel, stride, padding and dilation as 3s2p1d1 "
        + "(all but the kernel may be left out)")
    var numbers: [Character: Int] = [:]
    var key: Character = "k"
    var digits = ""
    for character in text + " " {
      if character.isASCII, character.isNumber {
        digits.append(character)
        continue
      }
      guard let number = Int(digits), numbers[key] == nil else { throw wrong }
      numbers[key] = number
      digits = ""
      key = character
      guard "spd ".contains(character) else { throw wrong }
    }
    return Layer(
      window: Window(kernel: numbers["k"]!, stride: numbers["s"] ?? 1, dilation: numbers["d"] ?? 1),
      padding: numbers["p"] ?? 0)
  }
}
