/// Letters as strokes, for pictures: capitals, digits and a few signs on a grid 4 wide and 6 high, `y` downwards.
enum StrokeFont {
  /// From letter to letter, in units of the grid.
  static let advance = 5.6
  static let height = 6.0

  /// The strokes of a character: each a list of points. Small letters are drawn as capitals, unknown signs as a box.
  static func strokes(_ character: Character) -> [[(Double, Double)]] {
    if character == " " { return [] }
    let text = glyphs[character] ?? glyphs[Character(character.uppercased())] ?? "00 40 46 06 00"
    return text.split(separator: "|").map { stroke in
      stroke.split(separator: " ").map { point in
        let digits = point.compactMap(\.wholeNumberValue)
        return (Double(digits[0]), Double(digits[1]))
      }
    }
  }

  /// Points as two digits, x and y; strokes are parted by bars.
  private static let glyphs: [Character: String] = [
    "A": "06 20 46|14 34", "B": "00 06 36 45 44 33 03|33 42 41 30 00", "C": "41 30 10 01 05 16 36 45",
    "D": "00 06 26 44 42 20 00", "E": "40 00 06 46|03 33", "F": "40 00 06|03 33",
    "G": "41 30 10 01 05 16 36 45 43 23", "H": "00 06|40 46|03 43", "I": "10 30|20 26|16 36",
    "J": "40 45 36 16 05", "K": "00 06|40 03 46", "L": "00 06 46", "M": "06 00 23 40 46", "N": "06 00 46 40",
    "O": "10 30 41 45 36 16 05 01 10", "P": "06 00 30 41 42 33 03", "Q": "10 30 41 45 36 16 05 01 10|24 46",
    "R": "06 00 30 41 42 33 03|23 46", "S": "41 30 10 01 02 13 33 44 45 36 16 05", "T": "00 40|20 26",
    "U": "00 05 16 36 45 40", "V": "00 26 40", "W": "00 16 23 36 40", "X": "00 46|40 06",
    "Y": "00 23 40|23 26",
    "Z": "00 40 06 46", "0": "10 30 41 45 36 16 05 01 10|14 32", "1": "11 20 26|16 36",
    "2": "01 10 30 41 42 06 46", "3": "00 40 22 32 43 45 36 16 05", "4": "36 30 04 44",
    "5": "40 00 02 32 43 45 36 16 05", "6": "30 10 01 05 16 36 45 44 33 13 04", "7": "00 40 16",
    "8": "10 30 41 42 33 13 02 01 10|13 04 05 16 36 45 44 33", "9": "16 36 45 41 30 10 01 02 13 33 42",
    ".": "15 16", ",": "25 16", ":": "21 22|24 25", "-": "13 33", "+": "13 33|22 24", "/": "06 40",
    "%": "06 40|00 11|35 46", "(": "30 21 25 36", ")": "10 21 25 16", "=": "12 32|14 34", "'": "20 21",
    "_": "06 46", "#": "11 15|31 35|02 42|04 44", "*": "11 35|31 15", "<": "31 13 35", ">": "11 33 15",
    "?": "01 10 30 41 23 24|25 26",
  ]
}
