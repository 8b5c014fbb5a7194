import ArgumentParser
import Convolve

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "The speed of convolution layers beside what this machine can do at most.",
    discussion: """
      Measures the machine's peak of multiply-adds and its memory's bandwidth, then
      each layer. Rates count the products of the definition, so that algorithms
      with fewer products (winograd4 and so on) can pass the peak.

      Networks: vgg16, resnet50, alexnet, depthwise, dcgan, others, all. The word
      operators measures what is not convolution, beside the memory's bandwidth.

      Examples:
        convolve bench
        convolve bench vgg16 alexnet --batch 8 --threads 2
        convolve bench all --only 3x3 --svg roofline.svg
        convolve bench --input 64x56x56 --out-channels 128 --kernel 3 --padding 1 --explain
        convolve bench resnet50 --autotune --json
        convolve bench operators
        convolve bench resnet50 efficientnet_lite0 --whole --batch 8
        convolve bench net.onnx

      With --autotune the fastest algorithm of each layer is measured once, and
      remembered for this processor in ~/.cache/convolve/tuning.tsv (or under
      XDG_CACHE_HOME), or in the file that --cache names.
      """
  )

  @Argument(help: ArgumentHelp("Networks (default: resnet50).", valueName: "network"))
  var networks: [String] = []
  @Option(help: ArgumentHelp("The layers alone whose names hold a text.", valueName: "text"))
  var only: String?
  @Option(help: ArgumentHelp("A layer of one's own: channels and spatial sizes.", valueName: "CxHxW"))
  var input: String?
  @Option(help: "Its output channels (default: as many as go in).")
  var outChannels: Int?
  @Option(help: ArgumentHelp("Its kernel size.", valueName: "size"))
  var kernel = "3"
  @Option(help: ArgumentHelp("Its stride.", valueName: "size"))
  var stride = "1"
  @Option(help: ArgumentHelp("Its padding on each side.", valueName: "size"))
  var padding = "0"
  @Option(help: ArgumentHelp("Its dilation.", valueName: "size"))
  var dilation = "1"
  @Option(help: "Its groups.")
  var groups = 1
  @Flag(help: "It is a transposed convolution.")
  var transposed = false
  @Option(help: "Samples in a batch.")
  var batch = 1
  @Option(help: "Threads (default: CONVOLVE_THREADS, or one for each processor).")
  var threads: Int?
  @Option(help: "Seconds for each measurement.")
  var seconds = 0.2
  @Option(
    help:
      "An algorithm by force: loops, tiles, strassen, direct, scatter, winograd4, winograd2, winograd5, winograd4s2, winograd1d, depthwise."
  )
  var algorithm: String?
  @Option(
    help: "The error allowed, in units of direct summation's own: 1 allows no transforms, 2 some, 5 all.")
  var errorBudget = 5.0
  @Flag(help: "Also forward with the weights packed anew, and both gradients, as in training.")
  var gradients = false
  @Flag(help: "Also the plan: memory, and what each algorithm is reckoned to cost.")
  var explain = false
  @Flag(help: "Choose algorithms by measuring them.")
  var autotune = false
  @Option(help: ArgumentHelp("Where --autotune remembers.", valueName: "file"))
  var cache: String?
  @Flag(help: "Print the layers as JSON lines instead of measuring them.")
  var list = false
  @Flag(help: "Whole networks instead of their layers: any of convolve summary's.")
  var whole = false
  @Flag(help: "Print JSON.")
  var json = false
  @Option(help: ArgumentHelp("Draw the roofline.", valueName: "file"))
  var svg: String?
  @Flag(help: "Replace the drawing if it exists.")
  var force = false

  func validate() throws {
    if batch < 1 { throw ValidationError("--batch \(batch): it must be at least 1") }
    if !(seconds > 0 && seconds <= 60) {
      throw ValidationError("--seconds \(plain(seconds)): it must be above 0 and at most 60")
    }
    if let threads, !(1...ThreadPool.maximumThreads).contains(threads) {
      throw ValidationError("--threads \(threads): it must be from 1 to \(ThreadPool.maximumThreads)")
    }
    if let algorithm, ConvolutionPlan.Algorithm(rawValue: algorithm) == nil {
      throw ValidationError(
        "--algorithm \(algorithm): there are "
          + ConvolutionPlan.Algorithm.allCases.map(\.rawValue).joined(separator: ", "))
    }
    if !(errorBudget >= 1) {
      throw ValidationError("--error-budget \(plain(errorBudget)): direct summation itself needs 1")
    }
    if autotune, algorithm != nil { throw ValidationError("--autotune and --algorithm exclude each other") }
    if cache != nil, !autotune { throw ValidationError("--cache needs --autotune") }
    if networks.contains("operators"), networks.count > 1 {
      throw ValidationError("operators are measured alone, without networks")
    }
    if measuresWhole, networks.isEmpty { throw ValidationError("--whole needs networks") }
    for network in networks
    where !measuresWhole && !["all", "operators"].contains(network)
      && !benchNetworks.contains(where: { $0.name == network })
    {
      throw ValidationError(
        "\"\(network)\" has no list of layers; there are \(benchNetworks.map(\.name).joined(separator: ", ")), all; "
          + "--whole measures any network"
      )
    }
    if input != nil, !networks.isEmpty { throw ValidationError("--input and networks exclude each other") }
  }

  /// An ONNX file is always measured whole.
  private var measuresWhole: Bool { whole || networks.contains { $0.hasSuffix(".onnx") } }

  private func measureWhole() throws {
    if let threads { ThreadPool.setSharedThreadCount(threads) }
    if !json { Terminal.print("network".padded(to: 24) + "batch     ms        images/s  GFLOP/s   tensors") }
    var measurements: [NetworkMeasurement] = []
    for name in networks {
      let m = try NetworkMeasurement(NamedModel(name), batch: batch, seconds: seconds)
      measurements.append(m)
      if !json {
        Terminal.print(
          name.padded(to: 24) + "\(batch)".padded(to: 10) + column(m.ms) + column(m.imagesPerSecond)
            + column(m.gigaflopsPerSecond) + "\(m.tensorBytes >> 10) KiB")
        if explain { for step in m.steps { Terminal.print("    " + column(step.ms) + step.step) } }
      }
    }
    if json { Terminal.print(jsonText(measurements)) }
  }

  private struct Report: Encodable {
    let machine: MachineLimits
    let layers: [LayerMeasurement]
  }

  func run() throws {
    do {
      try measure()
    } catch let error where !(error is ExitCode) && !(error is ValidationError) {
      Terminal.error("\(error)")
      throw ExitCode.failure
    }
  }

  private func measure() throws {
    if networks == ["operators"] { return try measureOperators() }
    if measuresWhole { return try measureWhole() }
    let layers = try chosenLayers()
    if list {
      for layer in layers { Terminal.print(try jsonLine(layer)) }
      return
    }
    if let svg, !force, svg != "-" { try requireAbsent(svg) }
    if let threads { ThreadPool.setSharedThreadCount(threads) }
    let limits = MachineLimits(threads: ThreadPool.shared.threadCount, seconds: max(0.1, seconds))
    var settings = LayerMeasurement.Settings()
    settings.batch = batch
    settings.seconds = seconds
    settings.errorBudget = .init(timesDirect: errorBudget)
    settings.algorithm = algorithm.flatMap(ConvolutionPlan.Algorithm.init)
    settings.measuresGradients = gradients
    settings.explains = explain
    var tuning = try autotune ? loadedTuning() : nil
    if !json {
      printHead(
        limits,
        "layer, batch \(batch)".padded(to: 34)
          + "algorithm   ms        GFLOP/s   op/byte   % of roof  % of peak"
          + (gradients ? "  packing   dx        dw" : ""))
    }
    let bar = ProgressBar(total: layers.count, unit: "layers")
    var measurements: [LayerMeasurement] = []
    var refused = 0
    for layer in layers {
      do {
        let measurement = try LayerMeasurement(layer, settings, limits, tuning: &tuning)
        measurements.append(measurement)
        bar.finish()
        if !json { printLine(measurement) }
      } catch let error as GeometryError {
        bar.finish()
        Terminal.error("\(layer.name): \(error)")
        refused += 1
      }
      bar.advance()
    }
    bar.finish()
    if json { Terminal.print(jsonText(Report(machine: limits, layers: measurements))) }
    if let tuning { try save(tuning) }
    if let svg, !measurements.isEmpty {
      let plot = RooflinePlot(limits: limits, measurements: measurements).svg
      try writeFile(Array(plot.utf8), to: svg, replacing: force)
    }
    if refused > 0 { throw refused == layers.count ? ExitCode.failure : ExitCode(2) }
  }

  private struct OperatorReport: Encodable {
    let machine: MachineLimits
    let operators: [OperatorMeasurement]
  }

  private func measureOperators() throws {
    if let threads { ThreadPool.setSharedThreadCount(threads) }
    let limits = MachineLimits(threads: ThreadPool.shared.threadCount, seconds: max(0.1, seconds))
    let operators = try OperatorMeasurement.all(limits, seconds: seconds, only: only)
    if json { return Terminal.print(jsonText(OperatorReport(machine: limits, operators: operators))) }
    printHead(limits, "operator".padded(to: 34) + "ms        GB/s      % of memory's")
    for measurement in operators {
      Terminal.print(
        measurement.name.padded(to: 34) + column(measurement.milliseconds) + column(measurement.rate)
          + column(measurement.percentOfBandwidth))
    }
  }

  private func chosenLayers() throws -> [BenchLayer] {
    if let input { return [try ownLayer(input)] }
    let names = networks.isEmpty ? ["resnet50"] : networks
    let all = benchNetworks.filter { names.contains("all") || names.contains($0.name) }.flatMap(\.layers)
    let layers = all.filter { layer in only.map { layer.name.contains($0) } ?? true }
    if layers.isEmpty, let only {
      throw ValidationError("--only \(only): no layer's name holds it; --list prints them")
    }
    return layers
  }

  private func ownLayer(_ input: String) throws -> BenchLayer {
    let sizes = try parsedSizes(input, "--input")
    guard (2...4).contains(sizes.count), sizes.allSatisfy({ $0 > 0 }) else {
      throw ValidationError("--input \(input): give channels and one to three spatial sizes, as 64x56x56")
    }
    func spread(_ text: String, _ option: String) throws -> [Int] {
      let values = try parsedSizes(text, option)
      guard values.count == 1 || values.count == sizes.count - 1 else {
        throw ValidationError("\(option) \(text): give one number, or \(sizes.count - 1) as the input's axes")
      }
      return values.count == 1 ? [Int](repeating: values[0], count: sizes.count - 1) : values
    }
    guard groups >= 1, sizes[0] % groups == 0, (outChannels ?? sizes[0]) % groups == 0, (outChannels ?? 1) > 0
    else {
      throw ValidationError(
        "--groups \(groups): it must divide the channels that go in and those that come out")
    }
    let kernel = try spread(kernel, "--kernel")
    let name = "\(sizes[0])->\(outChannels ?? sizes[0]) \(kernel.map(String.init).joined(separator: "x"))"
    return BenchLayer(
      name: name + (stride == "1" ? "" : "s\(stride)")
        + " \(sizes[1...].map(String.init).joined(separator: "x"))",
      inChannels: sizes[0], outChannels: outChannels ?? sizes[0], kernel: kernel,
      stride: try spread(stride, "--stride"), padding: try spread(padding, "--padding"),
      size: Array(sizes[1...]),
      dilation: try spread(dilation, "--dilation"), groups: groups, isTransposed: transposed)
  }

  /// A layer as programs of other languages read it.
  private func jsonLine(_ layer: BenchLayer) throws -> String {
    func spread(_ values: [Int]) -> [Int] {
      values.count == 1 ? [Int](repeating: values[0], count: layer.kernel.count) : values
    }
    return "{\"layer\": \"\(layer.name)\", \"in\": \(layer.inChannels), \"out\": \(layer.outChannels), "
      + "\"kernel\": \(layer.kernel), \"stride\": \(spread(layer.stride)), \"padding\": \(spread(layer.padding)), "
      + "\"size\": \(layer.size), \"dilation\": \(spread(layer.dilation)), \"groups\": \(layer.groups), "
      + "\"transposed\": \(layer.isTransposed), \"gflop\": \(try layer.gigaflops())}"
  }

  private func printHead(_ limits: MachineLimits, _ columns: String) {
    Terminal.print(
      "\(limits.processor)\npeak \(plain(limits.peak.rounded())) GFLOP/s, memory "
        + "\(plain((limits.bandwidth * 10).rounded() / 10)) GB/s, ridge at "
        + "\(plain((limits.peak / limits.bandwidth * 10).rounded() / 10)) operations a byte\n\n\(columns)")
  }

  private func column(_ value: Double?, _ width: Int = 10) -> String {
    guard let value else { return "".padded(to: width) }
    let digits = value < 1 ? 1000.0 : 10
    return plain((value * digits).rounded() / digits).padded(to: width)
  }

  private func printLine(_ m: LayerMeasurement) {
    var text = m.layer.padded(to: 34) + m.algorithm.padded(to: 12) + column(m.milliseconds) + column(m.rate)
    text += column(m.intensity) + column(m.percentOfRoof, 11) + column(m.percentOfPeak, 11)
    if gradients { text += column(m.packing) + column(m.inputGradient) + column(m.weightGradient) }
    Terminal.print(text)
    guard explain else { return }
    Terminal.print(
      "    \(m.weightBytes) bytes of weights, \(m.workspaceBytes) bytes of working memory a thread")
    if let estimates = m.estimates {
      let list = estimates.sorted { $0.value < $1.value }.map { "\($0.key) \(Int($0.value))" }
      Terminal.print("    reckoned cycles for a sample's group: \(list.joined(separator: ", "))")
    }
  }

  private var cachePath: String? {
    if let cache { return cache }
    return cacheFolder.map { $0 + "/tuning.tsv" }
  }

  private func loadedTuning() throws -> ConvolutionTuning {
    guard let cachePath, isReadable(cachePath) else { return ConvolutionTuning() }
    return ConvolutionTuning(text: String(decoding: try readFile(cachePath, limit: 16 << 20), as: UTF8.self))
  }

  /// Keeps what other processors and settings have written to the file.
  private func save(_ tuning: ConvolutionTuning) throws {
    guard let cachePath else {
      Terminal.note("neither HOME nor XDG_CACHE_HOME is set: nothing is remembered; --cache names a file")
      return
    }
    var others = ""
    if isReadable(cachePath) {
      let text = String(decoding: try readFile(cachePath, limit: 16 << 20), as: UTF8.self)
      others = text.split(separator: "\n").filter { !$0.hasPrefix(tuning.processor + "\t") }.map { $0 + "\n" }
        .joined()
    }
    if let slash = cachePath.lastIndex(of: "/") { makeFolder(String(cachePath[..<slash])) }
    try writeFile(Array((others + tuning.text).utf8), to: cachePath, replacing: true)
  }
}
