import Foundation
import Models
import Networks
import Tensors
import Testing

/// PyTorch's logits and parameter counts of the reference networks, for weights and inputs made by a formula.
@Suite struct ReferenceNetworkTests {
  struct Golden: Decodable {
    let networks: [String: Network]

    struct Network: Decodable {
      let input_shape: [Int]
      let parameters: Int
      let state: [String: [Int]]
      let logits: [[Float]]
    }
  }

  /// 2u - 1, u being the upper 53 bits of SplitMix64 of the name's FNV-1a hash and the place.
  private static func values(_ name: String, _ count: Int) -> [Double] {
    let hash = name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return (0..<count).map { i in
      var z = hash &+ UInt64(i) &+ 0x9E37_79B9_7F4A_7C15
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      z ^= z >> 31
      return 2 * Double(z >> 11) * 0x1p-53 - 1
    }
  }

  /// A parameter by the formula of the vectors' file.
  private static func tensor(_ name: String, _ shape: Shape, isDeep: Bool) -> Tensor<Float> {
    let v = values(name, shape.count)
    let scale: (Double) -> Double
    if name.hasSuffix("num_batches_tracked") {
      scale = { _ in 0 }
    } else if name.hasSuffix("running_mean") {
      scale = { 0.1 * $0 }
    } else if name.hasSuffix("running_var") {
      scale = { 1 + 0.5 * $0 }
    } else if shape.rank >= 2 {
      let bound = (6 / Double(shape.dimensions[1...].reduce(1, *))).squareRoot()
      scale = { bound * $0 }
    } else if name.hasSuffix("bias") {
      scale = { 0.1 * $0 }
    } else {
      let isLast = name.hasPrefix("layer") && name.hasSuffix(isDeep ? "bn3.weight" : "bn2.weight")
      scale = { (isLast ? 0.2 : 1) + 0.1 * $0 }
    }
    return Tensor(v.map { Float(scale($0)) }, shape: shape)
  }

  /// All fifteen take two minutes in a debug build: `CONVOLVE_ALL_NETWORKS=1` asks for them.
  static let networks: [ReferenceNetwork] =
    ProcessInfo.processInfo.environment["CONVOLVE_ALL_NETWORKS"] == nil
    ? [.lenet5, .resnet18, .resnet50] : ReferenceNetwork.allCases

  @Test(arguments: networks) func logitsArePyTorchs(name: ReferenceNetwork) throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
      path: "Vectors/networks.json")
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
    let item = try #require(golden.networks[name.rawValue])
    let shape = Shape(item.input_shape)
    let classes = item.logits[0].count
    let network = name.network(imageShape: Shape(Array(item.input_shape[1...])), classes: classes)
    let graph = Graph(network)
    let x = graph.input("input", shape)
    let program = try Program(graph, outputs: [try network(x)])
    let counted = graph.parameters.filter(\.isTrainable).reduce(0) { $0 + $1.shape.count }
    #expect(counted == item.parameters)
    let isDeep = name == .resnet50 || name == .resnet101 || name == .resnet152
    // Of some networks the file lists the parameters.
    let ours = Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.name, $0.shape.dimensions) })
    for (parameter, shape) in item.state { #expect(ours[parameter] == shape, "\(parameter)") }
    try program.load(
      StateDict(graph.parameters.map { ($0.name, Self.tensor($0.name, $0.shape, isDeep: isDeep)) }))
    let input = Tensor(Self.values("input", shape.count).map { Float($0) }, shape: shape)
    let logits = try program.run(["input": input])[0].scalars
    let expected = item.logits.flatMap(\.self)
    let greatest = expected.map(\.magnitude).max()!
    let worst = zip(logits, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(worst <= 1e-4 * greatest, "\(worst) of \(greatest)")
  }
}
