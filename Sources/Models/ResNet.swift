import Convolution
import Networks

/// Residual networks, as torchvision has them: the stride is in the 3x3 convolution.
///
/// - Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition" (2016).
public final class ResNet: Layer {
  /// What comes before the blocks.
  public enum Stem: Sendable {
    /// 7x7 with stride 2 and 3x3 max pooling, for photographs.
    case imageNet
    /// 3x3 with stride 1, for images of about 32x32.
    case cifar
  }

  public let conv1: Conv2d
  public let bn1: BatchNorm2d
  public let layer1: Sequential
  public let layer2: Sequential
  public let layer3: Sequential
  public let layer4: Sequential
  public let fc: Linear
  public let stem: Stem

  /// - Parameters:
  ///   - depth: 18, 34, 50, 101 or 152.
  ///   - classes: logits put out.
  ///   - inChannels: of the images.
  ///   - stem: for photographs or for small images.
  ///   - width: channels of the first blocks; the paper's is 64.
  public init(
    _ depth: Depth, classes: Int = 1000, inChannels: Int = 3, stem: Stem = .imageNet, width: Int = 64
  ) {
    self.stem = stem
    conv1 =
      stem == .imageNet
      ? Conv2d(
        inChannels, width, kernelSize: 7, stride: 2, padding: .symmetric(3), bias: false,
        initializer: .kaimingNormal(fan: .out))
      : conv3x3(inChannels, width)
    bn1 = BatchNorm2d(width)
    var channels = width
    func stage(_ blocks: Int, _ width: Int, stride: Int) -> Sequential {
      Sequential(
        (0..<blocks).map { i in
          let block: any Layer =
            depth.hasBottlenecks
            ? Bottleneck(channels, width, stride: i == 0 ? stride : 1)
            : BasicBlock(channels, width, stride: i == 0 ? stride : 1)
          channels = depth.hasBottlenecks ? 4 * width : width
          return block
        })
    }
    let blocks = depth.blocks
    layer1 = stage(blocks[0], width, stride: 1)
    layer2 = stage(blocks[1], 2 * width, stride: 2)
    layer3 = stage(blocks[2], 4 * width, stride: 2)
    layer4 = stage(blocks[3], 8 * width, stride: 2)
    fc = Linear(channels, classes)
  }

  /// The paper's depths.
  public enum Depth: Int, Sendable, CaseIterable {
    case resNet18 = 18
    case resNet34 = 34
    case resNet50 = 50
    case resNet101 = 101
    case resNet152 = 152

    var hasBottlenecks: Bool { rawValue >= 50 }

    var blocks: [Int] {
      switch self {
      case .resNet18: [2, 2, 2, 2]
      case .resNet34, .resNet50: [3, 4, 6, 3]
      case .resNet101: [3, 4, 23, 3]
      case .resNet152: [3, 8, 36, 3]
      }
    }
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    var x = try bn1(conv1(x)).activated(.relu)
    if stem == .imageNet { x = try MaxPool2d(3, stride: 2, padding: .symmetric(1))(x) }
    x = try layer4(layer3(layer2(layer1(x))))
    return try fc(Flatten()(AdaptiveAvgPool2d(1)(x)))
  }
}

private func conv3x3(_ inChannels: Int, _ outChannels: Int, stride: Int = 1) -> Conv2d {
  Conv2d(
    inChannels, outChannels, kernelSize: 3, stride: PerAxis([stride]), padding: .symmetric(1), bias: false,
    initializer: .kaimingNormal(fan: .out))
}

private func conv1x1(_ inChannels: Int, _ outChannels: Int, stride: Int = 1) -> Conv2d {
  Conv2d(
    inChannels, outChannels, kernelSize: 1, stride: PerAxis([stride]), bias: false,
    initializer: .kaimingNormal(fan: .out))
}

private func shortcut(_ inChannels: Int, _ outChannels: Int, _ stride: Int) -> Sequential? {
  if stride == 1, inChannels == outChannels { return nil }
  return Sequential {
    conv1x1(inChannels, outChannels, stride: stride)
    BatchNorm2d(outChannels)
  }
}

/// Two 3x3 convolutions and the way around them.
final class BasicBlock: Layer {
  let conv1: Conv2d
  let bn1: BatchNorm2d
  let conv2: Conv2d
  let bn2: BatchNorm2d
  let downsample: Sequential?

  init(_ inChannels: Int, _ channels: Int, stride: Int) {
    conv1 = conv3x3(inChannels, channels, stride: stride)
    bn1 = BatchNorm2d(channels)
    conv2 = conv3x3(channels, channels)
    bn2 = BatchNorm2d(channels)
    downsample = shortcut(inChannels, channels, stride)
  }

  func forward(_ x: Value) throws(GraphError) -> Value {
    var y = try bn1(conv1(x)).activated(.relu)
    y = try bn2(conv2(y))
    return try (y + (downsample?(x) ?? x)).activated(.relu)
  }
}

/// A 3x3 convolution between 1x1 ones that make the channels fewer and more, and the way around them.
final class Bottleneck: Layer {
  let conv1: Conv2d
  let bn1: BatchNorm2d
  let conv2: Conv2d
  let bn2: BatchNorm2d
  let conv3: Conv2d
  let bn3: BatchNorm2d
  let downsample: Sequential?

  init(_ inChannels: Int, _ channels: Int, stride: Int) {
    conv1 = conv1x1(inChannels, channels)
    bn1 = BatchNorm2d(channels)
    conv2 = conv3x3(channels, channels, stride: stride)
    bn2 = BatchNorm2d(channels)
    conv3 = conv1x1(channels, 4 * channels)
    bn3 = BatchNorm2d(4 * channels)
    downsample = shortcut(inChannels, 4 * channels, stride)
  }

  func forward(_ x: Value) throws(GraphError) -> Value {
    var y = try bn1(conv1(x)).activated(.relu)
    y = try bn2(conv2(y)).activated(.relu)
    y = try bn3(conv3(y))
    return try (y + (downsample?(x) ?? x)).activated(.relu)
  }
}
