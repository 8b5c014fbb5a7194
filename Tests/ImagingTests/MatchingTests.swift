import Imaging
import Tensors
import TestSupport
import Testing

@Suite struct MatchingTests {
  private struct Case: Decodable {
    let image: Place
    let template: Place
    let correlation: Place
    let normalized: Place
    let exact: Place
    let mask: Place?
    let masked: Place?
  }

  private static func worst(_ a: Tensor<Float>, _ b: Tensor<Float>) -> Float {
    zip(a.scalars, b.scalars).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  /// OpenCV's scores on parts of photos, grey and in colour, masked too.
  @Test func scoresAreOpenCVs() throws {
    let vectors = try Vectors<[Case]>("matching")
    #expect(vectors.cases.count == 4)
    for (i, c) in vectors.cases.enumerated() {
      let (image, template) = (vectors.tensor(c.image), vectors.tensor(c.template))
      let expected = vectors.tensor(c.normalized)
      let scores = try matchTemplate(image, template)
      #expect(scores.shape == expected.shape)
      // OpenCV itself is up to 3.3e-4 off where windows have little contrast.
      let exact = vectors.tensor(c.exact)
      #expect(Self.worst(scores, exact) < 1e-5, "case \(i)")
      #expect(Self.worst(scores, expected) < 1e-4 + Self.worst(exact, expected), "case \(i)")
      let sums = vectors.tensor(c.correlation)
      let greatest = sums.scalars.reduce(0) { max($0, abs($1)) }
      #expect(
        Self.worst(try matchTemplate(image, template, method: .correlation), sums) < 1e-5 * greatest,
        "case \(i)")
      if let mask = c.mask, let masked = c.masked {
        let result = try matchTemplate(image, template, mask: vectors.tensor(mask))
        #expect(Self.worst(result, vectors.tensor(masked)) < 1e-4, "case \(i), masked")
      }
    }
  }

  /// A part of a noisy picture is found where it was cut out, by each method, and between pixels.
  @Test(arguments: MatchMethod.allCases) func cutOutsAreFound(method: MatchMethod) throws {
    var g = SeededGenerator(seed: 5)
    var image = Tensor<Float>.randomNormal(shape: [2, 70, 91], using: &g)
    // A bright corner, which plain correlation would fall for, if the template were bright too.
    for y in 0..<70 { for x in 0..<91 { image[1, y, x] += Float(x) / 400 } }
    let template = image.slice(23..<39, axis: 1).slice(51..<70, axis: 2)
    let scores = try matchTemplate(image, template, method: method)
    let found = matches(in: scores, template: (19, 16), threshold: 0, count: 3)
    #expect(abs(found[0].x - 51) < 0.2 && abs(found[0].y - 23) < 0.2, "\(found)")
    if method == .normalized { #expect(abs(found[0].score - 1) < 1e-5) }
  }

  @Test func peaksLieBetweenPixelsAndDoNotOverlap() {
    var scores = Tensor<Float>(zeros: [9, 12])
    for (y, x, value) in [(4, 4, 0.9), (4, 5, 0.9), (4, 3, 0.5), (4, 6, 0.5), (1, 10, 0.8), (5, 5, 0.85)] {
      scores[y, x] = Float(value)
    }
    let found = matches(in: scores, template: (4, 4), threshold: 0.6, count: 10)
    #expect(found.count == 2)
    #expect(found[0].x == 4.5 && abs(found[0].score - 0.9) < 1e-6)
    #expect(found[1].x == 10 && found[1].y == 1)
    #expect(matches(in: scores, template: (4, 4), threshold: 0.95, count: 10).isEmpty)
  }

  @Test func quarterTurnsAreExact() {
    let x = Tensor<Float>([1, 2, 3, 4, 5, 6], shape: [1, 2, 3])
    let (once, mask) = rotated(x, degrees: 90)
    #expect(once.shape == [1, 3, 2] && once.scalars == [3, 6, 2, 5, 1, 4])
    #expect(mask.scalars.allSatisfy { $0 == 1 })
    #expect(rotated(x, degrees: 180).planes.scalars == [6, 5, 4, 3, 2, 1])
    #expect(rotated(rotated(x, degrees: 45).planes, degrees: 0).mask.scalars.allSatisfy { $0 == 1 })
  }

  @Test func whatCannotBeFoundIsNamed() throws {
    let image = Tensor<Float>(repeating: 0.5, shape: [1, 8, 8])
    var g = SeededGenerator(seed: 6)
    let noise = Tensor<Float>.randomNormal(shape: [1, 4, 4], using: &g)
    func message(_ body: () throws(ImagingError) -> Tensor<Float>) -> String {
      do throws(ImagingError) {
        _ = try body()
        return ""
      } catch { return error.description }
    }
    #expect(
      message { () throws(ImagingError) in try matchTemplate(image, Tensor(repeating: 1, shape: [1, 3, 3])) }
        .contains("contrast"))
    #expect(message { () throws(ImagingError) in try matchTemplate(noise, image) }.contains("fit"))
    #expect(
      message { () throws(ImagingError) in try matchTemplate(image, Tensor(zeros: [2, 3, 3])) }.contains(
        "channels"))
    #expect(
      message { () throws(ImagingError) in
        try matchTemplate(image, Tensor(repeating: .nan, shape: [1, 3, 3]))
      }
      .contains("finite"))
    #expect(
      message { () throws(ImagingError) in try matchTemplate(image, noise, mask: Tensor(zeros: [4, 4])) }
        .contains("mask"))
    // A window without contrast scores 0.
    #expect(try matchTemplate(image, noise).scalars.allSatisfy { $0 == 0 })
  }
}
