import Convolution
import Microkernels
import TestSupport
import Tensors
import Testing

/// Results of OpenCV and SciPy, made by Tests/Vectors/make_filter_vectors.py.
@Suite struct FilterVectorTests {
  struct Cases: Decodable {
    let cases: [Case]
  }

  struct Case: Decodable {
    let source: String
    let image: Place
    let kernel: Place
    let result: Place
    let dtype: String
    let border: String
    let convolve: Bool
    let anchor: [Int]?
    let value: Double
  }

  @Test(arguments: InstructionSet.available)
  func everyCaseAgrees(set: InstructionSet) throws {
    let vectors = try Vectors<Cases>("filters")
    #expect(vectors.cases.cases.count == 310)
    for (index, item) in vectors.cases.cases.enumerated() {
      let image = vectors.tensor(item.image)
      let weights = vectors.tensor(item.kernel)
      var kernel = try Kernel(
        rows: weights.shape[0], columns: weights.shape[1], coefficients: weights.scalars.map { Double($0) },
        anchor: item.anchor.map { Kernel.Anchor(row: $0[1], column: $0[0]) })
      if item.convolve { kernel = kernel.flipped() }
      let border: PaddingMode =
        switch item.border {
        case "reflect": .reflect
        case "symmetric": .symmetric
        case "replicate": .replicate
        case "circular": .circular
        case "constant": .constant(item.value)
        default: .zeros
        }
      let type = SampleType(rawValue: item.dtype)!
      let result = try filter(image, type, kernel, border: border, set)
      let expected = vectors.tensor(item.result)
      // 8 bits: both sides round once, so they differ by one level at most, and so do 16 bits up to the
      // float32 sums in which both work: 2^-24 of the largest sum for each of n additions.
      let terms = Double(kernel.coefficients.count + 2)
      let largest = Double(image.scalars.map { abs($0) }.max() ?? 0)
      let rounding = terms * 0x1p-24 * kernel.absoluteSum * max(largest, abs(item.value))
      let tolerance =
        type == .float32 ? min(rounding, 1e-5 * kernel.absoluteSum * max(largest, 1)) + 1e-30 : 1 + rounding
      let worst = zip(result.scalars, expected.scalars).map { abs(Double($0) - Double($1)) }.max()!
      #expect(
        result.shape == expected.shape && worst <= tolerance,
        "case \(index), \(item.source) \(item.dtype) \(item.border) \(weights.shape) on \(image.shape): \(worst) > \(tolerance)"
      )
    }
  }

  /// Filters samples stored as a type, and returns the stored result as floats.
  private func filter(
    _ image: Tensor<Float>, _ type: SampleType, _ kernel: Kernel, border: PaddingMode, _ set: InstructionSet
  ) throws -> Tensor<Float> {
    let layout = SampleLayout(
      height: image.shape[0], width: image.shape[1], channels: image.shape[2], type: type)
    let plan = try FilterPlan(
      [KernelBank(kernel)], input: layout, outputType: type, border: border,
      precision: type == .uint8 ? .truncation(0.45 / 255) : .exact, instructionSet: set)
    func run<Scalar: TensorScalar>(_ convert: (Float) -> Scalar, _ back: (Scalar) -> Float) -> Tensor<Float> {
      let source = Tensor<Scalar>(image.scalars.map(convert), shape: image.shape)
      let result = Tensor<Scalar>(unsafeUninitializedShape: image.shape) { destination in
        source.withUnsafeBufferPointer { plan.run($0.baseAddress!, into: destination.baseAddress!) }
      }
      return Tensor(result.scalars.map(back), shape: image.shape)
    }
    switch type {
    case .uint8: return run({ UInt8($0) }, { Float($0) })
    case .uint16: return run({ UInt16($0) }, { Float($0) })
    case .float32: return run({ $0 }, { $0 })
    }
  }
}
