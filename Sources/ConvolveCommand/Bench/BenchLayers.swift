import Convolve

/// A convolution layer of a well-known network, or of one's own.
struct BenchLayer {
  let name: String
  let inChannels: Int
  let outChannels: Int
  let kernel: [Int]
  let stride: [Int]
  let padding: [Int]
  let size: [Int]
  var dilation = [1]
  var groups = 1
  var isTransposed = false

  var weight: Shape {
    Shape((isTransposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups]) + kernel)
  }

  func geometry(batch: Int) throws(GeometryError) -> ConvolutionGeometry {
    let input = Shape([batch, inChannels] + size)
    return isTransposed
      ? try ConvolutionGeometry(transposedInput: input, weight: weight, options)
      : try ConvolutionGeometry(input: input, weight: weight, options)
  }

  var options: ConvolutionGeometry.Options {
    .init(
      stride: stride, padding: Padding(.explicit(padding.map { .init($0, $0) })), dilation: dilation,
      groups: groups)
  }

  /// Multiply-adds of the definition for one sample, twice, in billions.
  func gigaflops() throws(GeometryError) -> Double {
    let geometry = try geometry(batch: 1)
    // A transposed convolution has the products of the convolution that it is the transpose of.
    return 2e-9 * Double(geometry.output.reduce(1, *) * weight.count)
  }

  /// Bytes of input, weights and output, each moved once.
  func bytes(batch: Int) throws(GeometryError) -> Double {
    let geometry = try geometry(batch: batch)
    return 4 * Double(geometry.inputShape.count + geometry.outputShape.count + weight.count)
  }
}

private func square(
  _ family: String, _ inChannels: Int, _ outChannels: Int, _ kernel: Int, stride: Int = 1, _ size: Int
) -> BenchLayer {
  BenchLayer(
    name:
      "\(family) \(inChannels)->\(outChannels) \(kernel)x\(kernel)\(stride > 1 ? "s\(stride)" : "") \(size)",
    inChannels: inChannels, outChannels: outChannels, kernel: [kernel, kernel], stride: [stride],
    padding: [kernel / 2], size: [size, size])
}

private let vgg: [BenchLayer] = [
  (3, 64, 224), (64, 64, 224), (64, 128, 112), (128, 128, 112), (128, 256, 56), (256, 256, 56),
  (256, 512, 28),
  (512, 512, 28), (512, 512, 14),
].map { square("vgg", $0.0, $0.1, 3, $0.2) }

private let resnet: [BenchLayer] = [
  (3, 64, 7, 2, 224), (64, 64, 1, 1, 56), (64, 64, 3, 1, 56), (64, 256, 1, 1, 56), (256, 64, 1, 1, 56),
  (256, 128, 1, 1, 56), (128, 128, 3, 2, 56), (128, 512, 1, 1, 28), (256, 512, 1, 2, 56),
  (512, 128, 1, 1, 28),
  (128, 128, 3, 1, 28), (512, 256, 1, 1, 28), (256, 256, 3, 2, 28), (256, 1024, 1, 1, 14),
  (512, 1024, 1, 2, 28),
  (1024, 256, 1, 1, 14), (256, 256, 3, 1, 14), (1024, 512, 1, 1, 14), (512, 512, 3, 2, 14),
  (512, 2048, 1, 1, 7),
  (1024, 2048, 1, 2, 14), (2048, 512, 1, 1, 7), (512, 512, 3, 1, 7),
].map { square("resnet", $0.0, $0.1, $0.2, stride: $0.3, $0.4) }

private let alexnet = [
  BenchLayer(
    name: "alexnet 3->64 11x11s4 224", inChannels: 3, outChannels: 64, kernel: [11, 11], stride: [4],
    padding: [2],
    size: [224, 224]), square("alexnet", 64, 192, 5, 27),
  square("alexnet", 192, 384, 3, 13), square("alexnet", 384, 256, 3, 13), square("alexnet", 256, 256, 3, 13),
]

private func depthwise(_ channels: Int, _ kernel: Int, stride: Int = 1, _ size: Int) -> BenchLayer {
  BenchLayer(
    name: "depthwise \(channels) \(kernel)x\(kernel)\(stride > 1 ? "s\(stride)" : "") \(size)",
    inChannels: channels, outChannels: channels, kernel: [kernel, kernel], stride: [stride],
    padding: [kernel / 2], size: [size, size], groups: channels)
}

private func dcgan(_ inChannels: Int, _ outChannels: Int, _ size: Int) -> BenchLayer {
  BenchLayer(
    name: "dcgan \(inChannels)->\(outChannels) 4x4s2T \(size)", inChannels: inChannels,
    outChannels: outChannels,
    kernel: [4, 4], stride: [2], padding: [1], size: [size, size], isTransposed: true)
}

private let depthwiseLayers =
  [(96, 112), (144, 56), (192, 28), (384, 14), (512, 14)].map { depthwise($0.0, 3, $0.1) } + [
    depthwise(144, 3, stride: 2, 56), depthwise(240, 5, 28),
  ]

private let dcganLayers = [dcgan(1024, 512, 4), dcgan(512, 256, 8), dcgan(256, 128, 16), dcgan(128, 3, 32)]

private let others = [
  BenchLayer(
    name: "dilated 256->256 3x3d2 28", inChannels: 256, outChannels: 256, kernel: [3, 3], stride: [1],
    padding: [2], size: [28, 28], dilation: [2]),
  BenchLayer(
    name: "grouped 128 g32 3x3 56", inChannels: 128, outChannels: 128, kernel: [3, 3], stride: [1],
    padding: [1],
    size: [56, 56], groups: 32),
  BenchLayer(
    name: "audio 1->64 k400s160", inChannels: 1, outChannels: 64, kernel: [400], stride: [160],
    padding: [0],
    size: [16000]),
  BenchLayer(
    name: "1d 64->64 k3 16000", inChannels: 64, outChannels: 64, kernel: [3], stride: [1], padding: [1],
    size: [16000]),
  BenchLayer(
    name: "3d 3->64 3x7x7", inChannels: 3, outChannels: 64, kernel: [3, 7, 7], stride: [1, 2, 2],
    padding: [1, 3, 3], size: [16, 112, 112]),
  BenchLayer(
    name: "3d 64->64 3x3x3", inChannels: 64, outChannels: 64, kernel: [3, 3, 3], stride: [1], padding: [1],
    size: [16, 56, 56]),
]

/// The distinct convolution layers of networks, by the network's name.
let benchNetworks: [(name: String, layers: [BenchLayer])] = [
  ("vgg16", vgg), ("resnet50", resnet), ("alexnet", alexnet), ("depthwise", depthwiseLayers),
  ("dcgan", dcganLayers), ("others", others),
]
