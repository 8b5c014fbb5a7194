import ArgumentParser
import Convolve

struct FilterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "filter",
    abstract:
      "Filter photographs: true convolution (kernels given as numbers are flipped; --correlate is not).",
    discussion: """
      Named kernels are defined by their effect, flipped or not: sobel-x is
      positive where brightness grows to the right. Several --kernel make a
      chain. `convolve kernels` lists them.

      Examples:
        convolve filter photo.jpg --kernel sobel -o edges.png
        convolve filter photo.png --kernel gaussian:sigma=3 --linear -o soft.png
        convolve filter photo.png --kernel "3x3: 0,-1,0 -1,5,-1 0,-1,0" -o sharp.png
        convolve filter photo.png --kernel sobel-x --range raw -o gradient.npy
        convolve filter photos/ "more/*.jpg" --kernel unsharp --out-dir sharp
        cat photo.jpg | convolve filter - --kernel emboss > relief.png

      --range auto clamps kernels that keep brightness, stretches magnitudes to
      black ... white, and draws kernels that sum to zero in blue (negative)
      and red (positive); it says what it chose. --border reflect does not
      repeat the edge pixel (as PyTorch), symmetric does. Images with alpha are
      filtered premultiplied; 16 bits stay 16 bits; colour profiles are kept.
      """
  )

  @Argument(
    help: ArgumentHelp("Image files, folders, globs, or - for standard input.", valueName: "input"),
    completion: .file(extensions: ["png", "jpg", "jpeg", "webp", "ppm", "pgm", "npy"]))
  var inputs: [String]

  @Option(
    name: .shortAndLong, parsing: .unconditionalSingleValue,
    help: "A name with parameters, numbers, @file, or - for standard input. Repeat it for a chain.",
    completion: .list(KernelCatalogue.entries.map(\.name)))
  var kernel: [String] = []

  @Option(
    name: .shortAndLong, help: "The file to write, - for standard output.", completion: .file())
  var output: String?
  @Option(help: "The folder to write into, for many inputs.", completion: .directory)
  var outDir: String?
  @Option(help: "Format, over the one of the name: png, jpg, webp, ppm or npy.")
  var format: ImageFormat?
  @Flag(help: "Replace files that exist.")
  var force = false
  @Option(help: "Quality of JPEG and WebP, 1 to 100.")
  var quality = 90
  @Flag(help: "WebP without loss.")
  var lossless = false
  @Option(help: "Compression level of PNG, 0 to 9.")
  var compression = 2

  @OptionGroup(title: "Filter options") var filter: FilterOptions
  @OptionGroup(title: "Run options") var runOptions: RunOptions

  func validate() throws {
    guard !kernel.isEmpty else {
      throw ValidationError("no --kernel; for example --kernel sobel (`convolve kernels` lists them)")
    }
    guard (1...100).contains(quality) else { throw ValidationError("--quality \(quality): give 1 to 100") }
    guard (0...9).contains(compression) else {
      throw ValidationError("--compression \(compression): give 0 to 9")
    }
    if output != nil, outDir != nil { throw ValidationError("give --output or --out-dir, not both") }
    try filter.validateOptions()
    try runOptions.validateOptions()
  }

  func run() throws {
    if let threads = runOptions.threads { ThreadPool.setSharedThreadCount(threads) }
    let job = FilterJob(
      request: try filter.request(kernels: kernel), isRaw: filter.range == .raw, output: output,
      outDir: outDir, format: format, force: force,
      encoding: Image.EncodingOptions(quality: quality, isLossless: lossless, compressionLevel: compression),
      limits: runOptions.limits, explain: runOptions.explain, json: runOptions.json, isQuiet: runOptions.quiet
    )
    let files = try job.files(try InputFiles.expand(inputs))
    let outcomes = job.run(files)
    try job.report(outcomes)
  }
}

extension ImageFormat: ExpressibleByArgument {
  public init?(argument: String) { self.init(name: argument) }
  public static var allValueStrings: [String] { ["png", "jpg", "webp", "ppm", "npy"] }
}

/// How a command runs, whatever it does.
struct RunOptions: ParsableArguments {
  @Option(help: "Threads (default: CONVOLVE_THREADS, or one for each processor).")
  var threads: Int?
  @Flag(help: "Print how the filter is planned; without an output, only that.")
  var explain = false
  @Flag(help: "Print what was done as JSON.")
  var json = false
  @Flag(name: .shortAndLong, help: "No notes and no progress.")
  var quiet = false
  @Option(help: "The most pixels an image may have.")
  var maxPixels = DecodingLimits().pixels
  @Option(help: "The most bytes a file, or a decoded image, may have.")
  var maxBytes = DecodingLimits().bytes

  var limits: DecodingLimits { DecodingLimits(pixels: maxPixels, bytes: maxBytes) }

  func validateOptions() throws {
    if let threads, !(1...ThreadPool.maximumThreads).contains(threads) {
      throw ValidationError("--threads \(threads): give 1 to \(ThreadPool.maximumThreads)")
    }
    guard maxPixels >= 1, maxBytes >= 1 else { throw ValidationError("limits must be at least 1") }
  }
}
