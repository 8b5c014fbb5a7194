import Convolution
import Models
import Tensors
import Testing

@testable import Networks

/// Programs, with their passes and shared memory, against the definitions of the same graphs.
@Suite struct ProgramTests {
  /// Several inputs and outputs, a branch, a layer that is called twice.
  final class Branches: Module {
    let stem = Conv2d(3, 8, kernelSize: 3, padding: .symmetric(1), bias: false)
    let norm = BatchNorm2d(8)
    let shared = Conv2d(8, 8, kernelSize: 3, padding: .symmetric(1))
    let up = ConvTranspose2d(8, 4, kernelSize: 4, stride: 2, padding: .symmetric(1))
    let group = GroupNorm(2, 12)
    let head = Linear(12, 5)
  }

  private static func branches(_ mode: Graph.Mode) throws -> (Graph, [Value], loss: Value) {
    let m = Branches()
    let graph = Graph(m, mode: mode)
    let (a, b) = (graph.input("a", [2, 3, 9, 11]), graph.input("b", [2, 8, 9, 11]))
    let x = try m.norm(m.stem(a)).activated(.relu)
    let y = try (m.shared(x) + b).activated(.silu)
    let z = try (m.shared(y) + x).activated(.relu)
    let u = try m.up(z).activated(.tanh)
    let pooled = try MaxPool2d(2)(u)
    let both = try m.group(Value.concatenated([pooled, z], axis: 1))
    let logits = try m.head(both.mean(axes: [2, 3]).reshaped([2, 12]))
    let loss = try logits.crossEntropy(graph.constant(Tensor([4, 0], shape: [2])))
    return (graph, [logits, u], loss)
  }

  static func tensors(_ graph: Graph, _ inputs: [Value], seed: UInt64) -> [String: Tensor<Float>] {
    var g = SeededGenerator(seed: seed)
    var tensors: [String: Tensor<Float>] = [:]
    let state = StateDict(initializing: graph.parameters, seed: seed)
    for name in state.names { tensors[name] = state[name]! }
    for name in state.names where name.contains("running_") {
      tensors[name] = .random(in: 0.5...1.5, shape: state[name]!.shape, using: &g)
    }
    for node in graph.nodes {
      if case .input(let name) = node.source { tensors[name] = .randomNormal(shape: node.shape, using: &g) }
    }
    return tensors
  }

