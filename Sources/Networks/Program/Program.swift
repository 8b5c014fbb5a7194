import Convolution
import Tensors

/// A graph compiled: a list of steps over one block of memory.
///
/// The same inputs and weights give the same bits, whatever the number of threads.
public final class Program: CustomStringConvertible {
  private let graph: Graph
  private let lowering: Lowering
  private let tensors: ProgramTensors
  /// For each node, whether it stays the same from run to run.
  private let isConstant: [Bool]
  private var preparation: Preparation
  private var steps: [any Step] = []
  private let hasFixedWeights: Bool
  private var parameterNodes: [String: Int] = [:]
  private var inputNodes: [String: Int] = [:]
  private let updates: [(parameter: Int, value: Int)]
  private let outputCount: Int
  private let counter: RunCounter
  private var isPrepared = false

  /// - Parameters:
  ///   - graph: built; nothing is added to it.
  ///   - outputs: what runs put out.
  ///   - seed: of random steps.
  ///   - memoryLimit: bytes that the tensors of a run may share; above it, cheap operators of the forward pass (those up
  ///     to the first output) are computed again where the backward pass needs them.
  ///   - weights: of a graph for inference, once and for all: they are taken without a copy, and those that the first
  ///     run packs in an order of its own are let go of then. Such a program loads no others, and has no ``state``.
  /// - Throws: ``GraphError``, also where the limit cannot be kept, and for weights that are missing or of other shapes.
  public init(
    _ graph: Graph, outputs: [Value], seed: UInt64 = 0, memoryLimit: Int? = nil, weights: StateDict? = nil
  ) throws(GraphError) {
    precondition(weights == nil || graph.mode == .inference, "training changes its weights")
    self.graph = graph
    hasFixedWeights = weights != nil
    counter = RunCounter(seed: seed)
    outputCount = outputs.count
    var lowering = Lowering(graph, outputs: outputs.map(\.index) + graph.updates.map(\.value))
    lowering.removeDeadCode()
    lowering.removeIdentities()
    lowering.foldBatchNorm()
    lowering.joinSums(isConstant: Self.kinds(lowering, graph).isConstant)
    lowering.fuseEpilogues()
    if let memoryLimit, let last = lowering.outputs.first {
      func bytes(_ lowering: Lowering) -> Int {
        MemoryPlan(lowering, isOutside: Self.kinds(lowering, graph).isOutside).count
          * MemoryLayout<Float>.stride
      }
      if bytes(lowering) > memoryLimit {
        lowering.recompute(after: last)
        lowering.removeDeadCode()
        let least = bytes(lowering)
        guard least <= memoryLimit else {
          throw GraphError(
            "the tensors of a run take \(least) bytes at least, and \(memoryLimit) are allowed: make the batch smaller"
          )
        }
      }
    }
    self.lowering = lowering
    let nodes = lowering.nodes
    let (isConstant, isOutside) = Self.kinds(lowering, graph)
    self.isConstant = isConstant
    for i in nodes.indices {
      switch nodes[i].source {
      case .input(let name): inputNodes[name] = i
      case .parameter(let index): parameterNodes[graph.parameters[index].name] = i
      case .constant, .operation: continue
      }
    }
    let places = parameterNodes
    updates = graph.updates.enumerated().compactMap { k, update in
      places[graph.parameters[update.parameter].name].map { ($0, lowering.outputs[outputs.count + k]) }
    }
    tensors = ProgramTensors(lowering, isOutside: isOutside)
    let owner = tensors.plan.owner
    preparation = Preparation(
      nodes.indices.compactMap { i in
        guard case .operation(let operation, let inputs) = nodes[i].source,
          !(operation is Operators.Reshape)
        else { return nil }
        return Preparation.Entry(
          node: i, result: isConstant[i] ? owner[i] : nil,
          reads: inputs.map { owner[$0] }.filter { isOutside[$0] })
      }, needed: lowering.outputs.map { owner[$0] })
    guard let weights else { return }
    for parameter in parameters {
      tensors.keep(try Self.weight(parameter, of: weights), for: parameterNodes[parameter.name]!)
    }
  }

