import Convolution
import Imaging
import Tensors
import Testing

@Suite struct ImageFilterTests {
  private func bank(_ text: String) throws -> KernelBank { try KernelSpecification(text).bank }

  private func gray(_ samples: [UInt8], height: Int = 1) -> Image {
    Image(.uint8(Tensor(samples, shape: [height, samples.count / height, 1])))
  }

  private func photo() throws -> Image { try Image(decoding: try CodecTests.corpus("rgb.png")) }

  @Test func rangesOfOneSignedResult() throws {
    // sobel-x of a step of 40: 0, 160, 160, 0 at each edge of the plateau, with either sign.
    let image = gray([10, 10, 10, 50, 50, 50, 10, 10, 10])
    func run(_ range: FilterRequest.Range) throws -> FilterResult {
      try image.filtered(FilterRequest(banks: [try bank("sobel-x")], border: .replicate, range: range))
    }
    #expect(CodecTests.floats(try run(.raw).image) == [0, 0, 160, 160, 0, -160, -160, 0, 0])
    #expect(CodecTests.floats(try run(.clamp).image) == [0, 0, 160, 160, 0, 0, 0, 0, 0])
    #expect(CodecTests.floats(try run(.abs).image) == [0, 0, 160, 160, 0, 160, 160, 0, 0])
    #expect(CodecTests.floats(try run(.minmax).image) == [128, 128, 255, 255, 128, 0, 0, 128, 128])
    let signed = try run(.signed).image
    #expect(signed.channels == 3)
    #expect(Array(CodecTests.floats(signed)[..<3]) == [247, 247, 247])
    #expect(Array(CodecTests.floats(signed)[6..<9]) == [103, 0, 31])
    #expect(Array(CodecTests.floats(signed)[15..<18]) == [5, 48, 97])
    // auto shows both signs, and says so.
    let auto = try run(.auto)
    #expect(auto.image == signed)
    #expect(auto.notes.contains { $0.contains("range signed") })
  }

  @Test func autoSaysWhatItCuts() throws {
    let image = gray([0, 200, 0, 200, 0, 200])
    let doubled = try KernelSpecification("1x1: 2", options: .init(normalization: .none)).bank
    let result = try image.filtered(FilterRequest(banks: [doubled]))
    #expect(result.notes.count == 1 && result.notes[0].contains("50 %"), "\(result.notes)")
    #expect(try image.filtered(FilterRequest(banks: [try bank("gaussian")])).notes.isEmpty)
    let magnitude = try image.filtered(FilterRequest(banks: [try bank("sobel")]))
    #expect(magnitude.notes.contains { $0.contains("range minmax") })
  }

  @Test func biasIsInTheImagesUnits() throws {
    let image = gray([10, 20, 30])
    let request = FilterRequest(banks: [try bank("identity")], range: .clamp, bias: 5)
    #expect(CodecTests.floats(try image.filtered(request).image) == [15, 25, 35])
  }

  @Test func sixteenBitsStay() throws {
    let image = try Image(decoding: try CodecTests.corpus("rgb16.png"))
    let result = try image.filtered(FilterRequest(banks: [try bank("identity")])).image
    #expect(result == image)
    #expect(try image.filtered(FilterRequest(banks: [try bank("sobel")])).image.type == .uint16)
  }

