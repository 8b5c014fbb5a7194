import Foundation
import Testing

/// The sums of a product's tile stay in registers. Loops over them that grow too long are no longer unrolled, and then sums
/// are stored with every product, which no test of results shows, and none of speed on a machine of other instructions.
@Suite struct TileRegisterTests {
  #if os(Linux) && arch(x86_64)
    @Test(
      arguments: ["MicrokernelsAVX512", "MicrokernelsAVX2", "MicrokernelsBaseline"], ["Matrix", "Direct"])
    func sumsStayInRegisters(target: String, file: String) throws {
      let products = Bundle.main.executableURL!.resolvingSymlinksInPath().deletingLastPathComponent()
      let object = products.appendingPathComponent("\(target).build/\(file).swift.o")
      try #require(FileManager.default.fileExists(atPath: object.path), "no object \(object.path)")
      let objdump = Process()
      let output = Pipe()
      objdump.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      objdump.arguments = ["objdump", "--disassemble", "--no-show-raw-insn", object.path]
      objdump.standardOutput = output
      try objdump.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      objdump.waitUntilExit()
      try #require(objdump.terminationStatus == 0)
      // `tile6`, `tile12x1`, `direct8x2` and so on, which take a pointer to what they work on.
      let isTile = try Regex("\\d(tile|direct)\\d+(x\\d+)?yySPySo")
      var tiles = 0
      var spills = 0
      var name = ""
      for line in text.split(separator: "\n") {
        if line.hasSuffix(">:") {
          name = line.contains(isTile) ? String(line) : ""
          tiles += name.isEmpty ? 0 : 1
          spills = 0
        } else if !name.isEmpty, line.contains("mov"), line.hasStoreToStack {
          spills += 1
          // A tile's few constants and its description may be kept there.
          #expect(spills != 13, "\(name) keeps its sums in memory")
        }
      }
      #expect(tiles >= 5, "objdump shows no tiles")
    }
  #endif
}

extension Substring {
  /// Whether a line of AT&T syntax stores a vector relative to the stack's pointer or the frame's.
  fileprivate var hasStoreToStack: Bool {
    guard let comma = firstIndex(of: ",") else { return false }
    let target = self[comma...]
    let source = self[..<comma]
    let isVector = source.contains("%xmm") || source.contains("%ymm") || source.contains("%zmm")
    return isVector && (target.contains("%rbp") || target.contains("%rsp"))
  }
}