  private static func weight(
    _ parameter: Graph.Parameter, of state: StateDict
  ) throws(GraphError) -> Tensor<Float> {
    guard let tensor = state[parameter.name] else {
      throw GraphError("the weights have no \(parameter.name), of shape \(parameter.shape)")
    }
    guard tensor.shape == parameter.shape else {
      throw GraphError(
        "\(parameter.name) has the shape \(tensor.shape) in the weights, \(parameter.shape) in the network")
    }
    return tensor
  }

  /// For each node, whether it stays the same from run to run, and whether its memory is its own.
  private static func kinds(_ lowering: Lowering, _ graph: Graph) -> (isConstant: [Bool], isOutside: [Bool]) {
    let nodes = lowering.nodes
    var isConstant = [Bool](repeating: false, count: nodes.count)
    var isOutside = isConstant
    for i in nodes.indices {
      switch nodes[i].source {
      case .input: continue
      // Parameters of inference stay as they are between loads.
      case .parameter: (isConstant[i], isOutside[i]) = (graph.mode == .inference, true)
      case .constant: (isConstant[i], isOutside[i]) = (true, true)
      case .operation(_, let inputs):
        isConstant[i] = !inputs.isEmpty && inputs.allSatisfy { isConstant[$0] }
        isOutside[i] = isConstant[i]
      }
    }
    return (isConstant, isOutside)
  }

  private static func copy(_ tensor: Tensor<Float>, to memory: UnsafeMutablePointer<Float>) {
    tensor.withUnsafeBufferPointer {
      if let base = $0.baseAddress { memory.update(from: base, count: $0.count) }
    }
  }

  /// The parameters that the program reads or changes.
  public var parameters: [Graph.Parameter] { graph.parameters.filter { parameterNodes[$0.name] != nil } }

  /// Sets parameters; others stay as they are.
  /// - Throws: ``GraphError`` for a tensor of another shape than the parameter's, and for a parameter that is missing
  ///   where `isComplete`.
  public func load(_ state: StateDict, isComplete: Bool = true) throws(GraphError) {
    precondition(!hasFixedWeights, "a program made with weights keeps them")
    for parameter in parameters where isComplete || state[parameter.name] != nil {
      Self.copy(try Self.weight(parameter, of: state), to: pointer(parameter.name)!)
    }
    isPrepared = false
  }

  /// Gives parameters to another program that has them, as they are now.
  func copyParameters(to other: Program, where isIncluded: (String) -> Bool) {
    for parameter in parameters where isIncluded(parameter.name) {
      other.pointer(parameter.name)?.update(from: pointer(parameter.name)!, count: parameter.shape.count)
    }
    other.isPrepared = false
  }

  /// The parameters as they are now.
  /// - Precondition: the program was not made with its weights.
  public var state: StateDict {
    precondition(!hasFixedWeights, "a program made with weights lets go of them: keep them beside it")
    return StateDict(parameters.map { ($0.name, tensors[parameterNodes[$0.name]!].copied) })
  }

  /// A parameter's memory, to change it between runs of a training program.
  func pointer(_ name: String) -> UnsafeMutablePointer<Float>? {
    parameterNodes[name].map { tensors[$0].memory }
  }

  /// An output's memory after a run, until the next.
  func outputPointer(_ i: Int) -> UnsafePointer<Float> {
    UnsafePointer(tensors[lowering.outputs[i]].memory)
  }

  /// Sets an input's elements, without copies of the tensor.
  func fill(_ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> Void) throws(GraphError) {
    guard let node = inputNodes[name] else { throw GraphError("the program has no input \(name)") }
    let tensor = tensors[node]
    body(UnsafeMutableBufferPointer(start: tensor.memory, count: tensor.shape.count))
  }

