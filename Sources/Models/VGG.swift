import Convolution
import Networks

/// VGG networks, as torchvision has them: stacks of 3x3 convolutions, with or without batch normalisation.
///
/// - Source: K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition" (2015).
public final class VGG: Layer {
  public let features: Sequential
  public let avgpool = AdaptiveAvgPool2d(7)
  public let classifier: Sequential

  /// The paper's depths, and the channels of their convolutions; nil is 2x2 max pooling.
  public enum Depth: Int, Sendable, CaseIterable {
    case vgg11 = 11
    case vgg13 = 13
    case vgg16 = 16
    case vgg19 = 19

    var channels: [Int?] {
      let repeats: [Int] =
        switch self {
        case .vgg11: [1, 1, 2, 2, 2]
        case .vgg13: [2, 2, 2, 2, 2]
        case .vgg16: [2, 2, 3, 3, 3]
        case .vgg19: [2, 2, 4, 4, 4]
        }
      return zip(repeats, [64, 128, 256, 512, 512]).flatMap { repeats, channels in
        [Int?](repeating: channels, count: repeats) + [nil]
      }
    }
  }

  public init(_ depth: Depth, batchNorm: Bool = false, classes: Int = 1000, inChannels: Int = 3) {
    var channels = inChannels
    var layers: [any Layer] = []
    for next in depth.channels {
      guard let next else {
        layers.append(MaxPool2d(2))
        continue
      }
      layers.append(
        Conv2d(channels, next, kernelSize: 3, padding: .symmetric(1), initializer: .kaimingNormal(fan: .out)))
      if batchNorm { layers.append(BatchNorm2d(next)) }
      layers.append(ReLU())
      channels = next
    }
    features = Sequential(layers)
    classifier = Sequential {
      Linear(512 * 7 * 7, 4096, initializer: .normal(deviation: 0.01))
      ReLU()
      Dropout()
      Linear(4096, 4096, initializer: .normal(deviation: 0.01))
      ReLU()
      Dropout()
      Linear(4096, classes, initializer: .normal(deviation: 0.01))
    }
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    try classifier(Flatten()(avgpool(features(x))))
  }
}
