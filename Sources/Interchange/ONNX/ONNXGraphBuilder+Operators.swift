import Convolution
import Networks
import Tensors

// Nodes that are operators of the graph.

extension ONNXGraphBuilder {
  /// The value that a node puts out; nil for a node that is run by its definition.
  func native(_ node: ONNXNode, _ arguments: [Entry?], _ constants: [ONNXValue?]) throws -> Value? {
    func name(_ i: Int) -> String? { i < node.inputs.count && !node.inputs[i].isEmpty ? node.inputs[i] : nil }
    func optional(_ i: Int, isTrainable: Bool = true) throws -> Value? {
      guard i < arguments.count, let entry = arguments[i] else { return nil }
      return try value(entry, name: name(i), isTrainable: isTrainable)
    }
    func required(_ i: Int, isTrainable: Bool = true) throws -> Value {
      guard let value = try optional(i, isTrainable: isTrainable) else {
        throw GraphError("it lacks its input \(i)")
      }
      return value
    }
    if node.outputs.dropFirst().contains(where: { !$0.isEmpty }), node.op != "Dropout" { return nil }
    if let activation = node.activation { return try required(0).activated(activation) }
    switch node.op {
    case "Identity", "Dropout": return try required(0)
    case "Clip":
      // The limits of ReLU6 alone.
      let low = node.float("min") ?? (constants.count > 1 ? constants[1]?.doubles.first : nil)
      let high = node.float("max") ?? (constants.count > 2 ? constants[2]?.doubles.first : nil)
      if low == 0, high == 6 { return try required(0).activated(.relu6) }
      if low == 0, high == nil { return try required(0).activated(.relu) }
      return nil
    case "Add": return try required(0) + required(1)
    case "Sum":
      var sum = try required(0)
      for i in arguments.indices.dropFirst() { sum = try sum + required(i) }
      return sum
    case "Sub": return try required(0) - required(1)
    case "Mul": return try required(0) * required(1)
    case "Div": return try required(0) / required(1)
    case "Neg": return try required(0).scaled(by: -1)
    case "Exp": return try required(0).exp()
    case "Log": return try required(0).log()
    case "Sqrt": return try required(0).sqrt()
    case "Abs": return try required(0).abs()
    case "Conv": return try conv(node, required(0), required(1), optional(2))
    case "ConvTranspose": return try convTranspose(node, required(0), required(1), optional(2))
    case "Gemm":
      guard node.integer("transA") ?? 0 == 0, node.integer("transB") == 1, node.float("alpha") ?? 1 == 1,
        node.float("beta") ?? 1 == 1, let bias = try optional(2), bias.shape.rank == 1
      else { return try gemm(node, required(0), required(1), optional(2)) }
      return try required(0).apply(Operators.Linear(), required(1), bias)
    case "MatMul":
      let (a, b) = (try required(0), try required(1))
      return a.shape.rank == 2 && b.shape.rank == 2 ? try a.matmul(b) : nil
    case "BatchNormalization":
      if node.integer("training_mode") == 1 { return nil }
      return try required(0).apply(
        Operators.BatchNormInference(epsilon: node.float("epsilon") ?? 1e-5), required(1), required(2),
        required(3, isTrainable: false), required(4, isTrainable: false))
    case "MaxPool":
      return try required(0).apply(Operators.MaxPool(options: try node.poolingOptions()))
    case "AveragePool":
      return try required(0).apply(
        Operators.AveragePool(
          options: try node.poolingOptions(),
          divisor: node.integer("count_include_pad") == 1 ? .paddedWindow : .samples))
    case "GlobalAveragePool": return try required(0).apply(Operators.AdaptiveAveragePool(outputSize: [1]))
    case "Concat":
      var values: [Value] = []
      for i in arguments.indices { values.append(try required(i)) }
      let axis = node.integer("axis") ?? 1
      return try Value.concatenated(values, axis: axis < 0 ? axis + values[0].shape.rank : axis)
    case "Flatten", "Reshape", "Squeeze", "Unsqueeze":
      let x = try required(0)
      let given = ONNXArguments(node: node, values: [nil] + constants.dropFirst())
      guard let shape = try ONNXInterpreter.shape(node, given, x.shape), shape.allSatisfy({ $0 >= 0 }) else {
        throw GraphError("it cannot give an input of \(x.shape) its shape")
      }
      return try x.reshaped(Shape(shape))
    case "Transpose":
      let x = try required(0)
      return try x.apply(
        Operators.Permute(order: node.integers("perm") ?? (0..<x.shape.rank).reversed()))
    case "Softmax", "LogSoftmax":
      let x = try required(0)
      let axis = node.integer("axis") ?? (node.opset < 13 ? 1 : -1)
      let place = axis < 0 ? axis + x.shape.rank : axis
      // Before opset 13 all axes from the given one on were one.
      if node.opset < 13, place != x.shape.rank - 1 { return nil }
      return try node.op == "Softmax" ? x.softmax(axis: place) : x.logSoftmax(axis: place)
    case "ReduceMean", "ReduceSum": return try reduction(node, required(0), constants)
    case "Slice": return try slice(node, required(0), constants)
    default: return nil
    }
  }

