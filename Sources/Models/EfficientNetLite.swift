import Convolution
import Networks

/// EfficientNet-Lite0: inverted bottlenecks around depthwise convolutions, padded as TensorFlow does, without
/// squeeze-and-excitation.
///
/// - Source: M. Tan, Q. V. Le, "EfficientNet: rethinking model scaling for convolutional neural networks" (2019), and R. Liu,
///   "Higher accuracy on vision models with EfficientNet-Lite" (2020), for the changes.
public final class EfficientNetLite0: Layer {
  public let convStem: Conv2d
  public let bn0: BatchNorm2d
  public let blocks: Sequential
  public let convHead: Conv2d
  public let bn1: BatchNorm2d
  public let dropout: Dropout
  public let fc: Linear

  /// The paper's table: repeats, kernel, stride, expansion and channels of the blocks.
  private static let stages: [(repeats: Int, kernel: Int, stride: Int, expansion: Int, channels: Int)] = [
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
  ]

  /// Batch normalisation's epsilon, TensorFlow's.
  static let epsilon = 1e-3

  public init(classes: Int = 1000, inChannels: Int = 3) {
    convStem = Conv2d(inChannels, 32, kernelSize: 3, stride: 2, padding: .same, bias: false)
    bn0 = BatchNorm2d(32, epsilon: Self.epsilon)
    var channels = 32
    blocks = Sequential(
      Self.stages.flatMap { stage in
        (0..<stage.repeats).map { i in
          defer { channels = stage.channels }
          return InvertedBottleneck(
            channels, stage.channels, kernelSize: stage.kernel, stride: i == 0 ? stage.stride : 1,
            expansion: stage.expansion)
        }
      })
    convHead = Conv2d(channels, 1280, kernelSize: 1, bias: false)
    bn1 = BatchNorm2d(1280, epsilon: Self.epsilon)
    dropout = Dropout(0.2)
    fc = Linear(1280, classes)
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    var x = try bn0(convStem(x)).activated(.relu6)
    x = try blocks(x)
    x = try bn1(convHead(x)).activated(.relu6)
    return try fc(dropout(Flatten()(AdaptiveAvgPool2d(1)(x))))
  }
}

/// 1x1 to more channels, depthwise, 1x1 to fewer, and the way around them where the shapes are equal.
final class InvertedBottleneck: Layer {
  let expandConv: Conv2d?
  let bn0: BatchNorm2d?
  let depthwiseConv: Conv2d
  let bn1: BatchNorm2d
  let projectConv: Conv2d
  let bn2: BatchNorm2d
  private let isResidual: Bool

  init(_ inChannels: Int, _ outChannels: Int, kernelSize: Int, stride: Int, expansion: Int) {
    let epsilon = EfficientNetLite0.epsilon
    let wide = expansion * inChannels
    expandConv = expansion == 1 ? nil : Conv2d(inChannels, wide, kernelSize: 1, bias: false)
    bn0 = expansion == 1 ? nil : BatchNorm2d(wide, epsilon: epsilon)
    depthwiseConv = Conv2d(
      wide, wide, kernelSize: PerAxis([kernelSize]), stride: PerAxis([stride]), padding: .same, groups: wide,
      bias: false)
    bn1 = BatchNorm2d(wide, epsilon: epsilon)
    projectConv = Conv2d(wide, outChannels, kernelSize: 1, bias: false)
    bn2 = BatchNorm2d(outChannels, epsilon: epsilon)
    isResidual = stride == 1 && inChannels == outChannels
  }

  func forward(_ x: Value) throws(GraphError) -> Value {
    var y = x
    if let expandConv, let bn0 { y = try bn0(expandConv(y)).activated(.relu6) }
    y = try bn1(depthwiseConv(y)).activated(.relu6)
    y = try bn2(projectConv(y))
    return isResidual ? try y + x : y
  }
}
