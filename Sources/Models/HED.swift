import Convolution
import Networks

/// Holistically-nested edge detection: VGG-16's convolutions, with an edge map from each of its five scales, and one from all.
///
/// Puts out `[N, 1, H, W]`, from 0 to 1.
///
/// - Source: S. Xie, Z. Tu, "Holistically-nested edge detection" (2015).
public final class HED: Layer {
  public let block1 = VGGBlock(3, 64, convolutions: 2)
  public let block2 = VGGBlock(64, 128, convolutions: 2)
  public let block3 = VGGBlock(128, 256, convolutions: 3)
  public let block4 = VGGBlock(256, 512, convolutions: 3)
  public let block5 = VGGBlock(512, 512, convolutions: 3)
  public let dsn1 = Conv2d(64, 1, kernelSize: 1)
  public let dsn2 = Conv2d(128, 1, kernelSize: 1)
  public let dsn3 = Conv2d(256, 1, kernelSize: 1)
  public let dsn4 = Conv2d(512, 1, kernelSize: 1)
  public let dsn5 = Conv2d(512, 1, kernelSize: 1)
  public let fuse = Conv2d(5, 1, kernelSize: 1)

  public init() {}

  public func forward(_ x: Value) throws(GraphError) -> Value {
    let size = Array(x.shape.dimensions[2...])
    var (features, sides) = (x, [Value]())
    for (i, (block, side)) in zip(
      [block1, block2, block3, block4, block5], [dsn1, dsn2, dsn3, dsn4, dsn5]
    ).enumerated() {
      // Windows that reach over the border are kept.
      if i > 0 { features = try MaxPool2d(2, ceilMode: true)(features) }
      features = try block(features)
      let edges = try side(features)
      sides.append(i == 0 ? edges : try edges.apply(Operators.Resize(outputSize: size, options: .linear)))
    }
    return try fuse(Value.concatenated(sides)).activated(.sigmoid)
  }
}

/// 3x3 convolutions with ReLU, one after another.
public final class VGGBlock: Layer {
  public let convolutions: [Conv2d]

  public init(_ inChannels: Int, _ channels: Int, convolutions: Int) {
    self.convolutions = (0..<convolutions).map {
      Conv2d($0 == 0 ? inChannels : channels, channels, kernelSize: 3, padding: .symmetric(1))
    }
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    var x = x
    for convolution in convolutions { x = try convolution(x).activated(.relu) }
    return x
  }
}
