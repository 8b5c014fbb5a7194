/// The sizes of a tensor's dimensions, outermost first: `[N, C, H, W]`.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  public let dimensions: [Int]

  /// - Precondition: no size is negative, and their product fits an `Int`.
  public init(_ dimensions: [Int]) {
    precondition(dimensions.allSatisfy { $0 >= 0 }, "a shape has no negative sizes: \(dimensions)")
    var count = 1
    for size in dimensions {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      precondition(!overflow, "the shape \(dimensions) has more elements than an Int can count")
      count = product
    }
    self.dimensions = dimensions
    self.count = count
  }

  public init(arrayLiteral elements: Int...) { self.init(elements) }

  /// The number of elements: the product of the sizes, 1 for rank 0.
  public let count: Int

  public var rank: Int { dimensions.count }

  public subscript(axis: Int) -> Int { dimensions[axis] }

  /// `3x224x224`; `scalar` for rank 0.
  public var description: String {
    dimensions.isEmpty ? "scalar" : dimensions.map(String.init).joined(separator: "x")
  }
}
