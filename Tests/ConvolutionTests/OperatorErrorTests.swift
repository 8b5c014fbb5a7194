import Convolution
import Tensors
import Testing

/// What each operator says to arguments that make no sense: an error that names the value, before anything is
/// allocated.
@Suite struct OperatorErrorTests {
  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "accepted"
    } catch {
      return "\(error)"
    }
  }

  private let image = Tensor<Float>(zeros: [1, 4, 6, 6])

  @Test func padding() {
    func says(_ amounts: [Padding.Amount], _ mode: PaddingMode = .zeros) -> String {
      message { _ = try pad(image, amounts, mode: mode) }
    }
    #expect(says([.init(6, 0)], .reflect).contains("reflect padding 6 is out of range: it must be at most 5"))
    #expect(says([.init(0, 7)], .circular).contains("at most 6"))
    #expect(says([.init(0, 7)], .symmetric).contains("at most 6"))
    #expect(says([.init(-3, -3)]).contains("padding -3"))
    #expect(says([.init(1, 1), .init(1, 1), .init(0, 0), .init(0, 0), .init(0, 0)]).contains("5 paddings"))
    #expect(says([.init(1 << 31, 0), .init(1 << 31, 0)]).contains("2^40"))
    #expect(says([.init(.max, .max)]).contains("padding"))
    #expect(
      message { _ = try padGradient(upstream: image, inputShape: image.shape, [.init(1, 1)]) }.contains(
        "upstream"))
  }

  @Test func resizing() {
    func says(_ size: [Int], _ scales: [Double]? = nil, _ options: ResizeOptions = .linear) -> String {
      message { _ = try resize(image, outputSize: size, scales: scales, options) }
    }
    #expect(says([0, 3]).contains("output size 0"))
    #expect(says([-1]).contains("output size -1"))
    #expect(says([1 << 30, 1 << 30]).contains("2^40"))
    #expect(says([1, 1, 1, 1, 1]).contains("5 sizes"))
    #expect(says([3, 3], [2]).contains("1 scales"))
    #expect(says([3, 3], [0, 1]).contains("scale of 0.0"))
    #expect(says([3, 3], [.nan, 1]).contains("scale of nan"))
    #expect(
      says([3, 3], nil, .init(.linear, .cropAndResize(regions: [], extrapolation: 0))).contains("0 regions"))
    #expect(message { _ = try pixelShuffle(image, factor: 3) }.contains("4 channels"))
    #expect(message { _ = try pixelShuffle(image, factor: 0) }.contains("factor 0"))
    #expect(message { _ = try pixelUnshuffle(image, factor: 4) }.contains("6x6"))
    #expect(
      message { _ = try pixelShuffle(Tensor<Float>(zeros: [4, 2, 2]), factor: 2) }.contains("[N, C, H, W]"))
  }

  @Test func pools() {
    #expect(message { _ = try lpPool(image, p: 0, .init(kernel: [2])) }.contains("p of 0.0"))
    #expect(message { _ = try lpPool(image, p: .nan, .init(kernel: [2])) }.contains("p of nan"))
    #expect(message { _ = try minPool(image, .init(kernel: [7])) }.contains("its height is floor((6 + 0 + 0"))
    #expect(
      message { _ = try averagePool(image, .init(kernel: [2]), divisor: .fixed(-1)) }.contains("divisor -1"))
    #expect(message { _ = try maxPool(image, .init(kernel: [2], dilation: [0])) }.contains("dilation 0"))
    #expect(
      message { _ = try adaptiveAveragePool(image, outputSize: [1 << 31, 1 << 31]) }.contains("2^40"))
    let indices = Tensor<Int64>(repeating: 36, shape: image.shape)
    #expect(message { _ = try maxUnpool(image, indices: indices, outputSize: [6, 6]) }.contains("index 36"))
    #expect(message { _ = try gather(image, indices: indices) }.contains("index 36"))
    #expect(
      message { _ = try maxUnpool(image, indices: indices, outputSize: [6]) }.contains("1 output sizes"))
    #expect(
      message { _ = try maxUnpool(image, indices: indices, outputSize: [1 << 20, 1 << 21]) }.contains("2^40"))
    #expect(
      message { _ = try maxUnpoolSize(input: [2], .init(kernel: [2], padding: .symmetric(2))) }.contains(
        "length"))
  }

  @Test func normalizations() {
    func says(_ kind: Normalization, weight: Tensor<Float>? = nil, epsilon: Double = 1e-5) -> String {
      message { _ = try normalize(image, kind, weight: weight, epsilon: epsilon) }
    }
    #expect(says(.group(3)).contains("3 groups"))
    #expect(says(.group(0)).contains("0 groups"))
    #expect(says(.layer(axis: 4)).contains("axis 4"))
    #expect(says(.batch, weight: Tensor(zeros: [3])).contains("weight of shape 3"))
    #expect(says(.batch, epsilon: -1).contains("epsilon of -1.0"))
    #expect(message { _ = try LocalResponseNorm(size: 0)(image) }.contains("size 0"))
    var running = RunningStatistics<Float>(channels: 4)
    let single = Tensor<Float>(zeros: [1, 4, 1, 1])
    #expect(message { _ = try batchNorm(single, updating: &running) }.contains("at least 2 in training"))
    var few = RunningStatistics<Float>(channels: 3)
    #expect(message { _ = try batchNorm(image, updating: &few) }.contains("running statistics"))
    #expect(message { _ = try softmax(image, axis: 4) }.contains("axis 4"))
  }

  @Test func convolutions() {
    let w = Tensor<Float>(zeros: [4, 4, 3, 3])
    #expect(
      message { _ = try conv2d(Tensor<Float>(zeros: [1, 4, 6, 2]), weight: w) }
        == "the output would be empty: its width is floor((2 + 0 + 0 - 1*(3-1) - 1) / 1) + 1 = 0; the smallest "
        + "input that does is 3")
    #expect(message { _ = try conv(image, weight: w, bias: Tensor(zeros: [3])) }.contains("bias of shape 3"))
    let target = Padding(.transposed(outputSize: [4], moreAtEnd: true))
    #expect(
      message { _ = try conv(image, weight: w, .init(padding: target)) }.contains(
        "transposed convolutions alone"))
    #expect(
      message { _ = try convTranspose(image, weight: w, .init(padding: target)) }.contains("1 output sizes"))
    #expect(
      message {
        _ = try convTranspose(
          image, weight: w, .init(padding: Padding(.transposed(outputSize: [40, 40], moreAtEnd: true))))
      }.contains("output padding"))
    let offset = Tensor<Float>(zeros: [1, 18, 4, 4])
    func deform(_ offset: Tensor<Float>, mask: Tensor<Float>? = nil, groups: Int = 1) -> String {
      message { _ = try deformConv2d(image, weight: w, offset: offset, mask: mask, offsetGroups: groups) }
    }
    #expect(deform(offset) == "accepted")
    #expect(deform(Tensor(zeros: [1, 18, 4, 3])).contains("offset of shape 1x18x4x3"))
    #expect(deform(offset, mask: Tensor(zeros: [1, 8, 4, 4])).contains("mask of shape"))
    #expect(deform(offset, groups: 3).contains("3 offset groups"))
    #expect(
      message {
        _ = try deformConv2d(
          image, weight: w, offset: offset, .init(padding: Padding(.valid, mode: .reflect)))
      }.contains("padded with zeros alone"))
    let long = Tensor<Float>(zeros: [1, 64, 1 << 18])
    #expect(message { _ = try unfold(long, kernel: [1 << 17]) }.contains("2^40"))
    #expect(message { _ = try matmul(image, image) }.contains("rank 2"))
    #expect(
      message { _ = try matmul(Tensor<Float>(zeros: [2, 3]), Tensor(zeros: [2, 3])) }.contains("inner sizes"))
    #expect(message { _ = try linear(image, weight: Tensor(zeros: [2, 5])) }.contains("inFeatures"))
  }
}