  @Test func profilesStayWithColour() throws {
    let image = try photo()
    #expect(image.iccProfile != nil)
    #expect(
      try image.filtered(FilterRequest(banks: [try bank("sharpen")])).image.iccProfile == image.iccProfile)
    #expect(
      try image.filtered(FilterRequest(banks: [try bank("box")], channels: .luma)).image.iccProfile == nil)
  }

  @Test func alphaIsFilteredPremultiplied() throws {
    // A red opaque pixel beside a transparent green one: the blur must stay red, at half the alpha.
    let image = Image(.uint8(Tensor([255, 0, 0, 255, 0, 255, 0, 0], shape: [1, 2, 4])))
    let blur = try KernelSpecification("1 1", options: .init(isCorrelation: true)).bank
    let result = try image.filtered(FilterRequest(banks: [blur], border: .replicate)).image
    #expect(CodecTests.floats(result) == [255, 0, 0, 255, 255, 0, 0, 128])
    // Opaque alpha changes nothing of the colour, and stays.
    let opaque = Image(.uint8(Tensor([10, 20, 30, 255, 50, 60, 70, 255], shape: [1, 2, 4])))
    let rgb = Image(.uint8(Tensor([10, 20, 30, 50, 60, 70], shape: [1, 2, 3])))
    let (a, b) = (
      try opaque.filtered(FilterRequest(banks: [blur])).image,
      try rgb.filtered(FilterRequest(banks: [blur])).image
    )
    let kept = CodecTests.floats(a)
    #expect(kept[3] == 255 && kept[7] == 255)
    #expect(kept.enumerated().filter { $0.offset % 4 != 3 }.map(\.element) == CodecTests.floats(b))
    // Kernels that do not keep brightness leave alpha alone.
    let edges = try image.filtered(FilterRequest(banks: [try bank("laplacian")], range: .clamp)).image
    #expect(CodecTests.floats(edges)[3] == 255 && CodecTests.floats(edges)[7] == 0)
  }

  @Test func linearLightMixesLight() throws {
    // Half of white's light and half of black's is sRGB 188, not 128.
    let blur = try KernelSpecification("1 1", options: .init(isCorrelation: true)).bank
    let image = gray([0, 255])
    let result = try image.filtered(FilterRequest(banks: [blur], border: .replicate, isLinearLight: true))
      .image
    #expect(CodecTests.floats(result)[1] == 188)
    let identity = try photo().filtered(FilterRequest(banks: [try bank("identity")], isLinearLight: true))
      .image
    #expect(identity == (try photo()))
  }

  @Test func channelsAreChosen() throws {
    let image = try photo()
    let luma = try image.filtered(FilterRequest(banks: [try bank("identity")], channels: .luma)).image
    let first = CodecTests.floats(image)[..<3]
    #expect(luma.channels == 1)
    #expect(
      CodecTests.floats(luma)[0]
        == (0.299 * first[0] + 0.587 * first[1] + 0.114 * first[2]).rounded(.toNearestOrEven))
    let red = try image.filtered(
      FilterRequest(banks: [try bank("box:radius=2")], channels: .some([0]), range: .clamp)
    ).image
    let all = try image.filtered(FilterRequest(banks: [try bank("box:radius=2")], range: .clamp)).image
    for (i, value) in CodecTests.floats(red).enumerated() {
      #expect(value == (i % 3 == 0 ? CodecTests.floats(all)[i] : CodecTests.floats(image)[i]))
      if i > 60 { break }
    }
    #expect(throws: FilterError.noSuchChannel(2, channels: 1)) {
      try gray([1, 2]).filtered(FilterRequest(banks: [try bank("box")], channels: .some([2])))
    }
  }

  @Test func validLeavesTheEdgesOut() throws {
    let image = try photo()
    let result = try image.filtered(FilterRequest(banks: [try bank("box:radius=2")], isValid: true)).image
    #expect(result.height == image.height - 4 && result.width == image.width - 4)
    let whole = try image.filtered(FilterRequest(banks: [try bank("box:radius=2")])).image
    let inner = Tensor(CodecTests.floats(whole), shape: whole.shape).slice(2..<image.height - 2, axis: 0)
      .slice(2..<image.width - 2, axis: 1)
    #expect(CodecTests.floats(result) == inner.scalars)
    #expect(throws: FilterError.kernelLargerThanImage(kernel: "65x65", image: "31x23")) {
      try image.filtered(FilterRequest(banks: [try bank("box:radius=32")], isValid: true))
    }
  }

  @Test func kernelsLargerThanTheImage() throws {
    for border in [PaddingMode.zeros, .constant(7), .reflect, .symmetric, .replicate, .circular] {
      let one = try gray([200]).filtered(FilterRequest(banks: [try bank("gaussian:sigma=9")], border: border))
        .image
      let isFlat = border != .zeros && border != .constant(7)
      #expect(CodecTests.floats(one)[0] == (isFlat ? 200 : CodecTests.floats(one)[0]))
      let few = try gray([1, 2, 3, 4, 5, 6], height: 2)
        .filtered(FilterRequest(banks: [try bank("box:radius=20")], border: border)).image
      #expect(few.width == 3)
    }
  }

  @Test func notFiniteInputsAreReported() throws {
    let image = Image(.float32(Tensor([0.5, .nan, 0.25, 1], shape: [2, 2, 1])))
    #expect(throws: FilterError.self) { try image.filtered(FilterRequest(banks: [try bank("box")])) }
    #expect(try image.filtered(FilterRequest(banks: [try bank("box")], range: .raw)).image.width == 2)
  }
}
