/// What a series or a model cannot be: named, with the limit and the remedy.
public struct SeriesError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}

/// - Throws: ``SeriesError`` for fewer values than `least`, or one that is not finite.
func check(_ values: [Double], atLeast least: Int, for what: String) throws(SeriesError) {
  guard values.count >= least else {
    throw SeriesError("\(what) of a series of \(values.count) values: it takes \(least) at least")
  }
  if let i = values.firstIndex(where: { !$0.isFinite }) {
    throw SeriesError("value \(i + 1) of the series is \(values[i]): fill gaps before \(what)")
  }
}
