/// A setting or an image that an operation cannot take: named, with the limit and the remedy.
public struct ImagingError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
