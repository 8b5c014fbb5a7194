import Networks
import Tensors

/// The reference networks by their names, as torchvision spells them.
public enum ReferenceNetwork: String, Sendable, CaseIterable {
  case lenet5, alexnet
  case vgg11, vgg13, vgg16, vgg19
  case vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn
  case resnet18, resnet34, resnet50, resnet101, resnet152

  /// The network for images of a shape.
  /// - Parameters:
  ///   - imageShape: `[C, H, W]`; ResNets of small images (below 64) begin with a 3x3 convolution and no pooling.
  ///   - classes: logits put out.
  ///   - width: channels of a ResNet's first blocks.
  public func network(imageShape: Shape, classes: Int, width: Int = 64) -> any Layer {
    let channels = imageShape[0]
    let isSmall = min(imageShape[1], imageShape[2]) < 64
    switch self {
    case .lenet5:
      return LeNet5(inChannels: channels, classes: classes, padding: imageShape[1] == 28 ? 2 : 0)
    case .alexnet: return AlexNet(classes: classes, inChannels: channels)
    case .vgg11, .vgg13, .vgg16, .vgg19, .vgg11_bn, .vgg13_bn, .vgg16_bn, .vgg19_bn:
      let depth = VGG.Depth(rawValue: Int(rawValue.dropFirst(3).prefix(2))!)!
      return VGG(depth, batchNorm: rawValue.hasSuffix("_bn"), classes: classes, inChannels: channels)
    case .resnet18, .resnet34, .resnet50, .resnet101, .resnet152:
      let depth = ResNet.Depth(rawValue: Int(rawValue.dropFirst(6))!)!
      return ResNet(
        depth, classes: classes, inChannels: channels, stem: isSmall ? .cifar : .imageNet, width: width)
    }
  }
}
