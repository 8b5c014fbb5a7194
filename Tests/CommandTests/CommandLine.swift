import Foundation
import TestSupport

/// The built `convolve`, run as a person runs it.
struct CommandLine {
  struct Output {
    let status: Int32
    let data: Data
    let messages: String

    var text: String { String(decoding: data, as: UTF8.self) }
  }

  /// A folder of its own, removed at the end.
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("convolve-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  func cleanUp() { try? FileManager.default.removeItem(at: folder) }

  static let executable = Bundle.main.executableURL!.resolvingSymlinksInPath().deletingLastPathComponent()
    .appendingPathComponent("convolve")
  static let examples = packageRoot().appendingPathComponent("Examples")
  static let corpus = packageRoot().appendingPathComponent("Tests/ImagingTests/Corpus")

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// Names of the files in a folder, sorted.
  func files(_ name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(name)).sorted()
  }

  func run(_ arguments: [String], input: Data? = nil, environment: [String: String] = [:]) throws -> Output {
    let process = Process()
    process.executableURL = Self.executable
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (output, messages) = (folder.appendingPathComponent(".out"), folder.appendingPathComponent(".err"))
    // Files, not pipes, so that neither side waits for the other.
    for url in [output, messages] { _ = FileManager.default.createFile(atPath: url.path, contents: nil) }
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: messages)
    if let input {
      let source = folder.appendingPathComponent(".in")
      try input.write(to: source)
      process.standardInput = try FileHandle(forReadingFrom: source)
    } else {
      process.standardInput = FileHandle.nullDevice
    }
    try process.run()
    process.waitUntilExit()
    defer { for name in [".in", ".out", ".err"] { try? FileManager.default.removeItem(atPath: path(name)) } }
    return Output(
      status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
      data: try Data(contentsOf: output),
      messages: String(decoding: try Data(contentsOf: messages), as: UTF8.self))
  }
}
