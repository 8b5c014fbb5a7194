/// Layers one after another; their parameters are numbered as PyTorch's `Sequential` numbers them.
///
/// ```swift
/// let network = Sequential {
///   Conv2d(1, 6, kernelSize: 5, padding: .symmetric(2))
///   Tanh()
///   AvgPool2d(2)
/// }
/// ```
public final class Sequential: Layer {
  public let layers: [any Layer]

  public init(_ layers: [any Layer]) { self.layers = layers }

  public init(@LayerBuilder _ layers: () -> [any Layer]) { self.layers = layers() }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    var x = x
    for layer in layers { x = try layer(x) }
    return x
  }
}

@resultBuilder
public enum LayerBuilder {
  public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
  public static func buildExpression(_ layers: [any Layer]) -> [any Layer] { layers }
  public static func buildBlock(_ parts: [any Layer]...) -> [any Layer] { parts.flatMap(\.self) }
  public static func buildOptional(_ part: [any Layer]?) -> [any Layer] { part ?? [] }
  public static func buildEither(first part: [any Layer]) -> [any Layer] { part }
  public static func buildEither(second part: [any Layer]) -> [any Layer] { part }
  public static func buildArray(_ parts: [[any Layer]]) -> [any Layer] { parts.flatMap(\.self) }
}
