import Convolution
import Tensors
import Testing

@Suite struct StreamingTests {
  /// Pieces of any lengths together are the full convolution in float64; and so for the next signal.
  @Test(arguments: [1, 2, 31, 500], StreamingConvolution.Method.allCases)
  func piecesAreTheWhole(length: Int, method: StreamingConvolution.Method) throws {
    var g = SeededGenerator(seed: UInt64(length))
    let kernel = Tensor<Float>.randomNormal(shape: [length], using: &g)
    var stream = try StreamingConvolution(kernel: kernel.scalars, method: method)
    for _ in 0..<2 {
      let pieces = [0, 1, 3, 700, 2, 9001, 2, 4096, 4096]
      let signal = Tensor<Float>.randomNormal(shape: [pieces.reduce(0, +)], using: &g).scalars
      var (outputs, start) = ([Float](), 0)
      for count in pieces {
        outputs += try stream(Array(signal[start..<start + count]))
        start += count
      }
      outputs += try stream.finish()
      let exact = try convolve(
        Tensor(signal.map(Double.init), shape: [signal.count]),
        Tensor(kernel.scalars.map(Double.init), shape: [length])
      ).scalars
      #expect(outputs.count == exact.count)
      // Products of normal numbers: eight roundings of sums of deviation sqrt(length).
      let worst = zip(outputs, exact).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
      #expect(worst < 8 * 0x1p-24 * Double(length + 15), "\(worst)")
    }
    #expect(throws: GeometryError.self) { try StreamingConvolution(kernel: []) }
  }

  /// SciPy's modes of a signal and a kernel that is longer than a tile's rows: `convolve([1, 2, 3], ...)` by hand, and long ones
  /// by their sums.
  @Test func longSignalsByFourierTransforms() throws {
    var g = SeededGenerator(seed: 3)
    for (count, length) in [(100_003, 1001), (5000, 4999), (77, 3001)] {
      let (x, k) = (
        Tensor<Float>.randomNormal(shape: [count], using: &g),
        Tensor<Float>.randomNormal(shape: [length], using: &g)
      )
      for mode in [ConvolutionMode.full, .same] {
        let y = try convolve(x, k, mode: mode)
        let offset = mode == .full ? 0 : (length - 1) / 2
        #expect(y.shape == [mode == .full ? count + length - 1 : count])
        for n in [0, 1, y.shape.count / 3, y.shape.count / 2, y.shape.count - 1] {
          var sum = 0.0
          for j in 0..<length {
            let i = n + offset - j
            if (0..<count).contains(i) { sum += Double(x[i]) * Double(k[j]) }
          }
          #expect(
            abs(Double(y[n]) - sum) < 8 * 0x1p-24 * Double(length), "\(count), \(length), \(mode), \(n)")
        }
      }
    }
    let geometry = try ConvolutionGeometry(input: [1, 1, 100_003], weight: [1, 1, 1001], .init())
    #expect(ConvolutionPlan.estimatedCycles(geometry)[0].algorithm == .fourier)
  }
}
