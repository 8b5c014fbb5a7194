import ArgumentParser
import Convolve
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// One run of `convolve filter`: which file becomes which, and what came of each.
struct FilterJob: Sendable {
  let request: FilterRequest
  let isRaw: Bool
  let output: String?
  let outDir: String?
  let format: ImageFormat?
  let force: Bool
  let encoding: Image.EncodingOptions
  let limits: DecodingLimits
  let explain: Bool
  let json: Bool
  let isQuiet: Bool

  /// An input and where its result goes; nowhere where only the plan is asked for.
  struct File: Sendable {
    let input: String
    let output: String?
    let format: ImageFormat?
  }

  struct Outcome: Encodable, Sendable {
    let input: String
    var output: String?
    var width: Int?
    var height: Int?
    var channels: Int?
    var milliseconds: Double?
    var notes: [String] = []
    var plan: String?
    var error: String?
  }

  /// Where each input goes.
  func files(_ inputs: InputFiles.List) throws -> [File] {
    if let outDir { return try files(inputs.paths, into: outDir) }
    guard !inputs.isBatch || inputs.paths.count == 1 && output != nil else {
      throw ValidationError("\(inputs.paths.count) inputs need an --out-dir")
    }
    let input = inputs.paths[0]
    guard var path = output ?? (input == "-" ? "-" : nil) else {
      if explain { return [File(input: input, output: nil, format: nil)] }
      throw ValidationError("no output; give -o FILE or --out-dir DIR (or --explain alone)")
    }
    if explain, output == nil { return [File(input: input, output: nil, format: nil)] }
    if path == "/dev/stdout" { path = "-" }
    let chosen: ImageFormat
    if path == "-" {
      guard !Terminal.isOutputTerminal else {
        throw ValidationError("an image on a terminal is no use; give -o FILE, or pipe it on")
      }
      chosen = format ?? (isRaw ? .npy : .png)
    } else {
      do { chosen = try format ?? ImageFormat(path: path) } catch { throw ValidationError("\(error)") }
    }
    if isRaw, chosen != .npy {
      throw ValidationError("--range raw makes floats, which \(chosen.name) cannot hold; write a .npy file")
    }
    return [File(input: input, output: path, format: chosen)]
  }

  private func files(_ inputs: [String], into folder: String) throws -> [File] {
    var taken: [String: String] = [:]
    return try inputs.map { input in
      let name = input == "-" ? "stdin" : String(input.split(separator: "/").last ?? "image")
      let dot = name.lastIndex(of: ".")
      let stem = dot.map { $0 == name.startIndex ? name : String(name[..<$0]) } ?? name
      let suffix = dot.map { String(name[name.index(after: $0)...]) } ?? ""
      let own = isRaw ? .npy : format ?? ImageFormat(name: suffix) ?? .png
      let isSame = ImageFormat(name: suffix) == own
      let file = isSame ? name : "\(stem).\(own == .jpeg ? "jpg" : own == .pnm ? "ppm" : own.rawValue)"
      if let other = taken.updateValue(input, forKey: file) {
        throw ValidationError("\(other) and \(input) would both become \(folder)/\(file); run them apart")
      }
      return File(input: input, output: folder + "/" + file, format: own)
    }
  }

  /// Filters all files, in parallel where there are many; a file that fails stops no other.
  func run(_ files: [File]) -> [Outcome] {
    if let outDir { makeFolder(outDir) }
    let identities = Set(files.compactMap { FileIdentity($0.input) })
    let bar = files.count > 1 && !isQuiet ? ProgressBar(total: files.count, unit: "images") : nil
    let outcomes = Mutex([Outcome?](repeating: nil, count: files.count))
    ThreadPool.shared.parallelFor(files.count) { index in
      let outcome = run(files[index], inputs: identities)
      outcomes.withLock { $0[index] = outcome }
      bar?.advance()
    }
    bar?.finish()
    return outcomes.withLock { $0.map { $0! } }
  }

  private func run(_ file: File, inputs: Set<FileIdentity>) -> Outcome {
    var outcome = Outcome(input: file.input, output: file.output)
    do {
      if let output = file.output, output != "-" {
        if let identity = FileIdentity(output), inputs.contains(identity) {
          throw FileError(output, "is an input, and is never overwritten; choose another name")
        }
        // Before the work, not after it.
        if !force { try requireAbsent(output) }
      }
      let start = ContinuousClock.now
      let image = try Image(path: file.input, limits: limits)
      let result: FilterResult
      do throws(FilterError) {
        result = try image.filtered(request)
      } catch {
        throw FileError(file.input, "\(error)")
      }
      outcome.notes = result.notes
      outcome.plan = explain ? result.explanation : nil
      (outcome.width, outcome.height) = (result.image.width, result.image.height)
      outcome.channels = result.image.channels
      if let output = file.output, let format = file.format {
        outcome.notes += result.image.losses(in: format)
        try result.image.write(to: output, as: format, options: encoding, replacing: force)
      }
      outcome.milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
    } catch {
      outcome.error = "\(error)"
    }
    return outcome
  }

  /// Prints what came of all files, and ends with the exit code.
  func report(_ outcomes: [Outcome]) throws {
    let isStandardOutputTaken = outcomes.contains { $0.output == "-" }
    if json {
      let text = jsonText(outcomes)
      if isStandardOutputTaken { Terminal.message(text) } else { Terminal.print(text) }
    }
    for outcome in outcomes {
      let prefix = outcomes.count > 1 ? "\(outcome.input): " : ""
      if !json, let plan = outcome.plan {
        let text = outcomes.count > 1 ? "\(outcome.input)\n\(plan)" : plan
        if isStandardOutputTaken { Terminal.message(text) } else { Terminal.print(text) }
      }
      if !isQuiet { for note in outcome.notes { Terminal.note(prefix + note) } }
    }
    let failures = outcomes.compactMap(\.error)
    if outcomes.count > 1, !failures.isEmpty {
      Terminal.message("\(failures.count) of \(outcomes.count) inputs failed:")
    }
    for failure in failures { Terminal.error(failure) }
    if failures.count == outcomes.count { throw ExitCode.failure }
    if !failures.isEmpty { throw ExitCode(2) }
  }
}

/// Which file a path leads to, through links too.
private struct FileIdentity: Hashable {
  let device: UInt64
  let node: UInt64

  init?(_ path: String) {
    var status = stat()
    guard path != "-", stat(path, &status) == 0 else { return nil }
    // A device or a pipe may be read from and written to.
    guard status.st_mode & S_IFMT == S_IFREG || status.st_mode & S_IFMT == S_IFDIR else { return nil }
    device = UInt64(status.st_dev)
    node = UInt64(status.st_ino)
  }
}
