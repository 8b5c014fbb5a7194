import Foundation
import Interchange
import Models
import Networks
import Tensors
import Testing

/// Networks written as ONNX files and read again; ONNX Runtime reads the same files in `scripts/check-exports`.
@Suite struct ONNXExportTests {
  /// A network with what the reference networks lack.
  final class Others: Layer {
    let up = ConvTranspose2d(4, 6, kernelSize: 4, stride: 2, padding: .symmetric(1))
    let norm = BatchNorm2d(6)
    let conv = Conv2d(6, 8, kernelSize: 3, stride: 2, padding: .same, dilation: 1, groups: 2)
    let fc = Linear(8, 5)

    func forward(_ x: Value) throws(GraphError) -> Value {
      var y = try norm(up(x)).activated(.silu)
      y = try conv(y).activated(.gelu)
      y = try Value.concatenated([y.slice(0..<4, axis: 1), y.slice(4..<8, axis: 1).activated(.relu6)])
      y = try AvgPool2d(3, stride: 2, padding: .symmetric(1))(y)
      y = try y.apply(Operators.Resize(outputSize: [7, 5], options: .linear)).scaled(by: 0.5, adding: 0.25)
      return try fc(Flatten()(AdaptiveAvgPool2d(1)(y))).softmax(axis: 1)
    }
  }

  private static let networks: [(name: String, network: @Sendable () -> any Layer, image: Shape)] = [
    ("lenet5", { LeNet5() }, [1, 32, 32]), ("others", { Others() }, [4, 9, 8]),
    ("resnet18", { ResNet(.resNet18, classes: 7, width: 8) }, [3, 64, 64]),
    ("efficientnet", { EfficientNetLite0(classes: 9) }, [3, 64, 64]), ("hed", { HED() }, [3, 33, 20]),
  ]

  private static func run(
    _ network: any Layer, _ x: Tensor<Float>, _ state: StateDict
  ) throws -> Tensor<Float> {
    let graph = Graph(network)
    let program = try Program(graph, outputs: [try network(graph.input("x", x.shape))])
    try program.load(state, isComplete: false)
    return try program.run(["x": x])[0]
  }

  private static func exported(_ i: Int) throws -> (network: any Layer, state: StateDict, bytes: [UInt8]) {
    let network = networks[i].network()
    let graph = Graph(network)
    _ = try network(graph.input("x", Shape([1] + networks[i].image.dimensions)))
    var state = StateDict(initializing: graph.parameters, seed: 4)
    var g = SeededGenerator(seed: 5)
    for name in state.names where name.contains("running_") {
      state[name] = .random(in: 0.5...1.5, shape: state[name]!.shape, using: &g)
    }
    return (network, state, try ONNXExport(network, imageShape: networks[i].image, state: state).encoded)
  }

  /// The same operators in the same order, but for sums that are fused otherwise: within 1e-4 of the greatest output, for
  /// batches of one and of three.
  @Test(arguments: networks.indices) func readAgainItIsTheSame(index: Int) throws {
    let (network, state, bytes) = try Self.exported(index)
    let back = try ONNXNetwork(ONNXModel(Data(bytes)))
    var g = SeededGenerator(seed: 6)
    for batch in [1, 3] {
      let x = Tensor<Float>.randomNormal(
        shape: Shape([batch] + Self.networks[index].image.dimensions), using: &g)
      let expected = try Self.run(network, x, state)
      let result = try Self.run(back, x, back.state)
      #expect(result.shape == expected.shape)
      let greatest = expected.scalars.map(\.magnitude).max() ?? 0
      let worst = zip(result.scalars, expected.scalars).reduce(0) { max($0, abs($1.0 - $1.1)) }
      #expect(worst <= 1e-4 * greatest, "\(Self.networks[index].name): \(worst) of \(greatest)")
    }
  }

  @Test func missingWeightsAreNamed() throws {
    #expect(throws: GraphError.self) {
      try ONNXExport(LeNet5(), imageShape: [1, 32, 32], state: StateDict())
    }
  }

  /// ONNX files of which PyTorch put the weights into a file beside them (`Vectors/external.py`).
  @Test func externalDataIsRead() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors")
    let network = try ONNXNetwork(ONNXModel(contentsOf: folder.appending(path: "external.onnx")))
    let x = Tensor((0..<18).map { Float($0) }, shape: [1, 2, 3, 3])
    // Weights of 0, 1, ... and a bias of 100.
    let expected = (0..<18).reduce(Float(100)) { $0 + Float($1 * $1) }
    #expect(try Self.run(network, x, network.state).scalars == [expected])
    #expect(throws: InterchangeError.self) {
      try ONNXModel(Data(contentsOf: folder.appending(path: "external.onnx")))
    }
    #expect(throws: InterchangeError.self) {
      try ONNXModel(contentsOf: folder.appending(path: "outside.onnx"))
    }
  }

  /// Bytes changed, taken away or doubled: an error or a graph, never a crash. `CONVOLVE_FUZZ` sets the count.
  @Test func mutatedFiles() throws {
    let count = ProcessInfo.processInfo.environment["CONVOLVE_FUZZ"].flatMap { Int($0) } ?? 60
    var g = SeededGenerator(seed: 8)
    var refused = 0
    for index in [0, 1] {
      let original = try Self.exported(index).bytes
      for _ in 0..<count {
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &g) where !bytes.isEmpty {
          // The weights are most of the file: what describes the network stands before and after them.
          let isHead = Bool.random(using: &g)
          let at =
            isHead
            ? Int.random(in: 0..<min(bytes.count, 2000), using: &g)
            : Int.random(in: max(0, bytes.count - 600)..<bytes.count, using: &g)
          switch Int.random(in: 0..<4, using: &g) {
          case 0: bytes[at] = UInt8.random(in: 0...255, using: &g)
          case 1: bytes[at] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &g)
          case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...16, using: &g)))
          default:
            let end = min(bytes.count, at + Int.random(in: 1...32, using: &g))
            bytes.insert(contentsOf: Array(bytes[at..<end]), at: at)
          }
        }
        do {
          let network = try ONNXNetwork(ONNXModel(Data(bytes)))
          let graph = Graph(network)
          let shape = Shape([1] + Self.networks[index].image.dimensions)
          _ = try network.outputs(network.inputs.map { graph.input($0.name, shape) })
        } catch {
          refused += 1
        }
      }
    }
    #expect(refused > 0)
  }
}
