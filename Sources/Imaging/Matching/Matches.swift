import Tensors

/// Where a template was found.
public struct Match: Sendable, Codable, Equatable {
  /// The left and upper edge, in pixels, between pixels too.
  public var x: Double
  public var y: Double
  public var width: Double
  public var height: Double
  public var score: Double
  /// How the template was scaled and turned (counterclockwise, in degrees) to be found there.
  public var scale = 1.0
  public var rotation = 0.0
}

/// The places of greatest score, best first: of those that overlap by more than half, the best one.
/// - Parameters:
///   - scores: as ``matchTemplate(_:_:mask:method:)`` returns them.
///   - template: its width and height.
///   - threshold: lower scores are no matches.
///   - count: the most that are returned.
public func matches(
  in scores: Tensor<Float>, template: (width: Int, height: Int), threshold: Float, count: Int
) -> [Match] {
  let (rows, columns) = (scores.shape[0], scores.shape[1])
  let s = scores.scalars
  var peaks: [(score: Float, y: Int, x: Int)] = []
  for y in 0..<rows {
    for x in 0..<columns where s[y * columns + x] >= threshold {
      let score = s[y * columns + x]
      // The first of equals is the peak.
      var isPeak = true
      for v in max(0, y - 1)...min(rows - 1, y + 1) {
        for u in max(0, x - 1)...min(columns - 1, x + 1) where isPeak {
          let other = s[v * columns + u]
          if other > score || (other == score && (v, u) < (y, x)) { isPeak = false }
        }
      }
      if isPeak { peaks.append((score, y, x)) }
    }
  }
  peaks.sort { ($1.score, $0.y, $0.x) < ($0.score, $1.y, $1.x) }
  return apart(
    peaks.lazy.map { peak in
      func score(_ dy: Int, _ dx: Int) -> Double? {
        let (y, x) = (peak.y + dy, peak.x + dx)
        return (0..<rows).contains(y) && (0..<columns).contains(x) ? Double(s[y * columns + x]) : nil
      }
      return Match(
        x: Double(peak.x) + vertex(score(0, -1), Double(peak.score), score(0, 1)),
        y: Double(peak.y) + vertex(score(-1, 0), Double(peak.score), score(1, 0)),
        width: Double(template.width), height: Double(template.height), score: Double(peak.score))
    }, count: count)
}

/// Of matches that overlap by more than half the best, best first.
public func withoutOverlaps(_ matches: [Match], count: Int) -> [Match] {
  apart(matches.sorted { $0.score > $1.score }, count: count)
}

/// The first matches that no earlier one overlaps by more than half.
private func apart(_ matches: some Sequence<Match>, count: Int) -> [Match] {
  var found: [Match] = []
  for match in matches where !found.contains(where: { overlap($0, match) > 0.5 }) {
    if found.count == count { break }
    found.append(match)
  }
  return found
}

/// Where the parabola through three scores side by side has its top, from -0.5 to 0.5.
private func vertex(_ before: Double?, _ middle: Double, _ after: Double?) -> Double {
  guard let before, let after else { return 0 }
  let bend = before - 2 * middle + after
  return bend < 0 ? max(-0.5, min(0.5, (before - after) / (2 * bend))) : 0
}

/// The part of the smaller box that lies in both.
private func overlap(_ a: Match, _ b: Match) -> Double {
  let width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
  let height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
  guard width > 0, height > 0 else { return 0 }
  return width * height / min(a.width * a.height, b.width * b.height)
}