  /// Float32 against float64: sums of some hundred products, through a few layers.
  static func check(
    _ graph: Graph, _ values: [Value], _ tensors: [String: Tensor<Float>], tolerance: Double = 2e-5
  ) throws {
    let doubles = tensors.mapValues { Tensor<Double>($0.scalars.map(Double.init), shape: $0.shape) }
    let expected = try graph.evaluate(values, doubles)
    let program = try Program(graph, outputs: values)
    try program.load(StateDict(tensors.map { ($0.key, $0.value) }))
    for round in 0..<2 {
      let results = try program.run(tensors)
      for (k, (result, reference)) in zip(results, expected).enumerated() {
        let greatest = max(1e-3, reference.scalars.map(\.magnitude).max() ?? 0)
        let worst = zip(result.scalars, reference.scalars).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
        #expect(
          worst <= tolerance * greatest,
          "round \(round), value \(k) of \(result.shape): \(worst) of \(greatest)")
      }
      // Running statistics have moved after the first round.
      if graph.mode == .training { break }
    }
    #expect(program.peakBytes <= program.tensorBytes)
  }

  /// A residual block's output takes its input's place, where that is read for the last time.
  @Test(arguments: [1, 3]) func residualsAreWrittenOver(batch: Int) throws {
    final class Block: Module {
      let stem = Conv2d(3, 64, kernelSize: 1)
      let down = Conv2d(64, 16, kernelSize: 1)
      let up = Conv2d(16, 64, kernelSize: 1)
      let same = Conv2d(64, 64, kernelSize: 1)
    }
    let block = Block()
    let graph = Graph(block)
    let x = try block.stem(graph.input("x", [batch, 3, 24, 24])).activated(.relu)
    let y = try (block.up(block.down(x).activated(.relu)) + x).activated(.relu)
    try Self.check(graph, [y], Self.tensors(graph, [y], seed: 3))
    let plane = 24 * 24 * MemoryLayout<Float>.stride
    #expect(try Program(graph, outputs: [y]).peakBytes == batch * (64 + 16) * plane)
    // Where it is read again it stays, be it by the convolution itself.
    try Self.check(graph, [y, x.scaled(by: 2)], Self.tensors(graph, [y], seed: 3))
    let z = try block.same(x) + x
    try Self.check(graph, [z], Self.tensors(graph, [z], seed: 3))
  }

  @Test func inferenceIsTheDefinition() throws {
    let (graph, values, loss) = try Self.branches(.inference)
    try Self.check(graph, values + [loss], Self.tensors(graph, values, seed: 1))
  }

  @Test func trainingIsTheDefinition() throws {
    let (graph, values, loss) = try Self.branches(.training)
    let gradients = try graph.gradients(of: loss, withRespectTo: graph.trainable)
    try Self.check(graph, values + [loss] + gradients, Self.tensors(graph, values, seed: 2), tolerance: 1e-4)
  }

  @Test(arguments: ["lenet5", "resnet18", "resnet50", "vgg11_bn"])
  func referenceNetworksTrain(name: String) throws {
    let network: any Layer =
      name == "vgg11_bn"
      ? Sequential {
        Conv2d(3, 8, kernelSize: 3, padding: .symmetric(1))
        BatchNorm2d(8)
        ReLU()
        MaxPool2d(2)
        Conv2d(8, 16, kernelSize: 5, padding: .symmetric(2))
        ReLU()
        MaxPool2d(3, stride: 2, padding: .symmetric(1))
        Flatten()
        Linear(16 * 8 * 8, 10)
      }
      : ReferenceNetwork(rawValue: name)!.network(imageShape: [3, 32, 32], classes: 10, width: 4)
    let graph = Graph(network, mode: .training)
    let x = graph.input("x", [2, 3, 32, 32])
    let logits = try network(x)
    let loss = try logits.crossEntropy(graph.constant(Tensor([3, 8], shape: [2])))
    let gradients = try graph.gradients(of: loss, withRespectTo: graph.trainable)
    // Batch norm over few elements magnifies rounding, layer by layer.
    try Self.check(
      graph, [logits, loss] + gradients, Self.tensors(graph, [logits], seed: 3),
      tolerance: name.hasPrefix("resnet") ? 2e-2 : 2e-4)
  }

  /// Under a limit of memory, cheap tensors are computed again, to the same bits.
  @Test func recomputationSavesMemory() throws {
    let network = ResNet(.resNet18, classes: 10, stem: .cifar, width: 8)
    let graph = Graph(network, mode: .training)
    let x = graph.input("x", [4, 3, 32, 32])
    let loss = try network(x).crossEntropy(graph.constant(Tensor([3, 8, 1, 0], shape: [4])))
    let values = [loss] + (try graph.gradients(of: loss, withRespectTo: graph.trainable))
    let tensors = Self.tensors(graph, values, seed: 4)
    let state = StateDict(tensors.map { ($0.key, $0.value) })
    let free = try Program(graph, outputs: values)
    let limited = try Program(graph, outputs: values, memoryLimit: free.peakBytes * 4 / 5)
    #expect(limited.peakBytes <= free.peakBytes * 4 / 5)
    #expect(limited.listing.count > free.listing.count)
    try free.load(state)
    try limited.load(state)
    #expect(try free.run(tensors) == limited.run(tensors))
    let error = #expect(throws: GraphError.self) { try Program(graph, outputs: values, memoryLimit: 1000) }
    #expect(error?.message.contains("1000") == true)
  }

  @Test func batchNormsAndEpiloguesAreFused() throws {
    let network = ResNet(.resNet18, classes: 10, stem: .cifar, width: 4)
    let graph = Graph(network)
    let program = try Program(graph, outputs: [try network(graph.input("x", [1, 3, 32, 32]))])
    let names = program.listing.joined(separator: "\n")
    #expect(!names.contains("batch normalisation"))
    #expect(!names.contains("relu"))
    #expect(!names.contains("add"))
    // 20 convolutions, the pooling and the classifier.
    #expect(program.listing.count == 22)
  }

  @Test func poolingToTheSameSizeIsLeftOut() throws {
    let network = Sequential {
      Conv2d(3, 8, kernelSize: 3, padding: .symmetric(1))
      ReLU()
      AdaptiveAvgPool2d([6, 5])
      Flatten()
      Linear(240, 5)
    }
    for (size, steps) in [([6, 5], 2), ([7, 9], 3)] {
      let graph = Graph(network)
      let outputs = [try network(graph.input("x", Shape([2, 3] + size)))]
      #expect(try Program(graph, outputs: outputs).listing.count == steps)
      try Self.check(graph, outputs, Self.tensors(graph, outputs, seed: 9))
    }
  }

  /// An input that the graph has after operators that are done with their memory by then.
  @Test func inputsAreThereFromTheStart() throws {
    let graph = Graph(Sequential {})
    let x = graph.input("x", [1, 4, 8, 8])
    let sum = try x.scaled(by: 2).sum()
    let values = [try graph.input("late", [1, 4, 8, 8]) * sum.broadcast(to: [1, 4, 8, 8])]
    try Self.check(graph, values, Self.tensors(graph, values, seed: 10))
  }

  @Test func fixedWeightsGiveTheSameBitsRunAfterRun() throws {
    let network = ResNet(.resNet18, classes: 10, width: 16)
    let graph = Graph(network)
    let outputs = [try network(graph.input("x", [1, 3, 64, 64]))]
    var g = SeededGenerator(seed: 3)
    let x = ["x": Tensor<Float>.randomNormal(shape: [1, 3, 64, 64], using: &g)]
    let loaded = try Program(graph, outputs: outputs)
    try loaded.load(StateDict(initializing: graph.parameters))
    let fixed = try Program(graph, outputs: outputs, weights: StateDict(initializing: graph.parameters))
    let expected = try loaded.run(x)
    // The second run goes without what the first let go of.
    for _ in 0..<2 { #expect(try fixed.run(x) == expected) }
    // In files, tensors stand on no boundary of vectors.
    var state = StateDict(initializing: graph.parameters)
    for name in state.names { state[name] = Misplaced.copy(of: state[name]!) }
    #expect(try Program(graph, outputs: outputs, weights: state).run(x) == expected)
    let error = #expect(throws: GraphError.self) {
      try Program(graph, outputs: outputs, weights: StateDict())
    }
    #expect(error?.message.contains("conv1.weight") == true)
  }

  @Test func wrongWeightsAndInputsAreNamed() throws {
    let network = LeNet5()
    let graph = Graph(network)
    let program = try Program(graph, outputs: [try network(graph.input("x", [1, 1, 32, 32]))])
    var state = StateDict(initializing: graph.parameters)
    state["fc.fc2.bias"] = Tensor(zeros: [83])
    let error = #expect(throws: GraphError.self) { try program.load(state) }
    #expect(error?.message.contains("fc.fc2.bias") == true)
    #expect(throws: GraphError.self) { try program.run(["x": Tensor(zeros: [1, 1, 28, 28])]) }
    #expect(throws: GraphError.self) { try program.run([:]) }
  }
}

/// Memory of a tensor that begins 4 bytes after a boundary of vectors.
private final class Misplaced: @unchecked Sendable {
  private let memory: UnsafeMutableRawPointer

  private init(byteCount: Int) {
    memory = .allocate(byteCount: byteCount + 4 + Tensor<Float>.slack, alignment: 64)
  }

  deinit { memory.deallocate() }

  static func copy(of tensor: Tensor<Float>) -> Tensor<Float> {
    let owner = Misplaced(byteCount: 4 * tensor.shape.count)
    let place = (owner.memory + 4).bindMemory(to: Float.self, capacity: tensor.shape.count)
    tensor.withUnsafeBufferPointer { place.initialize(from: $0.baseAddress!, count: $0.count) }
    return Tensor(borrowing: place, shape: tensor.shape, from: owner)
  }
}
