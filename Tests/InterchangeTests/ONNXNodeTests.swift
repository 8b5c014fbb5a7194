import Foundation
import Interchange
import Networks
import Synchronization
import TestSupport
import Tensors
import Testing

/// ONNX's own test data: every case of the operators of convolutional networks.
@Suite final class ONNXNodeTests {
  /// Debian's `libonnx-testdata`, which `scripts/test` installs; another folder of the same layout by
  /// `CONVOLVE_ONNX_DATA`. Elsewhere than on Linux there is no such package, and without a folder nothing is run.
  private static let folder = URL(
    fileURLWithPath: ProcessInfo.processInfo.environment["CONVOLVE_ONNX_DATA"]
      ?? "/usr/share/libonnx-testdata/data")

  /// The operators whose cases are run: the names of a case are theirs in lower case.
  private static let families = [
    "averagepool", "basic_conv", "basic_deform_conv", "batchnorm", "constant_pad", "conv_with",
    "convtranspose",
    "deform_conv", "depthtospace", "edge_pad", "elu", "gemm", "globalaveragepool", "globalmaxpool",
    "globallppool",
    "group_normalization", "hardswish", "instancenorm", "layer_normalization", "leakyrelu", "logsoftmax",
    "lppool",
    "lrn", "maxpool", "maxunpool", "reflect_pad", "relu", "resize", "sigmoid", "softmax", "softplus",
    "spacetodepth", "tanh", "upsample", "wrap_pad",
  ]

  /// Cases that are left out, and why.
  private static func reason(_ name: String) -> String? {
    if name.contains("_expanded") { return "the operator written out in arithmetic, which is no convolution" }
    if name.contains("softmax_cross") || name.contains("softmaxcross") { return "a loss" }
    if name.contains("convinteger") {
      return "8-bit integers with zero points, which wait for quantised networks"
    }
    return nil
  }

  private static let isThere: Bool = {
    #if os(Linux)
      true
    #else
      FileManager.default.fileExists(atPath: folder.path)
    #endif
  }()

  /// Cases that ran as graphs.
  private let graphs = Mutex(0)

  @Test(.enabled(if: isThere)) func everyNodeCase() throws {
    let cases = try FileManager.default.contentsOfDirectory(
      atPath: Self.folder.appendingPathComponent("node").path
    ).filter { name in Self.families.contains { name.hasPrefix("test_\($0)") } }.sorted()
    let chosen = cases.filter { Self.reason($0) == nil }
    for name in chosen { try run(Self.folder.appendingPathComponent("node/\(name)")) }
    if ProcessInfo.processInfo.environment["CONVOLVE_ONNX_DATA"] == nil {
      #expect(chosen.count == 149)
      #expect(graphs.withLock { $0 } == 144)
    }
  }

  /// Networks that PyTorch exported: convolutions, pools, pads, normalisations, activations.
  @Test(.enabled(if: isThere && ProcessInfo.processInfo.environment["CONVOLVE_ONNX_DATA"] == nil))
  func everyConvertedCase() throws {
    let names = try FileManager.default.contentsOfDirectory(
      atPath: Self.folder.appendingPathComponent("pytorch-converted").path
    ).sorted()
    // Look-ups and comparisons.
    let others = ["Embedding", "GLU", "Poisson", "Softmin"]
    let chosen = names.filter { name in !others.contains { name.hasPrefix("test_\($0)") } }
    for name in chosen { try run(Self.folder.appendingPathComponent("pytorch-converted/\(name)")) }
    #expect(chosen.count == 76)
    #expect(graphs.withLock { $0 } == 76)
  }

