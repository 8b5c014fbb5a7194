import Convolution
import Microkernels
import Tensors
import Testing

/// Every plan against the plain float64 loop, over shapes that include the ugly ones.
@Suite struct FilterPlanTests {
  static let borders: [PaddingMode] = [.zeros, .constant(-2), .reflect, .symmetric, .replicate, .circular]

  static func random(_ shape: Shape, _ generator: inout SeededGenerator) -> Tensor<Float> {
    Tensor<Float>.random(in: -1...1, shape: shape, using: &generator)
  }

  static func randomKernel(
    _ rows: Int, _ columns: Int, _ generator: inout SeededGenerator, rank: Int? = nil
  ) throws -> Kernel {
    var coefficients = (0..<rows * columns).map { _ in Double.random(in: -1...1, using: &generator) }
    if let rank {
      coefficients = [Double](repeating: 0, count: rows * columns)
      for _ in 0..<rank {
        let column = (0..<rows).map { _ in Double.random(in: -1...1, using: &generator) }
        let row = (0..<columns).map { _ in Double.random(in: -1...1, using: &generator) }
        for i in coefficients.indices { coefficients[i] += column[i / columns] * row[i % columns] }
      }
    }
    let anchor = Kernel.Anchor(
      row: Int.random(in: 0..<rows, using: &generator), column: Int.random(in: 0..<columns, using: &generator)
    )
    return try Kernel(rows: rows, columns: columns, coefficients: coefficients, anchor: anchor)
  }

  static func run(_ plan: FilterPlan, _ image: Tensor<Float>, pool: ThreadPool = .shared) -> Tensor<Float> {
    Tensor(unsafeUninitializedShape: [plan.output.height, plan.output.width, plan.output.channels]) {
      destination in
      destination.initialize(repeating: .nan)
      image.withUnsafeBufferPointer { plan.run($0.baseAddress!, into: destination.baseAddress!, pool: pool) }
    }
  }

  static func worst(_ a: Tensor<Float>, _ b: Tensor<Double>) -> Double {
    // A NaN that was left over must not hide in a maximum.
    zip(a.scalars, b.scalars).reduce(0) { worst, pair in
      let difference = abs(Double(pair.0) - pair.1)
      return difference.isNaN ? .infinity : max(worst, difference)
    }
  }

