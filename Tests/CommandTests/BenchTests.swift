import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct BenchTests {
  private func object(_ output: CommandLine.Output) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: output.data) as? [String: Any])
  }

  private static let small = [
    "bench", "--input", "8x9x9", "--kernel", "3", "--padding", "1", "--seconds", "0.001",
  ]

  @Test func oneLayer() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let output = try command.run(Self.small + ["--json", "--gradients", "--explain", "--out-channels", "16"])
    #expect(output.status == 0)
    let report = try object(output)
    let layers = try #require(report["layers"] as? [[String: Any]])
    #expect(layers.count == 1)
    #expect(layers[0]["layer"] as? String == "8->16 3x3 9x9")
    for field in ["rate", "milliseconds", "percentOfRoof", "packing", "inputGradient", "weightGradient"] {
      #expect(try #require(layers[0][field] as? Double) > 0, "\(field)")
    }
    // 2 * 81 outputs * 16 * 8 * 9 products over 4 bytes of 648 + 1296 + 1152 numbers.
    let intensity = 2.0 * 81 * 16 * 72 / (4 * (648 + 1296 + 1152))
    #expect(abs(try #require(layers[0]["intensity"] as? Double) - intensity) < 1e-9)
    let machine = try #require(report["machine"] as? [String: Any])
    #expect(try #require(machine["peak"] as? Double) > 0.1)
    #expect(try #require(machine["bandwidth"] as? Double) > 0.1)
    #expect((layers[0]["estimates"] as? [String: Double])?["direct"] != nil)
  }

  @Test func tuningIsRemembered() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let cache = command.path("deep/er/tuning.tsv")
    let first = try command.run(Self.small + ["--autotune", "--cache", cache, "--json"])
    #expect(first.status == 0)
    let text = try String(contentsOfFile: cache, encoding: .utf8)
    let fields = text.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    #expect(fields.count == 1 && fields[0].count == 3)
    #expect((try object(first)["layers"] as? [[String: Any]])?[0]["algorithm"] as? String == fields[0][2])
    // What is remembered is followed, and other processors' entries stay.
    let other = "another processor\tx\tdirect\n"
    let changed = "\(fields[0][0])\t\(fields[0][1])\tloops\n"
    try (other + "not an entry\n" + changed).write(toFile: cache, atomically: true, encoding: .utf8)
    let second = try command.run(Self.small + ["--autotune", "--cache", cache, "--json"])
    #expect((try object(second)["layers"] as? [[String: Any]])?[0]["algorithm"] as? String == "loops")
    #expect(try String(contentsOfFile: cache, encoding: .utf8).hasPrefix(other))
  }

  @Test func drawing() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let svg = command.path("roof.svg")
    #expect(try command.run(Self.small + ["--svg", svg]).status == 0)
    let document = try XMLDocument(contentsOf: URL(fileURLWithPath: svg))
    #expect(try document.nodes(forXPath: "//*[local-name()='circle']/*[local-name()='title']").count == 1)
    #expect(try command.run(Self.small + ["--svg", svg]).status == 1)
    #expect(try command.run(Self.small + ["--svg", svg, "--force"]).status == 0)
  }

  @Test func layersOfOtherPrograms() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let output = try command.run(["bench", "all", "--list"])
    let lines = output.text.split(separator: "\n")
    #expect(lines.count == 54)
    for line in lines {
      let layer = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      #expect(layer?["gflop"] as? Double ?? 0 > 0, "\(line)")
    }
  }

  @Test(
    arguments: [
      (["bench", "vgg17"], Int32(64), "vgg16"), (["bench", "--batch", "0"], 64, "at least 1"),
      (["bench", "--algorithm", "fft"], 64, "winograd"), (["bench", "--input", "64"], 64, "64x56x56"),
      (["bench", "--input", "6x8x8", "--groups", "4"], 64, "divide"),
      (["bench", "--only", "no such layer"], 64, "--list"),
      (["bench", "--seconds", "nan"], 64, "at most 60"),
      (["bench", "--input", "4x2x2", "--kernel", "5", "--seconds", "0.001"], 1, "smallest input"),
      (
        ["bench", "--input", "4x9x9", "--kernel", "2", "--algorithm", "winograd4", "--seconds", "0.001"], 1,
        "3 rows and 3 columns or more"
      ),
    ] as [([String], Int32, String)])
  func mistakes(arguments: [String], status: Int32, message: String) throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let output = try command.run(arguments)
    #expect(output.status == status)
    #expect(output.messages.contains(message), "\(output.messages)")
  }
}