  private func run(_ folder: URL) throws {
    let name = folder.lastPathComponent
    do {
      let model = try ONNXModel(contentsOf: folder.appendingPathComponent("model.onnx"))
      let sets = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
        $0.hasPrefix("test_data")
      }
      #expect(!sets.isEmpty, "\(name)")
      for set in sets {
        let data = folder.appendingPathComponent(set)
        func tensors(_ kind: String, _ count: Int) throws -> [ONNXValue] {
          try (0..<count).map {
            try ONNXModel.tensor(contentsOf: data.appendingPathComponent("\(kind)_\($0).pb"))
          }
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: data.path)
        let inputs = try tensors("input", files.count { $0.hasPrefix("input_") })
        let expected = try tensors("output", files.count { $0.hasPrefix("output_") })
        let results = try ONNXInterpreter(model)(inputs)
        #expect(results.count == expected.count, "\(name)")
        for (result, reference) in zip(results, expected) { compare(result, reference, name) }
        try runThroughGraph(model, inputs, expected, name)
      }
    } catch {
      Issue.record("\(name): \(error)")
    }
  }

  /// The networks of the `onnx` wheel's `backend/test/data/light`, weights of which are made by ConstantOfShape:
  /// `CONVOLVE_ONNX_LIGHT` names that folder.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["CONVOLVE_ONNX_LIGHT"] != nil))
  func everyLightNetwork() throws {
    let folder = URL(filePath: ProcessInfo.processInfo.environment["CONVOLVE_ONNX_LIGHT"]!)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
      $0.hasSuffix(".onnx")
    }
    #expect(names.count == 9)
    for name in names.sorted() {
      let network = try ONNXNetwork(ONNXModel(contentsOf: folder.appending(path: name)))
      let output = folder.appending(path: name.replacing(".onnx", with: "_output_0.pb"))
      guard case .float(let expected) = try ONNXModel.tensor(contentsOf: output) else { continue }
      let shape = Shape(network.inputs[0].shape.map { $0 ?? 1 })
      // As `onnx/backend/test/runner` fills the inputs.
      let x = Tensor((0..<shape.count).map { Float($0) / Float(shape.count) }, shape: shape)
      let graph = Graph(network)
      let program = try Program(graph, outputs: [try network(graph.input("x", shape))])
      try program.load(network.state, isComplete: false)
      compare(.float(try program.run(["x": x])[0]), .float(expected), name)
    }
  }

  /// The same as a program, where floats go in and come out.
  private func runThroughGraph(
    _ model: ONNXModel, _ inputs: [ONNXValue], _ expected: [ONNXValue], _ name: String
  ) throws {
    var (floats, constants): ([(name: String, tensor: Tensor<Float>)], [String: ONNXValue]) = ([], [:])
    for (input, value) in zip(model.inputs, inputs) {
      // Shapes are known when a graph is built, and with them the scales of a resize.
      let isScale = (name.hasPrefix("test_resize") || name.hasPrefix("test_upsample")) && !floats.isEmpty
      if case .float(let tensor) = value, !isScale {
        floats.append((input, tensor))
      } else {
        constants[input] = value
      }
    }
    guard !floats.isEmpty, expected.allSatisfy({ if case .float = $0 { true } else { false } }) else {
      return
    }
    let network = try ONNXNetwork(model, constants: constants)
    let graph = Graph(network)
    let outputs = try network.outputs(floats.map { graph.input($0.name, $0.tensor.shape) })
    let program = try Program(graph, outputs: outputs)
    try program.load(network.state, isComplete: false)
    let results = try program.run(Dictionary(uniqueKeysWithValues: floats.map { ($0.name, $0.tensor) }))
    for (result, reference) in zip(results, expected) {
      compare(.float(result), reference, "\(name) as a graph")
    }
    graphs.withLock { $0 += 1 }
  }

  /// Within 1e-5 of the greatest magnitude: float32 sums of up to some thousand products, as ONNX's own runner allows
  /// 1e-3 of each. Integers must be equal.
  private func compare(_ result: ONNXValue, _ reference: ONNXValue, _ name: String) {
    #expect(result.shape == reference.shape, "\(name)")
    if let integers = result.integers {
      #expect(integers == reference.integers, "\(name)")
      return
    }
    let greatest = reference.doubles.reduce(0) { max($0, abs($1)) }
    let worst = zip(result.doubles, reference.doubles).reduce(0.0) { worst, pair in
      if pair.0 == pair.1 || (pair.0.isNaN && pair.1.isNaN) { return worst }
      let difference = abs(pair.0 - pair.1)
      return difference.isNaN ? .infinity : max(worst, difference)
    }
    // One case's results were typed with four digits.
    let tolerance = name.hasSuffix("ceil_last_window_starts_on_pad") ? 1e-3 : 1e-5
    #expect(worst <= tolerance * max(1, greatest), "\(name): off by \(worst) of \(greatest)")
  }
}
