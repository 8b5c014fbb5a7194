/// Something that holds layers in its properties: names of parameters are made of the properties' names.
///
/// A module is an object, so that a layer that is called twice shares its parameters.
public protocol Module: AnyObject, Sendable {}

/// A module of one input and one output.
public protocol Layer: Module {
  /// Adds the layer's nodes to the value's graph.
  func forward(_ x: Value) throws(GraphError) -> Value
}

extension Layer {
  /// The layer's output for `x`.
  /// - Throws: ``GraphError`` with the layer's path and the shapes that do not fit.
  public func callAsFunction(_ x: Value) throws(GraphError) -> Value {
    let output = try x.graph.within(self) { () throws(GraphError) in try forward(x) }
    x.graph.note(output, of: self)
    return output
  }
}

/// The path of every module that `root` reaches through properties, arrays, optionals and dictionaries:
/// `layer1.0.conv1`.
func modulePaths(_ root: any Module) -> [ObjectIdentifier: String] {
  var paths: [ObjectIdentifier: String] = [:]
  func join(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
  func visit(_ value: Any, _ path: String) {
    let mirror = Mirror(reflecting: value)
    switch mirror.displayStyle {
    case .collection:
      for (i, child) in mirror.children.enumerated() { visit(child.value, join(path, "\(i)")) }
    case .optional:
      if let child = mirror.children.first { visit(child.value, path) }
    case .class, .struct, .tuple:
      if let module = value as? any Module {
        if paths[ObjectIdentifier(module)] != nil { return }
        paths[ObjectIdentifier(module)] = path
      } else if mirror.displayStyle == .class {
        return
      }
      var level: Mirror? = mirror
      while let mirror = level {
        for child in mirror.children {
          // A sequence of layers names them by number, not by the property that holds them.
          visit(
            child.value, child.label == "layers" && value is Sequential ? path : join(path, child.label ?? "")
          )
        }
        level = mirror.superclassMirror
      }
    default: return
    }
  }
  visit(root, "")
  return paths
}
