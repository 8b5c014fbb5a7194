/// One of Winograd's minimal filterings: outputs of a tile, and the kernel, along each axis.
public struct WinogradTransform: Sendable, Hashable {
  /// Outputs of a tile along a row.
  public let side: Int
  /// The kernel's columns.
  public let kernel: Int
  /// Samples from output to output.
  public let stride: Int
  /// Whether tiles and kernels are one row high, instead of square.
  public let isLine: Bool

  /// F(4x4, 3x3)
  public static let square4 = WinogradTransform(side: 4, kernel: 3, stride: 1, isLine: false)
  /// F(2x2, 3x3)
  public static let square2 = WinogradTransform(side: 2, kernel: 3, stride: 1, isLine: false)
  /// F(2x2, 5x5)
  public static let square2Of5 = WinogradTransform(side: 2, kernel: 5, stride: 1, isLine: false)
  /// F(4, 3)
  public static let line4 = WinogradTransform(side: 4, kernel: 3, stride: 1, isLine: true)
  /// F(4x4, 3x3) with a stride of 2
  public static let square4Stride2 = WinogradTransform(side: 4, kernel: 3, stride: 2, isLine: false)

  /// Outputs of a tile down a column.
  public var height: Int { isLine ? 1 : side }
  /// The kernel's rows.
  public var kernelHeight: Int { isLine ? 1 : kernel }
  /// Inputs of a tile along a row, and products.
  public var inputSide: Int { (side - 1) * stride + kernel }
  /// Products of a tile.
  public var entries: Int { inputSide * (isLine ? 1 : inputSide) }

  /// Transformed weights along a row: fewer than products where a stride lets outputs meet one weight by itself.
  private var weightSide: Int { stride == 1 ? inputSide : side + 2 }
  /// Transformed weights of a kernel.
  public var weights: Int { weightSide * (isLine ? 1 : weightSide) }
  /// One of a tile's products.
  public struct Product: Sendable {
    /// Its number, row by row.
    public let entry: Int
    /// Its weight's number.
    public let weight: Int
    /// Whether the last tiles down and across take it.
    public let isOfLastRow: Bool
    public let isOfLastColumn: Bool
  }

  /// The products in the order of their weights.
  /// - Parameters:
  ///   - lastRows: outputs down the last tile of a column of tiles.
  ///   - lastColumns: outputs along the last tile of a row of tiles.
  public func products(lastRows: Int, lastColumns: Int) -> [Product] {
    (0..<entries).map { entry in
      let (row, column) = entry.quotientAndRemainder(dividingBy: inputSide)
      return Product(
        entry: entry, weight: min(row, weightSide - 1) * weightSide + min(column, weightSide - 1),
        isOfLastRow: isLine || takes(row, outputs: lastRows),
        isOfLastColumn: takes(column, outputs: lastColumns))
    }
    .sorted { ($0.weight, $0.entry) < ($1.weight, $1.entry) }
  }

  /// Whether the first so many outputs take a product: that of the point at infinity is the last output's alone, and where a
  /// stride lets an output meet a weight by itself, so is that product.
  private func takes(_ place: Int, outputs: Int) -> Bool {
    let infinity = stride == 1 ? inputSide - 1 : side
    if place > infinity { return place - infinity <= outputs }
    return place < infinity || outputs == side
  }

  /// Products along an axis of so many outputs.
  public func products(along outputs: Int) -> Int {
    if outputs == 0 { return 0 }
    let whole = (outputs - 1) / side
    return whole * inputSide + (0..<inputSide).count { takes($0, outputs: outputs - whole * side) }
  }
}
