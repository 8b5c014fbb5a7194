/// One of Winograd's minimal filterings: outputs of a tile, and the kernel, along each axis.
public struct WinogradTransform: Sendable, Hashable {
  /// Outputs of a tile along a row.
  public let side: Int
  /// The kernel's columns.
  public let kernel: Int
  /// Whether tiles and kernels are one row high, instead of square.
  public let isLine: Bool

  /// F(4x4, 3x3)
  public static let square4 = WinogradTransform(side: 4, kernel: 3, isLine: false)
  /// F(2x2, 3x3)
  public static let square2 = WinogradTransform(side: 2, kernel: 3, isLine: false)
  /// F(2x2, 5x5)
  public static let square2Of5 = WinogradTransform(side: 2, kernel: 5, isLine: false)
  /// F(4, 3)
  public static let line4 = WinogradTransform(side: 4, kernel: 3, isLine: true)

  /// Outputs of a tile down a column.
  public var height: Int { isLine ? 1 : side }
  /// The kernel's rows.
  public var kernelHeight: Int { isLine ? 1 : kernel }
  /// Inputs of a tile down a column.
  public var inputHeight: Int { height + kernelHeight - 1 }
  /// Products of a tile.
  public var entries: Int { inputHeight * (side + kernel - 1) }
}
