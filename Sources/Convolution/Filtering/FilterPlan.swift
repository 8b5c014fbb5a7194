import Microkernels
import Tensors

/// How a filter runs: a chain of kernels over interleaved pixels, planned for one size and type of image.
///
/// A plan is a value: print it, keep it, run it on any number of images of its size.
public struct FilterPlan: Sendable {
  public let input: SampleLayout
  public let output: SampleLayout
  public let stages: [FilterStage]
  public let border: PaddingMode
  public let isValid: Bool
  /// Kernels of the chain that were composed into the next one.
  public let composedCount: Int
  public let instructionSet: InstructionSet

  /// How exact a plan must be.
  public enum Precision: Sendable, Hashable {
    /// No more than rounding: about 2^-22 of the largest possible result.
    case exact
    /// Truncated kernels may change a result by this much, for inputs of magnitude 1.
    case truncation(Double)
  }

  /// Plans a chain of kernels.
  /// - Parameters:
  ///   - banks: what to apply, in order; kernels as correlation uses them.
  ///   - input: the image's size, channels and sample type.
  ///   - outputType: how results are stored; integers are rounded to nearest and clamped.
  ///   - border: what stands beyond the edges, for every kernel of the chain anew.
  ///   - isValid: only pixels whose window lies inside the input; the output is that much smaller.
  ///   - precision: whether kernels may be truncated.
  ///   - instructionSet: whose kernels run; one that this processor has.
  ///   - method: forced on every kernel that allows it.
  /// - Throws: ``GeometryError`` where nothing is left of a valid output.
  public init(
    _ banks: [KernelBank], input: SampleLayout, outputType: SampleType, border: PaddingMode = .reflect,
    isValid: Bool = false, precision: Precision = .exact, instructionSet: InstructionSet = .current,
    forcing method: LinearPlan.Method? = nil
  ) throws(GeometryError) {
    precondition(!banks.isEmpty, "a filter needs a kernel")
    precondition(
      input.height >= 1 && input.width >= 1 && input.channels >= 1, "an image has at least one pixel")
    var output = input
    output.type = outputType
    if isValid {
      let none = Padding.Amount(0, 0)
      for bank in banks {
        output.height = try OutputSize.convolution(
          input: output.height, window: Window(kernel: bank.rows), padding: none
        ).size
        output.width = try OutputSize.convolution(
          input: output.width, window: Window(kernel: bank.columns), padding: none
        ).size
      }
    }
    let budget: Double
    switch precision {
    case .exact: budget = 0
    case .truncation(let error): budget = error / Double(banks.count)
    }
    let chain = Self.composed(banks, border: border, isValid: isValid, budget: budget, layout: input)
    self.input = input
    self.output = output
    self.border = border
    self.isValid = isValid
    self.instructionSet = instructionSet
    composedCount = banks.count - chain.count
    // What an earlier stage leaves out, the later ones amplify: each stage gets its share of the budget.
    var shares = [Double](repeating: budget, count: chain.count)
    var gainAfter = 1.0
    for i in chain.indices.reversed() {
      shares[i] = budget / max(1, gainAfter)
      gainAfter *= chain[i].kernels.map(\.absoluteSum).max()!
    }
    stages = zip(chain, shares).map { bank, share in
      FilterStage(bank, errorBudget: share, layout: input, forcing: method)
    }
  }

  /// The greatest difference to the plain direct loop in exact arithmetic, before the output is rounded to
  /// its type, for inputs of magnitude 1.
  public var errorBound: Double {
    var bound = 0.0
    for stage in stages { bound = bound * stage.gain + stage.errorBound }
    return bound
  }

  /// Filters one image: `result * scale + bias` is stored.
  /// - Precondition: the pointers hold images of the plan's layouts, and do not overlap.
  public func run(
    _ source: UnsafeRawPointer, into destination: UnsafeMutableRawPointer, scale: Double = 1,
    bias: Double = 0, pool: ThreadPool = .shared
  ) {
    run(
      stage: 0, from: source, input, into: destination, scale: Float(scale), bias: Float(bias), pool: pool)
  }

  /// One stage after another, through float32 images between them.
  private func run(
    stage index: Int, from source: UnsafeRawPointer, _ layout: SampleLayout,
    into destination: UnsafeMutableRawPointer, scale: Float, bias: Float, pool: ThreadPool
  ) {
    let stage = stages[index]
    let isLast = index == stages.count - 1
    var target = layout
    target.type = isLast ? output.type : .float32
    if isValid {
      target.height -= stage.rows - 1
      target.width -= stage.columns - 1
    }
    var job = FilterStage.Job(
      input: source, inputLayout: layout, output: destination, outputLayout: target, border: border,
      isValid: isValid, scale: isLast ? scale : 1, bias: isLast ? bias : 0,
      microkernels: Microkernels(instructionSet), pool: pool)
    if isLast { return stage.run(job) }
    let between = Tensor<Float>(
      unsafeUninitializedShape: [target.height, target.width, target.channels]
    ) { elements in
      job.output = UnsafeMutableRawPointer(elements.baseAddress!)
      stage.run(job)
    }
    between.withUnsafeBufferPointer {
      run(
        stage: index + 1, from: UnsafeRawPointer($0.baseAddress!), target, into: destination,
        scale: scale, bias: bias, pool: pool)
    }
  }
}

extension FilterStage {
  init(_ bank: KernelBank, errorBudget: Double, layout: SampleLayout, forcing method: LinearPlan.Method?) {
    combination = bank.combination
    plans = bank.kernels.map { kernel in
      if let method, method != .box || bank.isLinear,
        let forced = LinearPlan(kernel, forcing: method, errorBudget: errorBudget, layout: layout)
      {
        return forced
      }
      return LinearPlan(kernel, errorBudget: errorBudget, allowingBox: bank.isLinear, layout: layout)
    }
  }
}