  private func conv(_ node: ONNXNode, _ x: Value, _ w: Value, _ bias: Value?) throws -> Value {
    try x.apply(Operators.Conv(options: try node.convolutionOptions(), hasBias: bias != nil), w, bias)
  }

  private func convTranspose(_ node: ONNXNode, _ x: Value, _ w: Value, _ bias: Value?) throws -> Value? {
    var options = try node.convolutionOptions()
    let rank = w.shape.rank - 2
    let extra = node.integers("output_padding") ?? [Int](repeating: 0, count: rank)
    guard node.integers("output_shape") == nil, case .explicit = options.padding.extent, extra.count == rank
    else {
      return nil
    }
    let geometry = try ConvolutionGeometry(
      transposedInput: x.shape, weight: w.shape, options, outputPadding: extra)
    // The convolution whose input gradient it is.
    options.padding = Padding(.explicit(Array(geometry.padding.suffix(rank))))
    return try x.apply(
      Operators.ConvInputGradient(options: options, inputShape: geometry.inputShape, hasBias: bias != nil), w,
      bias)
  }

  private func gemm(_ node: ONNXNode, _ a: Value, _ b: Value, _ c: Value?) throws -> Value {
    var y = try a.matmul(b, transposeA: node.integer("transA") == 1, transposeB: node.integer("transB") == 1)
    if let alpha = node.float("alpha"), alpha != 1 { y = try y.scaled(by: alpha) }
    guard let c else { return y }
    let beta = node.float("beta") ?? 1
    return try y + (beta == 1 ? c : c.scaled(by: beta))
  }

  private func reduction(_ node: ONNXNode, _ x: Value, _ constants: [ONNXValue?]) throws -> Value? {
    let given = node.integers("axes") ?? (constants.count > 1 ? constants[1]?.integers : nil)
    if given == nil, node.integer("noop_with_empty_axes") == 1 { return x }
    let axes = (given ?? Array(0..<x.shape.rank)).map { $0 < 0 ? $0 + x.shape.rank : $0 }
    guard axes.allSatisfy((0..<x.shape.rank).contains) else { throw GraphError("axes \(axes) of \(x.shape)") }
    let y = try node.op == "ReduceMean" ? x.mean(axes: axes) : x.sum(axes: axes)
    let isKept = node.integer("keepdims") ?? 1 == 1
    let sizes = x.shape.dimensions.enumerated().filter { isKept || !axes.contains($0.offset) }
    return try y.reshaped(Shape(sizes.map { axes.contains($0.offset) ? 1 : $0.element }))
  }

  /// Steps of 1.
  private func slice(_ node: ONNXNode, _ x: Value, _ constants: [ONNXValue?]) throws -> Value? {
    func integers(_ name: String, _ i: Int) -> [Int]? {
      node.integers(name) ?? (i < constants.count ? constants[i]?.integers : nil)
    }
    guard let starts = integers("starts", 1), let ends = integers("ends", 2) else { return nil }
    let axes = integers("axes", 3) ?? Array(starts.indices)
    if let steps = integers("steps", 4), !steps.allSatisfy({ $0 == 1 }) { return nil }
    var y = x
    for (i, axis) in axes.enumerated() where i < starts.count && i < ends.count {
      let axis = axis < 0 ? axis + x.shape.rank : axis
      guard (0..<x.shape.rank).contains(axis) else { throw GraphError("axis \(axis) of \(x.shape)") }
      let size = x.shape[axis]
      func clamped(_ i: Int) -> Int { min(max(i < 0 ? i + size : i, 0), size) }
      let (start, end) = (clamped(starts[i]), clamped(ends[i]))
      y = try y.slice(start..<max(start, end), axis: axis)
    }
    return y
  }
}
