import Convolution
import Tensors

/// A network layer by layer: what each puts out, its parameters and multiply-adds, and what an output of it sees of the input.
public struct NetworkSummary: Sendable, Codable {
  /// One call of a layer.
  public struct Row: Sendable, Codable {
    /// The path of the layer and its type: `layer1.0.conv1 (Conv2d)`.
    public let layer: String
    public let outputShape: [Int]
    /// Elements that training moves.
    public let parameters: Int
    /// Products that are added up; two floating-point operations each.
    public let multiplyAdds: Int
    /// Input samples that one output depends on along the height, and samples between neighbours; nil where it sees all.
    public let receptiveField: Int?
    public let jump: Int?
  }

  public let rows: [Row]
  /// Elements that training moves.
  public let parameters: Int
  /// Buffers that layers keep, such as running means.
  public let buffers: Int
  public let multiplyAdds: Int
  /// Elements of all layers' outputs.
  public let activations: Int

  /// - Parameter graph: of inference, with what the rows are to show.
  public init(_ graph: Graph) {
    var rows: [Row] = []
    var fields: [Int: ReceptiveField] = [:]
    var counted: Set<Int> = []
    var last = ""
    for (i, node) in graph.nodes.enumerated() {
      switch node.source {
      case .input: fields[i] = .input
      case .parameter, .constant: break
      case .operation(let operation, let inputs):
        let shapes = inputs.map { graph.nodes[$0].shape }
        fields[i] = Self.field(operation, inputs.map { fields[$0] }, shapes)
        var parameters = 0
        for input in inputs where counted.insert(input).inserted {
          if case .parameter(let k) = graph.nodes[input].source, graph.parameters[k].isTrainable {
            parameters += graph.nodes[input].shape.count
          }
        }
        // Operations of one layer, one after another, are one row.
        let isSame = node.layer == last && !rows.isEmpty
        let before = isSame ? rows.removeLast() : nil
        rows.append(
          Row(
            layer: node.layer, outputShape: node.shape.dimensions,
            parameters: parameters + (before?.parameters ?? 0),
            multiplyAdds: Self.multiplyAdds(operation, shapes, node.shape) + (before?.multiplyAdds ?? 0),
            receptiveField: fields[i]?.size, jump: fields[i]?.jump))
        last = node.layer
      }
    }
    self.rows = rows
    func count(_ isTrainable: Bool) -> Int {
      graph.parameters.filter { $0.isTrainable == isTrainable }.reduce(0) { $0 + $1.shape.count }
    }
    (parameters, buffers) = (count(true), count(false))
    multiplyAdds = rows.reduce(0) { $0 + $1.multiplyAdds }
    activations = rows.reduce(0) { $0 + $1.outputShape.reduce(1, *) }
  }

  private static func multiplyAdds(_ operation: any Operator, _ inputs: [Shape], _ output: Shape) -> Int {
    switch operation {
    case is Operators.Conv: output.count * inputs[1].count / max(1, inputs[1][0])
    case is Operators.ConvInputGradient: inputs[0].count * inputs[1].count / max(1, inputs[1][0])
    case is Operators.Linear: output.count * inputs[1][1]
    case is Operators.MatMul: output.count * inputs[0].dimensions.last!
    default: 0
    }
  }

  /// Along the first spatial axis; nil where an output sees everything, or branches do not lie together.
  private static func field(
    _ operation: any Operator, _ inputs: [ReceptiveField?], _ shapes: [Shape]
  ) -> ReceptiveField? {
    func after(_ kernel: Int, _ stride: Int, _ dilation: Int, _ padding: Padding) -> ReceptiveField? {
      let window = Window(kernel: kernel, stride: stride, dilation: dilation)
      var begin = 0
      if case .explicit(let amounts) = padding.extent { begin = amounts[0].begin }
      return try? inputs[0]?.after(window, padBegin: max(0, begin))
    }
    switch operation {
    case let conv as Operators.Conv:
      return after(shapes[1][2], conv.options.stride[0], conv.options.dilation[0], conv.options.padding)
    case let pool as Operators.MaxPool:
      let options = pool.options
      return after(
        options.kernel[0], (options.stride ?? options.kernel)[0], options.dilation[0], options.padding)
    case let pool as Operators.AveragePool:
      let options = pool.options
      return after(
        options.kernel[0], (options.stride ?? options.kernel)[0], options.dilation[0], options.padding)
    case is Operators.ConvInputGradient, is Operators.AdaptiveAveragePool, is Operators.Linear,
      is Operators.MatMul, is Operators.Reshape, is Operators.Resize:
      return nil
    default:
      // Parameters see nothing of the input.
      let known = zip(inputs, shapes).compactMap { $0.0 }
      if known.isEmpty { return nil }
      return known.count == 1 ? known[0] : try? ReceptiveField.union(known)
    }
  }
}
