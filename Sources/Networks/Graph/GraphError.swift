/// Why a network cannot be built, differentiated or run.
public struct GraphError: Error, Equatable, CustomStringConvertible {
  /// The layer's path and type, `layer1.0.conv1 (Conv2d)`; empty outside layers.
  public let layer: String
  public let message: String

  public init(_ message: String, layer: String = "") {
    (self.layer, self.message) = (layer, message)
  }

  public var description: String { layer.isEmpty ? message : "\(layer): \(message)" }
}
