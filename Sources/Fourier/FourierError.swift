/// What a transform cannot do with what it was given: named, with the limit.
public struct FourierError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