  @Test(arguments: InstructionSet.available)
  func everyMethodEqualsTheLoop(set: InstructionSet) throws {
    var generator = SeededGenerator(seed: 1)
    var counts: [LinearPlan.Method: Int] = [:]
    for trial in 0..<400 {
      let (height, width, channels) = (
        [1, 2, 3, 5, 13, 31, 53].randomElement(using: &generator)!,
        [1, 2, 4, 7, 17, 37, 101].randomElement(using: &generator)!, Int.random(in: 1...4, using: &generator)
      )
      let (rows, columns) = (
        Int.random(in: 1...11, using: &generator), Int.random(in: 1...11, using: &generator)
      )
      let method: LinearPlan.Method = [.direct, .separable, .box, .fourier][trial % 4]
      var kernel = try Self.randomKernel(
        rows, columns, &generator, rank: method == .separable ? 1 + trial % 2 : nil)
      if method == .box {
        kernel = try Kernel(
          rows: rows, columns: columns, coefficients: [Double](repeating: 0.3, count: rows * columns),
          anchor: kernel.anchor)
      }
      let border = Self.borders.randomElement(using: &generator)!
      let isValid = trial % 5 == 0 && rows <= height && columns <= width
      let image = Self.random([height, width, channels], &generator)
      let plan = try FilterPlan(
        [KernelBank(kernel)],
        input: SampleLayout(height: height, width: width, channels: channels, type: .float32),
        outputType: .float32, border: border, isValid: isValid, instructionSet: set, forcing: method)
      counts[plan.stages[0].plans[0].method, default: 0] += 1
      let result = Self.run(plan, image)
      let exact = referenceCorrelation(
        Tensor(image.scalars.map { Double($0) }, shape: image.shape), kernel: kernel, border: border,
        isValid: isValid)
      let worst = Self.worst(result, exact)
      // The constant border is of magnitude 2.
      #expect(
        worst <= 2 * plan.errorBound,
        "trial \(trial): \(rows)x\(columns) \(method) \(border) on \(image.shape): \(worst) > \(2 * plan.errorBound)"
      )
    }
    #expect(counts.keys.count == 4 && counts.values.allSatisfy { $0 > 50 }, "\(counts)")
  }

  /// Kernels that are wider than a tile's least size, images of several tiles, integers: the sums are exact in float64, and the
  /// bound of eight deviations holds for noise, a constant and a checkerboard.
  @Test(arguments: [(31, 31), (1, 301), (129, 5), (64, 48), (200, 230)])
  func largeKernelsByFourierTransforms(rows: Int, columns: Int) throws {
    var generator = SeededGenerator(seed: 11)
    let kernel = try Self.randomKernel(rows, columns, &generator)
    for (pattern, channels) in [(0, 1), (1, 3), (2, 1)] {
      let shape: Shape = [173, 390, channels]
      let image =
        pattern == 0
        ? Self.random(shape, &generator)
        : Tensor((0..<shape.count).map { pattern == 1 ? 1 : ($0 / 390 + $0) % 2 == 0 ? 1 : -1 }, shape: shape)
      let plan = try FilterPlan(
        [KernelBank(kernel)],
        input: SampleLayout(height: 173, width: 390, channels: channels, type: .float32),
        outputType: .float32, border: .symmetric, forcing: .fourier)
      let direct = try FilterPlan(
        [KernelBank(kernel)], input: plan.input, outputType: .float32, border: .symmetric, forcing: .direct)
      let expected = Self.run(direct, image)
      let worst = Self.worst(
        Self.run(plan, image), Tensor(expected.scalars.map(Double.init), shape: expected.shape))
      #expect(worst <= plan.errorBound + direct.errorBound / 100, "\(rows)x\(columns), pattern \(pattern)")
    }
  }

  @Test func largeDenseKernelsGoByFourierTransforms() throws {
    var generator = SeededGenerator(seed: 12)
    let kernel = try Self.randomKernel(63, 63, &generator)
    let layout = SampleLayout(height: 1000, width: 1500, channels: 1, type: .uint8)
    let plan = try FilterPlan([KernelBank(kernel)], input: layout, outputType: .uint8)
    #expect(plan.stages[0].plans[0].method == .fourier)
    #expect(plan.description.contains("Fourier"))
  }

  @Test func theStatedBoundIsNotLoose() throws {
    // A bound that is never approached would hide errors: some result must come within 1/1000 of it.
    var generator = SeededGenerator(seed: 2)
    let kernel = try Self.randomKernel(5, 5, &generator)
    let image = Self.random([64, 64, 1], &generator)
    let plan = try FilterPlan(
      [KernelBank(kernel)], input: SampleLayout(height: 64, width: 64, channels: 1, type: .float32),
      outputType: .float32)
    let exact = referenceCorrelation(
      Tensor(image.scalars.map { Double($0) }, shape: image.shape), kernel: kernel, border: .reflect)
    #expect(Self.worst(Self.run(plan, image), exact) > plan.errorBound / 1000)
  }

  @Test func sameBitsForAnyThreadCount() throws {
    var generator = SeededGenerator(seed: 3)
    let image = Self.random([300, 901, 3], &generator)
    let layout = SampleLayout(height: 300, width: 901, channels: 3, type: .float32)
    let pools = [1, 2, 3, 7].map { ThreadPool(threads: $0) }
    for method in [LinearPlan.Method.direct, .separable, .box, .fourier] {
      var kernel = try Self.randomKernel(7, 9, &generator, rank: 2)
      if method == .box {
        kernel = try Kernel(rows: 7, columns: 9, coefficients: [Double](repeating: 1 / 63, count: 63))
      }
      for set in InstructionSet.available {
        let plan = try FilterPlan(
          [
            KernelBank(kernel),
            KernelBank(
              [kernel, kernel.flipped()].map { try! $0.anchored(at: kernel.anchor) }, combination: .magnitude),
          ],
          input: layout, outputType: .float32, instructionSet: set, forcing: method)
        let results = pools.map { Self.run(plan, image, pool: $0).scalars.map(\.bitPattern) }
        #expect(results.allSatisfy { $0 == results[0] }, "\(method) \(set)")
      }
    }
  }

  @Test func instructionSetsAgreeWithinRounding() throws {
    var generator = SeededGenerator(seed: 4)
    let image = Self.random([97, 211, 1], &generator)
    for size in [1, 3, 4, 7, 12] {
      let kernel = try Self.randomKernel(size, size, &generator)
      let plans = try InstructionSet.available.map {
        try FilterPlan(
          [KernelBank(kernel)], input: SampleLayout(height: 97, width: 211, channels: 1, type: .float32),
          outputType: .float32, instructionSet: $0)
      }
      let results = plans.map { Self.run($0, image).scalars }
      for other in results.dropFirst() {
        let worst = zip(results[0], other).map { abs($0 - $1) }.max()!
        #expect(Double(worst) <= 2 * plans[0].errorBound)
      }
    }
  }

  @Test func lowRankKernelsAreFoundAndStayInBudget() throws {
    var generator = SeededGenerator(seed: 5)
    let kernel = try Self.randomKernel(15, 15, &generator, rank: 2)
    let layout = SampleLayout(height: 50, width: 60, channels: 1, type: .float32)
    let plan = try FilterPlan([KernelBank(kernel)], input: layout, outputType: .float32)
    #expect(plan.stages[0].plans[0].method == .separable)
    #expect(plan.stages[0].plans[0].terms.count == 2)
    // A little noise on top costs terms when exact, and none within a budget above it.
    let noisy = try Kernel(
      rows: 15, columns: 15,
      coefficients: kernel.coefficients.map { $0 + Double.random(in: -1e-5...1e-5, using: &generator) })
    let budget = FilterPlan.Precision.truncation(0.45 / 255)
    let exact = try FilterPlan([KernelBank(noisy)], input: layout, outputType: .float32)
    let truncated = try FilterPlan(
      [KernelBank(noisy)], input: layout, outputType: .float32, precision: budget)
    #expect(exact.stages[0].plans[0].method == .direct)
    #expect(truncated.stages[0].plans[0].terms.count == 2)
    let image = Self.random([50, 60, 1], &generator)
    let reference = referenceCorrelation(
      Tensor(image.scalars.map { Double($0) }, shape: image.shape), kernel: noisy, border: .reflect)
    let worst = Self.worst(Self.run(truncated, image), reference)
    #expect(worst <= truncated.errorBound && truncated.errorBound < 0.5 / 255)
    #expect(worst > 10 * Self.worst(Self.run(exact, image), reference), "nothing was truncated")
  }

  @Test func chainsAreComposedOnlyWhereNothingChanges() throws {
    var generator = SeededGenerator(seed: 6)
    let image = Self.random([40, 33, 2], &generator)
    let doubles = Tensor(image.scalars.map { Double($0) }, shape: image.shape)
    let layout = SampleLayout(height: 40, width: 33, channels: 2, type: .float32)
    let symmetric = try Kernel(
      rows: 3, columns: 3, coefficients: [1, 2, 1, 2, 4, 2, 1, 2, 1].map { $0 / 16 })
    let skew = try Self.randomKernel(3, 4, &generator)
    let expectations: [(PaddingMode, Kernel, Int)] = [
      (.reflect, symmetric, 1), (.symmetric, symmetric, 1), (.circular, skew, 1), (.reflect, skew, 0),
      (.zeros, symmetric, 0), (.replicate, symmetric, 0),
    ]
    for (border, first, composed) in expectations {
      let last = try Self.randomKernel(3, 3, &generator)
      let plan = try FilterPlan(
        [KernelBank(first), KernelBank(last)], input: layout, outputType: .float32, border: border)
      #expect(plan.composedCount == composed, "\(border)")
      let exact = referenceCorrelation(
        referenceCorrelation(doubles, kernel: first, border: border), kernel: last, border: border)
      #expect(Self.worst(Self.run(plan, image), exact) <= plan.errorBound, "\(border)")
    }
    let valid = try FilterPlan(
      [KernelBank(skew), KernelBank(skew)], input: layout, outputType: .float32, isValid: true)
    #expect(valid.composedCount == 1 && valid.output.height == 36 && valid.output.width == 27)
    let exact = referenceCorrelation(
      referenceCorrelation(doubles, kernel: skew, border: .zeros, isValid: true), kernel: skew,
      border: .zeros,
      isValid: true)
    #expect(Self.worst(Self.run(valid, image), exact) <= valid.errorBound)
  }

  @Test func banksCombine() throws {
    var generator = SeededGenerator(seed: 7)
    let image = Self.random([21, 34, 3], &generator)
    let doubles = Tensor(image.scalars.map { Double($0) }, shape: image.shape)
    let layout = SampleLayout(height: 21, width: 34, channels: 3, type: .float32)
    let kernels = try (0..<8).map { _ in
      try Self.randomKernel(3, 3, &generator).anchored(at: Kernel.Anchor(row: 1, column: 1))
    }
    let results = kernels.map { referenceCorrelation(doubles, kernel: $0, border: .reflect).scalars }
    let greatest = try FilterPlan(
      [KernelBank(kernels, combination: .maximum)], input: layout, outputType: .float32)
    let expected = results[0].indices.map { i in results.map { $0[i] }.max()! }
    #expect(
      Self.worst(Self.run(greatest, image), Tensor(expected, shape: image.shape)) <= greatest.errorBound)
    let length = try FilterPlan(
      [KernelBank(Array(kernels[..<2]), combination: .magnitude)], input: layout, outputType: .float32)
    let lengths = results[0].indices.map {
      (results[0][$0] * results[0][$0] + results[1][$0] * results[1][$0]).squareRoot()
    }
    #expect(Self.worst(Self.run(length, image), Tensor(lengths, shape: image.shape)) <= 2 * length.errorBound)
  }

  @Test func largeBoxesOfLargeSamplesStayExact() throws {
    // 16-bit samples: sums up to 65535 * 15 * 15 < 2^24 are exact, so the mean rounds as the loop's does.
    var generator = SeededGenerator(seed: 8)
    let samples = (0..<90 * 70).map { _ in UInt16.random(in: 0...65535, using: &generator) }
    let box = try Kernel(rows: 15, columns: 15, coefficients: [Double](repeating: 1 / 225, count: 225))
    let plan = try FilterPlan(
      [KernelBank(box)], input: SampleLayout(height: 90, width: 70, channels: 1, type: .uint16),
      outputType: .uint16, border: .replicate)
    #expect(plan.stages[0].plans[0].method == .box)
    var result = [UInt16](repeating: 0, count: samples.count)
    plan.run(samples, into: &result)
    let exact = referenceCorrelation(
      Tensor(samples.map { Double($0) }, shape: [90, 70, 1]), kernel: box, border: .replicate)
    #expect(zip(result, exact.scalars).allSatisfy { abs(Double($0) - $1) <= 0.51 })
  }
}
