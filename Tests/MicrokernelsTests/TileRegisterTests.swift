import Foundation
import Testing

/// The sums of a product's tile stay in registers. Loops over them that grow too long are no longer unrolled, and then sums
/// are stored with every product; one sum that goes to memory and back in every step makes the step wait for it; and a small
/// tile's vectors may be taken apart and put together again. No test of results shows that, and none of speed on a machine of
/// other instructions.
@Suite struct TileRegisterTests {
  #if os(Linux) && arch(x86_64)
    @Test(
      arguments: ["MicrokernelsAVX512", "MicrokernelsAVX2", "MicrokernelsBaseline"],
      ["Matrix", "Direct", "Correlation"])
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
      // `tile6`, `tile12x1`, `direct8x2`, `wide3` and so on, which take a pointer to what they work on.
      let isTile = try Regex("\\d((tile|direct|wide|last)\\d+(x\\d+)?|multiplyTiles)y")
      let functions = text.components(separatedBy: "\n\n").filter {
        $0.prefix { $0 != "\n" }.contains(isTile)
      }
      for function in functions {
        let lines = function.split(separator: "\n")
        let instructions = lines.dropFirst().compactMap(Instruction.init)
        for loop in innermostLoops(instructions) where loop.contains(where: \.isMultiplying) {
          // Where sums are stored when all are done, a loop that stores them keeps them in memory, whatever register says where.
          let spills = loop.filter { file == "Correlation" ? $0.storesVectorToStack : $0.storesVector }
          #expect(spills.isEmpty, "\(lines[0]) keeps sums in memory: \(spills.map(\.text))")
          let moves = target == "MicrokernelsBaseline" ? [] : loop.filter(\.movesLanes)
          #expect(moves.isEmpty, "\(lines[0]) takes vectors apart: \(moves.map(\.text))")
        }
        // Products that are no loop, and what they leave: a tile's few constants and its description may be there.
        #expect(instructions.count(where: \.storesVectorToStack) < 13, "\(lines[0]) keeps its sums in memory")
      }
      #expect(functions.count >= 5, "objdump shows no tiles")
    }
  #endif
}

/// A line of `objdump`, in AT&T syntax.
private struct Instruction {
  let address: Int
  let text: Substring

  init?(_ line: Substring) {
    guard let colon = line.firstIndex(of: ":"),
      let address = Int(line[..<colon].trimmingPrefix(while: \.isWhitespace), radix: 16)
    else { return nil }
    self.address = address
    text = line[line.index(after: colon)...].trimmingPrefix(while: \.isWhitespace)
  }

  var isMultiplying: Bool { text.contains("fmadd") || text.contains("mulps") }

  /// Whether a vector is put together from parts of others, or its lanes in another order: SSE alone has to, to fill a vector
  /// with one number.
  var movesLanes: Bool {
    ["vshuf", "vperm", "vinsert", "vextract", "vblend", "vunpck"].contains(where: text.hasPrefix)
  }

  /// Where a jump goes.
  var jumpTarget: Int? {
    let words = text.split(separator: " ")
    return text.hasPrefix("j") && words.count > 1 ? Int(words[1], radix: 16) : nil
  }

  /// Where a vector is stored; nil where none is.
  private var vectorTarget: Substring? {
    guard text.contains("mov"), let comma = text.firstIndex(of: ",") else { return nil }
    let (source, target) = (text[..<comma], text[comma...])
    let isVector = source.contains("%xmm") || source.contains("%ymm") || source.contains("%zmm")
    return isVector && target.contains("(") ? target : nil
  }

  var storesVector: Bool { vectorTarget != nil }

  /// Whether a vector is stored relative to the stack's pointer or the frame's.
  var storesVectorToStack: Bool {
    vectorTarget.map { $0.contains("%rbp") || $0.contains("%rsp") } ?? false
  }
}

/// The instructions of each loop that no other loop is in.
private func innermostLoops(_ instructions: [Instruction]) -> [[Instruction]] {
  let loops = instructions.compactMap { jump in
    jump.jumpTarget.flatMap { $0 <= jump.address ? $0...jump.address : nil }
  }
  return loops.filter { loop in
    !loops.contains { $0 != loop && $0.lowerBound >= loop.lowerBound && $0.upperBound <= loop.upperBound }
  }.map { loop in instructions.filter { loop.contains($0.address) } }
}
