import Microkernels
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The fastest algorithm of each convolution that has been measured on one processor: remembered as text, so that it is
/// measured once.
public struct ConvolutionTuning: Sendable, Equatable {
  /// What the measurements hold for: the processor, its instruction set and the number of threads.
  public let processor: String
  private var algorithms: [String: ConvolutionPlan.Algorithm] = [:]

  /// Nothing measured yet.
  public init(processor: String = Self.currentProcessor()) { self.processor = processor }

  /// What was measured on the same processor; entries of others, and lines that are not entries, are left out.
  public init(text: String, processor: String = Self.currentProcessor()) {
    self.processor = processor
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: "\t").map(String.init)
      guard fields.count == 3, fields[0] == processor,
        let algorithm = ConvolutionPlan.Algorithm(rawValue: fields[2])
      else { continue }
      algorithms[fields[1]] = algorithm
    }
  }

  /// One line an entry: processor, convolution, algorithm.
  public var text: String {
    algorithms.sorted { $0.key < $1.key }.map { "\(processor)\t\($0.key)\t\($0.value.rawValue)\n" }.joined()
  }

  /// Convolutions that have been measured.
  public var count: Int { algorithms.count }

  /// The fastest algorithm for a convolution, if it has been measured.
  public func algorithm(
    for geometry: ConvolutionGeometry, errorBudget: ConvolutionPlan.ErrorBudget = .default
  ) -> ConvolutionPlan.Algorithm? {
    algorithms[Self.key(geometry, errorBudget)]
  }

  /// The plan by the fastest algorithm; measured now, if it has not been before.
  /// - Parameters:
  ///   - geometry: shapes and how the kernel moves.
  ///   - weight: `[K, C / groups, spatial...]`
  ///   - bias: `[K]`
  ///   - epilogue: what is done to the outputs.
  ///   - errorBudget: which algorithms are tried.
  ///   - pool: the threads that are measured.
  /// - Throws: ``GeometryError`` where the weight or the bias do not fit.
  public mutating func plan(
    _ geometry: ConvolutionGeometry, weight: Tensor<Float>, bias: Tensor<Float>? = nil,
    epilogue: Epilogue = Epilogue(), errorBudget: ConvolutionPlan.ErrorBudget = .default,
    pool: ThreadPool = .shared
  ) throws(GeometryError) -> ConvolutionPlan {
    func plan(_ algorithm: ConvolutionPlan.Algorithm) throws(GeometryError) -> ConvolutionPlan {
      try ConvolutionPlan(
        geometry, weight: weight, bias: bias, epilogue: epilogue,
        options: .init(errorBudget: errorBudget, algorithm: algorithm))
    }
    if let known = algorithm(for: geometry, errorBudget: errorBudget) { return try plan(known) }
    let estimates = ConvolutionPlan.estimatedCycles(geometry, errorBudget: errorBudget)
    let input = Tensor<Float>(repeating: 0.5, shape: geometry.inputShape)
    var best: (plan: ConvolutionPlan, time: Duration)?
    // Estimates are not wrong by more than four times.
    for estimate in estimates where estimate.cycles <= 4 * estimates[0].cycles {
      let plan = try plan(estimate.algorithm)
      let time = try Self.time(plan, input, pool)
      if best.map({ time < $0.time }) ?? true { best = (plan, time) }
    }
    algorithms[Self.key(geometry, errorBudget)] = best!.plan.algorithm
    return best!.plan
  }

  /// The least of some runs.
  private static func time(
    _ plan: ConvolutionPlan, _ input: Tensor<Float>, _ pool: ThreadPool
  ) throws(GeometryError) -> Duration {
    let clock = ContinuousClock()
    var output = try plan(input, pool: pool)
    var least = Duration.seconds(1_000_000)
    let end = clock.now + .milliseconds(20)
    var runs = 0
    while runs < 3 || (runs < 50 && clock.now < end) {
      let start = clock.now
      try plan(input, into: &output, pool: pool)
      least = min(least, clock.now - start)
      runs += 1
    }
    return least
  }

  private static func key(_ g: ConvolutionGeometry, _ budget: ConvolutionPlan.ErrorBudget) -> String {
    func list(_ values: [Int]) -> String { values.map(String.init).joined(separator: "x") }
    let padding = g.padding.map { "\($0.begin):\($0.end)" }.joined(separator: "x")
    return "\(g.batch)x\(g.inChannels)x\(list(g.input)) -> \(g.outChannels) kernel \(list(g.kernel)) "
      + "stride \(list(g.stride)) padding \(padding) \(g.mode) dilation \(list(g.dilation)) groups \(g.groups) budget \(budget.timesDirect)"
  }

  /// This processor's name, the instruction set in use and the threads of the shared pool.
  public static func currentProcessor() -> String {
    "\(processorName), \(InstructionSet.current.rawValue), \(ThreadPool.shared.threadCount) threads"
  }

  private static var processorName: String {
    #if os(Linux)
      guard let file = fopen("/proc/cpuinfo", "r") else { return "unknown processor" }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 4096)
      while fgets(&line, Int32(line.count), file) != nil {
        let text = line.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        let parts = text.split(separator: ":", maxSplits: 1)
        if parts.count == 2, parts[0].hasPrefix("model name") || parts[0].hasPrefix("CPU part") {
          return parts[1].split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
      }
      return "unknown processor"
    #else
      var size = 0
      sysctlbyname("machdep.cpu.brand_string", nil, &size, nil, 0)
      var name = [CChar](repeating: 0, count: size + 1)
      sysctlbyname("machdep.cpu.brand_string", &name, &size, nil, 0)
      return name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    #endif
  }
}
