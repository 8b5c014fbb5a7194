import Tensors

extension ONNXInterpreter {
  /// Operators that move elements of any type: Constant, Identity, Flatten, Reshape, Squeeze, Unsqueeze, Transpose.
  static func evaluateStructural(_ node: ONNXNode, _ arguments: ONNXArguments) throws -> [ONNXValue]? {
    switch node.op {
    case "Constant":
      guard let value = node.tensor("value") else {
        throw InterchangeError.unsupported("\(node.label) without a tensor")
      }
      return [value]
    case "Identity", "Dropout": return [try arguments.required(0)]
    case "Transpose":
      let x = try arguments.required(0)
      let axes = node.integers("perm") ?? (0..<x.shape.rank).reversed()
      guard axes.sorted() == Array(0..<x.shape.rank) else {
        throw InterchangeError.malformed("perm \(axes) of \(node.label) for an input of rank \(x.shape.rank)")
      }
      return [x.transposed(axes)]
    case "Flatten", "Reshape", "Squeeze", "Unsqueeze":
      let x = try arguments.required(0)
      let shape = try shape(node, arguments, x.shape)
      guard let shape, shape.allSatisfy({ $0 >= 0 }), shape.reduce(1, *) == x.shape.count else {
        throw InterchangeError.malformed("\(node.label) cannot give an input of \(x.shape) its shape")
      }
      return [x.reshaped(Shape(shape))]
    default: return nil
    }
  }

  /// The shape that comes out, or nil where there is none.
  static func shape(_ node: ONNXNode, _ arguments: ONNXArguments, _ input: Shape) throws -> [Int]? {
    let given = try node.integers(node.op == "Reshape" ? "shape" : "axes") ?? arguments.integers(1)
    var sizes = input.dimensions
    switch node.op {
    case "Flatten":
      let axis = node.integer("axis") ?? 1
      let split = axis < 0 ? axis + sizes.count : axis
      guard (0...sizes.count).contains(split) else { return nil }
      return [sizes[..<split].reduce(1, *), sizes[split...].reduce(1, *)]
    case "Reshape":
      guard var shape = given, shape.count(where: { $0 == -1 }) <= 1 else { return nil }
      if node.integer("allowzero") != 1 {
        for i in shape.indices where shape[i] == 0 && i < sizes.count { shape[i] = sizes[i] }
      }
      if let unknown = shape.firstIndex(of: -1) {
        let known = shape.reduce(1) { $1 == -1 ? $0 : $0 * $1 }
        guard known != 0, input.count % known == 0 else { return nil }
        shape[unknown] = input.count / known
      }
      return shape
    case "Squeeze":
      let axes = given.map { $0.map { $0 < 0 ? $0 + sizes.count : $0 } }
      return sizes.indices.filter { i in axes.map { !$0.contains(i) } ?? (sizes[i] != 1) }.map { sizes[$0] }
    default:
      guard let axes = given else { return nil }
      let rank = sizes.count + axes.count
      for axis in axes.map({ $0 < 0 ? $0 + rank : $0 }).sorted() {
        guard (0...sizes.count).contains(axis) else { return nil }
        sizes.insert(1, at: axis)
      }
      return sizes
    }
  }
}