  /// Runs every step.
  /// - Parameter inputs: a tensor for every input of the graph.
  /// - Returns: the outputs.
  /// - Throws: ``GraphError`` for a missing input, or one of another shape.
  public func run(_ inputs: [String: Tensor<Float>]) throws(GraphError) -> [Tensor<Float>] {
    for (name, node) in inputNodes {
      guard let tensor = inputs[name] else { throw GraphError("the input \(name) is missing") }
      let own = tensors[node]
      guard tensor.shape == own.shape else {
        throw GraphError("the input \(name) has the shape \(tensor.shape): the program's is \(own.shape)")
      }
      Self.copy(tensor, to: own.memory)
    }
    try run()
    return (0..<outputCount).map { tensors[lowering.outputs[$0]].copied }
  }

  /// Runs every step on the inputs that stand in memory.
  func run() throws(GraphError) {
    if !isPrepared {
      try prepare()
      isPrepared = true
    }
    do { for step in steps { try step.run() } } catch { throw GraphError("\(error)") }
    for (parameter, value) in updates { Self.copy(tensors[value], to: tensors[parameter].memory) }
    counter.run += 1
  }

  /// Makes the steps, the first time, and computes what follows from weights alone.
  private func prepare() throws(GraphError) {
    try preparation.run { node throws(GraphError) in
      try step(of: node)
    } release: {
      if hasFixedWeights { tensors.letGo(of: $0, later: $1) }
    }
    steps = preparation.steps
  }

  private func step(of node: Int) throws(GraphError) -> any Step {
    guard case .operation(let operation, let inputs) = lowering.nodes[node].source else {
      preconditionFailure("steps are operations")
    }
    let site = StepSite(
      inputs: inputs.map { tensors[$0] }, output: tensors[node], isConstant: inputs.map { isConstant[$0] },
      counter: counter)
    do {
      return try operation.step(site) ?? DefinitionStep(operation, site)
    } catch {
      throw GraphError("\(operation.name): \(error)", layer: lowering.nodes[node].layer)
    }
  }

  /// Runs once more on the inputs that stand in memory, with a clock.
  /// - Returns: for every step that runs, in order, the layer with its operator, and its seconds.
  public func profile() throws(GraphError) -> [(step: String, seconds: Double)] {
    try run()
    var results: [(step: String, seconds: Double)] = []
    for (name, step) in zip(listing, steps) {
      let start = ContinuousClock.now
      do { try step.run() } catch { throw GraphError("\(error)") }
      results.append((name, (ContinuousClock.now - start) / .seconds(1)))
    }
    return results
  }

  /// Runs so far: what random steps go by.
  var runs: UInt64 {
    get { counter.run }
    set { counter.run = newValue }
  }

  /// Bytes of the memory that tensors share.
  public var peakBytes: Int { tensors.plan.count * MemoryLayout<Float>.stride }

  /// Bytes that they would take with memory for each.
  public var tensorBytes: Int { tensors.plan.sum * MemoryLayout<Float>.stride }

  /// Steps and memory, for people.
  public var description: String {
    "\(listing.count) steps, \(peakBytes) bytes for tensors of \(tensorBytes) bytes"
  }

  /// What runs, in order: the layer, the operator and its output's shape.
  public var listing: [String] { preparation.stepNodes.map(lowering.name) }
}

extension Lowering {
  fileprivate func name(_ i: Int) -> String {
    guard case .operation(let operation, _) = nodes[i].source else { return "" }
    return "\(nodes[i].layer)\(nodes[i].layer.isEmpty ? "" : ": ")\(operation.name) -> \(nodes[i].shape)"
  }
}

extension Tensor where Scalar == Float {
  /// The elements in memory of their own.
  fileprivate var copied: Tensor {
    withUnsafeBufferPointer { from in
      Tensor(unsafeUninitializedShape: shape) { to in
        if let base = from.baseAddress { to.baseAddress!.initialize(from: base, count: from.count) }
      }
    }
  }
}
