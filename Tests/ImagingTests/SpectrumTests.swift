import Convolution
import Foundation
import Imaging
import TestSupport
import Tensors
import Testing

@Suite struct SpectrumTests {
  /// Stripes with noise, turned by any angle, on a wide picture and on a tall one.
  @Test(arguments: [0.0, 12.5, 37, 45, 71, 90, 123, 168])
  func turnedPatternsAreFoundToADegree(degrees: Double) throws {
    var g = SeededGenerator(seed: UInt64(degrees))
    for (height, width, period) in [(180, 260, 7.3), (300, 200, 12.1)] {
      var plane = Tensor<Float>.randomNormal(shape: [height, width], using: &g)
      let angle = degrees * .pi / 180
      for y in 0..<height {
        for x in 0..<width {
          let place = (Double(x) * cos(angle) - Double(y) * sin(angle)) / period
          plane[y, x] = plane[y, x] * 0.3 + Float(sin(2 * .pi * place) > 0 ? 1 : 0)
        }
      }
      let found = try ImageSpectrum(plane, isWindowed: true).orientation
      let difference = abs(found.degrees - degrees)
      #expect(min(difference, 180 - difference) < 1, "\(found)")
      #expect(abs(found.period - period) < 0.6 && found.coherence > 0.5, "\(found)")
    }
  }

  @Test func theMiddleIsTheMean() throws {
    var g = SeededGenerator(seed: 1)
    let plane = Tensor<Float>.random(in: 0...1, shape: [13, 18], using: &g)
    let magnitude = try ImageSpectrum(plane).magnitude
    #expect(abs(magnitude[6, 9] - plane.scalars.reduce(0, +)) < 1e-3)
    // Mirror images about the middle.
    #expect(abs(magnitude[6 - 2, 9 - 3] - magnitude[6 + 2, 9 + 3]) < 1e-5)
    #expect(throws: ImagingError.self) { try ImageSpectrum(Tensor(repeating: .nan, shape: [3, 3])) }
  }

  /// A mask of ones changes nothing, one of the middle alone leaves the mean; complements add up to the image.
  @Test func filtersOfFrequenciesAddUp() throws {
    var g = SeededGenerator(seed: 2)
    let planes = Tensor<Float>.random(in: 0...1, shape: [3, 21, 30], using: &g)
    func worst(_ a: Tensor<Float>, _ b: Tensor<Float>) -> Float {
      zip(a.scalars, b.scalars).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }
    let all = try filterFrequencies(planes, mask: Tensor(repeating: 1, shape: [21, 30]))
    #expect(worst(all.planes, planes) < 1e-6 && all.share == 1)
    for shape in FrequencyFilter.Shape.allCases {
      let low = try FrequencyFilter(.lowPass(0.11), shape: shape).mask(height: 21, width: 30)
      let high = try FrequencyFilter(.highPass(0.11), shape: shape).mask(height: 21, width: 30)
      let (a, b) = (
        try filterFrequencies(planes, mask: low).planes, try filterFrequencies(planes, mask: high).planes
      )
      let sum = Tensor(zip(a.scalars, b.scalars).map { $0 + $1 }, shape: planes.shape)
      #expect(worst(sum, planes) < 1e-5, "\(shape)")
    }
    let band = try FrequencyFilter(.bandPass(0.1, 0.2), shape: .ideal)
    #expect(band.response(x: 0.15, y: 0) == 1 && band.response(x: 0.05, y: 0) == 0)
    #expect(band.response(x: 0.1, y: 0.2) == 0)
    let notch = try FrequencyFilter(.notch([(x: 0.2, y: -0.1)], radius: 0.03), shape: .butterworth, order: 3)
    #expect(notch.response(x: -0.2, y: 0.1) == 0 && notch.response(x: 0, y: 0) > 0.999)
    #expect(throws: ImagingError.self) { try FrequencyFilter(.lowPass(2)) }
    #expect(throws: ImagingError.self) { try FrequencyFilter(.bandPass(0.3, 0.2)) }
    #expect(throws: ImagingError.self) { try filterFrequencies(planes, mask: Tensor(zeros: [21, 29])) }
  }

  @Test func blocksKeepMoreAtBetterQuality() throws {
    let image = try Image(path: packageRoot().appending(path: "Examples/chelsea.png").path)
    guard case .uint8(let samples) = image.samples else { return }
    let plane = Tensor(
      (0..<image.height * image.width).map { Float(samples.scalars[$0 * image.channels]) / 255 },
      shape: [1, image.height, image.width])
    var last = (psnr: 0.0, kept: 0)
    for quality in [5, 30, 75, 100] {
      let blocks = try BlockCosine(plane, quality: quality)
      let psnr = peakSignalToNoiseRatio(plane, blocks.planes)
      #expect(psnr > last.psnr && blocks.kept > last.kept)
      last = (psnr, blocks.kept)
    }
    #expect(last.psnr > 50)
    #expect(throws: ImagingError.self) { try BlockCosine(plane, quality: 0) }
  }
}

