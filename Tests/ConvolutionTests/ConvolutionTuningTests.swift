import Convolution
import Tensors
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct ConvolutionTuningTests {
  @Test func measuredOnceAndRememberedAsText() throws {
    var g = SeededGenerator(seed: 3)
    var tuning = ConvolutionTuning(processor: "a processor")
    let w = Tensor<Float>.randomNormal(shape: [16, 8, 3, 3], using: &g)
    let geometry = try ConvolutionGeometry(
      input: [1, 8, 12, 12], weight: w.shape, .init(padding: .symmetric(1)))
    #expect(tuning.algorithm(for: geometry) == nil)
    let plan = try tuning.plan(geometry, weight: w)
    #expect(tuning.algorithm(for: geometry) == plan.algorithm)
    // Budgets are kept apart, and one without transforms never finds one.
    #expect(tuning.algorithm(for: geometry, errorBudget: .exact) == nil)
    #expect(try !tuning.plan(geometry, weight: w, errorBudget: .exact).algorithm.transforms)
    #expect(tuning.count == 2)
    #expect(ConvolutionTuning(text: tuning.text, processor: "a processor") == tuning)
    #expect(ConvolutionTuning(text: tuning.text, processor: "another").count == 0)
    #expect(ConvolutionTuning(text: "a processor\tx\nnonsense\n\t\t\n", processor: "a processor").count == 0)
  }

  @Test func workspaceLimits() throws {
    var g = SeededGenerator(seed: 4)
    let w = Tensor<Float>.randomNormal(shape: [64, 64, 3, 3], using: &g)
    let x = Tensor<Float>.randomNormal(shape: [1, 64, 20, 20], using: &g)
    let geometry = try ConvolutionGeometry(input: x.shape, weight: w.shape, .init(padding: .symmetric(1)))
    let free = try ConvolutionPlan(geometry, weight: w)
    var limit = free.workspaceBytes
    while limit > 0 {
      limit = limit / 2
      let plan = try ConvolutionPlan(geometry, weight: w, options: .init(workspaceLimit: limit))
      #expect(plan.workspaceBytes <= limit)
      #expect(zip(try plan(x).scalars, try free(x).scalars).allSatisfy { abs($0 - $1) < 1e-3 })
    }
    #expect(throws: GeometryError.self) {
      try ConvolutionPlan(geometry, weight: w, options: .init(workspaceLimit: 1000, algorithm: .direct))
    }
  }

  #if os(Linux)
    /// Pages that the process holds.
    private static func residentBytes() -> Int {
      guard let file = fopen("/proc/self/statm", "r") else { return 0 }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 256)
      fgets(&line, 256, file)
      let text = line.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
      return Int(text.split(separator: " ")[1])! * 4096
    }

    /// Nothing is kept from call to call but working memory, which grows to the largest call's: 500 random convolutions
    /// of at most a few MB hold less than 100 MB more at the end than after the first 100. (Other tests run beside this
    /// one.)
    @Test func memoryIsBounded() throws {
      var g = SeededGenerator(seed: 5)
      var after100 = 0
      for call in 0..<500 {
        let c = Int.random(in: 1...40, using: &g)
        let x = Tensor<Float>(
          repeating: 0.5, shape: [1, c, Int.random(in: 5...80, using: &g), Int.random(in: 5...80, using: &g)])
        let size = Int.random(in: 1...5, using: &g)
        let w = Tensor<Float>(repeating: 0.5, shape: [Int.random(in: 1...40, using: &g), c, size, size])
        _ = try conv(x, weight: w, .init(stride: [Int.random(in: 1...2, using: &g)]))
        if call == 100 { after100 = Self.residentBytes() }
      }
      #expect(Self.residentBytes() - after100 < 100 << 20)
    }
  #endif
}
