import Foundation
import Testing

/// A weak function of an instruction-set target may be kept for the whole program, and then runs on
/// processors that do not have the instructions: there must be none.
@Suite struct WeakSymbolTests {
  #if os(Linux) && arch(x86_64)
    @Test(arguments: ["MicrokernelsAVX512", "MicrokernelsAVX2", "MicrokernelsBaseline"])
    func noWeakFunctions(target: String) throws {
      let products = Bundle.main.executableURL!.resolvingSymlinksInPath().deletingLastPathComponent()
      let folder = products.appendingPathComponent("\(target).build")
      let objects = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { $0.hasSuffix(".o") }.map { folder.appendingPathComponent($0).path }
      try #require(!objects.isEmpty, "no objects in \(folder.path)")
      let nm = Process()
      let output = Pipe()
      nm.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      nm.arguments = ["nm"] + objects
      nm.standardOutput = output
      try nm.run()
      let lines = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        .split(separator: "\n")
      nm.waitUntilExit()
      try #require(nm.terminationStatus == 0)
      #expect(lines.contains { $0.contains(" T ") && $0.contains("correlate") }, "nm shows no kernel at all")
      #expect(lines.filter { $0.contains(" W ") } == [])
    }
  #endif
}