@Suite struct DiffusionTests {
  /// The exact solution is a Gaussian convolution of sigma sqrt(2 D t), mirrored at the edges, and the explicit scheme tends
  /// to it.
  @Test func heatFlowsAsAGaussian() throws {
    var g = SeededGenerator(seed: 3)
    let planes = Tensor<Float>.random(in: 0...1, shape: [2, 40, 53], using: &g)
    let (time, diffusivity) = (6.0, 0.75)
    let exact = try diffuse(planes, time: time, diffusivity: diffusivity).planes
    let sigma = (2 * time * diffusivity).squareRoot()
    let radius = 24
    let line = (-radius...radius).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
    let total = line.reduce(0, +)
    let n = line.count
    let gaussian = try Kernel(
      rows: n, columns: n, coefficients: (0..<n * n).map { line[$0 / n] * line[$0 % n] / (total * total) })
    let convolved = try correlate2d(planes, kernel: gaussian, border: .symmetric)
    let worst = zip(exact.scalars, convolved.scalars).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(worst < 1e-5)
    let (explicit, steps) = try diffuse(planes, time: time, diffusivity: diffusivity, method: .explicit)
    #expect(steps == 23)
    // The four-neighbour scheme is of second order: what is left of fine detail differs by some percent of a percent.
    #expect(zip(exact.scalars, explicit.scalars).reduce(0) { max($0, abs($1.0 - $1.1)) } < 5e-3)
    #expect(try diffuse(planes, time: 0, method: .explicit).planes == planes)
    for method in [DiffusionMethod.fourier, .explicit, .peronaMalik(contrast: 0.1)] {
      let result = try diffuse(planes, time: 2, method: method).planes
      #expect(
        abs(result.scalars.reduce(0, +) - planes.scalars.reduce(0, +)) < 0.02, "nothing flows out: \(method)")
    }
  }

  /// A step with noise: the noise goes and the step stays, where the heat equation blurs it.
  @Test func edgesStay() throws {
    var g = SeededGenerator(seed: 4)
    var planes = Tensor<Float>.randomNormal(shape: [1, 30, 60], using: &g)
    for y in 0..<30 { for x in 0..<60 { planes[0, y, x] = 0.02 * planes[0, y, x] + (x < 30 ? 0 : 1) } }
    let kept = try diffuse(planes, time: 10, method: .peronaMalik(contrast: 0.2)).planes
    let blurred = try diffuse(planes, time: 10).planes
    #expect(kept[0, 15, 30] - kept[0, 15, 29] > 0.9 && blurred[0, 15, 30] - blurred[0, 15, 29] < 0.2)
    let noise = (0..<25).map { abs(kept[0, 15, $0]) }.max()!
    #expect(noise < 0.02)
    #expect(throws: ImagingError.self) { try diffuse(planes, time: -1) }
    #expect(throws: ImagingError.self) { try diffuse(planes, time: 1e9, method: .explicit) }
    #expect(throws: ImagingError.self) { try diffuse(planes, time: 1, method: .peronaMalik(contrast: 0)) }
  }

  @Test func propagatorsAreDensities() throws {
    let kernel = try Kernel(rows: 3, columns: 3, coefficients: [-2, -1, 0, -1, 1, 1, 0, 1, 2])
    for rule in PropagatorRule.allCases {
      let p = try kernel.propagator(rule)
      #expect(p.coefficients.allSatisfy { $0 >= 0 } && abs(p.coefficients.reduce(0, +) - 1) < 1e-12)
    }
    #expect(try kernel.propagator(.softmax, temperature: 0.01).coefficients[8] > 0.999)
    #expect(try kernel.propagator(.square).coefficients[0] == 4.0 / 13)
    let zeros = try Kernel(rows: 1, columns: 2, coefficients: [0, 0])
    #expect(try zeros.propagator(.softmax).coefficients == [0.5, 0.5])
    #expect(throws: ImagingError.self) { try zeros.propagator(.absolute) }
    #expect(throws: ImagingError.self) { try StochasticConvolution(zeros) }
  }

  /// The mean of n samples is off by 1 / sqrt(n); the same seed gives the same bits, however samples are grouped.
  @Test func meansTendToTheFilter() throws {
    var g = SeededGenerator(seed: 5)
    let planes = Tensor<Float>.random(in: 0...1, shape: [2, 40, 50], using: &g)
    let kernel = try Kernel(rows: 3, columns: 4, coefficients: [1, -2, 0, 3, 0.5, 1, 1, -1, 0, 2, 0, 1])
    let exact = try correlate2d(planes, kernel: kernel, border: .reflect)
    let walk = try StochasticConvolution(kernel, seed: 9)
    func error(_ n: Int) -> Double {
      var sums = Tensor<Double>(zeros: planes.shape)
      walk.add(planes, to: &sums, samples: 0..<n)
      let squares = zip(sums.scalars, exact.scalars).reduce(0.0) {
        $0 + ($1.0 / Double(n) - Double($1.1)) * ($1.0 / Double(n) - Double($1.1))
      }
      return (squares / Double(planes.shape.count)).squareRoot()
    }
    // Each is a mean over 4000 pixels: within some percent of the law.
    let (few, many) = (error(16), error(1024))
    #expect(abs(few / many / 8 - 1) < 0.06, "\(few) \(many)")
    var (whole, parts) = (Tensor<Double>(zeros: planes.shape), Tensor<Double>(zeros: planes.shape))
    walk.add(planes, to: &whole, samples: 0..<7)
    for i in 0..<7 { walk.add(planes, to: &parts, samples: i..<i + 1) }
    #expect(whole == parts)
  }
}
