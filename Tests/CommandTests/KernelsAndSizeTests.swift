import Foundation
import Testing

@Suite struct KernelsAndSizeTests {
  private func run(_ arguments: [String]) throws -> CommandLine.Output {
    let command = try CommandLine()
    defer { command.cleanUp() }
    return try command.run(arguments)
  }

  private func object(_ output: CommandLine.Output) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: output.data) as? [String: Any])
  }

  @Test func sizes() throws {
    let conv = try run([
      "size", "--input", "3x224x224", "--kernel", "7", "--stride", "2", "--padding", "3", "--out-channels",
      "64", "--json",
    ])
    #expect(conv.status == 0)
    let fields = try object(conv)
    #expect(fields["output"] as? [Int] == [64, 112, 112])
    #expect(fields["parameters"] as? Int == 9472)
    let cases: [([String], [Int], Int)] = [
      (
        ["--input", "64x112x112", "--kernel", "3", "--stride", "2", "--padding", "1", "--pool", "max"],
        [64, 56, 56], 0
      ),
      (
        [
          "--input", "8x9x9", "--kernel", "4", "--stride", "4", "--padding", "2", "--pool", "average",
          "--ceil-mode",
        ], [8, 3, 3], 0
      ),
      (
        [
          "--input", "128x8x8", "--kernel", "4", "--stride", "2", "--padding", "1", "--transposed",
          "--out-channels", "64",
        ], [64, 16, 16], 131_136
      ),
      (["--input", "32x7x7", "--kernel", "3", "--padding", "same", "--groups", "32"], [32, 7, 7], 320),
      (["--input", "1x16000", "--kernel", "400", "--stride", "160", "--no-bias"], [1, 98], 400),
      (
        [
          "--input", "3x16x112x112", "--kernel", "3x7x7", "--stride", "1x2x2", "--padding", "1x3x3",
          "--out-channels", "64",
        ], [64, 16, 56, 56], 28288
      ),
      (["--input", "1x5x5", "--kernel", "2", "--padding", "0:1x1:0"], [1, 5, 5], 5),
    ]
    for (arguments, output, parameters) in cases {
      let fields = try object(try run(["size", "--json"] + arguments))
      #expect(fields["output"] as? [Int] == output, "\(arguments)")
      #expect(fields["parameters"] as? Int == parameters, "\(arguments)")
    }
    let text = try run(["size", "--input", "3x5x5", "--kernel", "7"])
    #expect(text.status == 1 && text.messages.contains("the smallest input that does is 7"))
    let formula = try run([
      "size", "--input", "3x224x224", "--kernel", "7", "--stride", "2", "--padding", "3",
    ])
    #expect(formula.text.contains("floor((224 + 3 + 3 - 1*(7-1) - 1) / 2) + 1 = 112"))
  }

  @Test func receptiveFields() throws {
    let alexNet = try run([
      "receptive-field", "11s4p2", "3s2", "5p2", "3s2", "3*3p1", "3s2", "--input", "224", "--json",
    ])
    let lines = try #require(try JSONSerialization.jsonObject(with: alexNet.data) as? [[String: Any]])
    #expect(lines.count == 8)
    #expect(
      lines.last?["size"] as? Int == 195 && lines.last?["jump"] as? Int == 32
        && lines.last?["output"] as? Int == 6)
    let branches = try run(["receptive-field", "7s2p3", "3s2p1", "2*3p1+3p1|id", "3s2p1+3p1|1s2"])
    #expect(branches.status == 0 && branches.text.contains("3s2p1+3p1|1s2  67      8"))
    for (layer, status) in [
      ("3x2", 64), ("", 64), ("s2", 64), ("3s2|1", 1), ("0", 1), ("3s", 64), ("9999*3", 64),
    ] {
      #expect(try run(["receptive-field", layer]).status == Int32(status), "\(layer)")
    }
  }

  @Test func kernelsAreListedShownAndMade() throws {
    let list = try run(["kernels"])
    #expect(list.status == 0)
    for name in ["gaussian", "sobel-x", "kirsch", "gabor", "line-rising"] {
      #expect(list.text.contains(name))
    }
    let json = try run(["kernels", "list", "--json"])
    let entries = try #require(try JSONSerialization.jsonObject(with: json.data) as? [[String: Any]])
    #expect(entries.count == 32)
    let show = try run(["kernels", "show", "sobel-x"])
    #expect(show.text.contains("-2   0   2") && show.text.contains("█") && !show.text.contains("\u{1B}"))
    let matrix = try object(try run(["kernels", "show", "laplacian", "--json"]))["kernels"] as? [[[Double]]]
    #expect(matrix == [[[0, 1, 0], [1, -4, 1], [0, 1, 0]]])
    #expect(try run(["kernels", "make", "sobel"]).status == 1)
  }

  @Test func madeKernelsComeBack() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let photo = CommandLine.examples.appendingPathComponent("chelsea.png").path
    func filtered(_ kernel: String) throws -> Data {
      let arguments = ["filter", photo, "-k", kernel, "--range", "raw", "-o", "-", "--normalize", "none"]
      return try command.run(arguments).data
    }
    for kernel in ["sobel-x", "emboss", "gaussian:sigma=1.7", "motion:length=6,angle=30"] {
      let direct = try filtered(kernel)
      #expect(direct.count > 1000)
      for format in ["text", "vips", "imagemagick", "json"] {
        let made = try command.run(["kernels", "make", kernel, "--format", format, "-o", "k.txt", "--force"])
        #expect(made.status == 0)
        #expect(try filtered("@k.txt") == direct, "\(kernel) as \(format)")
      }
    }
  }

  @Test func helpSaysThatConvolutionFlips() throws {
    let help = try run(["filter", "--help"])
    #expect(help.status == 0)
    #expect(help.text.split(separator: "\n").first?.contains("true convolution") == true)
    #expect(try run(["--version"]).text == "0.1.0\n")
    #expect(try run(["--generate-completion-script", "bash"]).text.contains("complete"))
  }
}
