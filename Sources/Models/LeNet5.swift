import Convolution
import Networks

/// LeNet-5, in its modern form: two convolutions with tanh and 2x2 max pooling, three fully connected layers.
///
/// `[N, C, 32, 32]`, or with padding 2 `[N, C, 28, 28]`, to `[N, classes]`; 61,706 parameters for one channel and ten
/// classes.
/// - Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition" (1998).
public final class LeNet5: Layer {
  public struct Convolutions: Sendable {
    public let conv1: Conv2d
    public let conv2 = Conv2d(6, 16, kernelSize: 5)
  }
  public struct Classifier: Sendable {
    public let fc1 = Linear(16 * 5 * 5, 120)
    public let fc2 = Linear(120, 84)
    public let fc3: Linear
  }

  public let conv: Convolutions
  public let fc: Classifier

  /// - Parameters:
  ///   - inChannels: 1 for grey images.
  ///   - classes: logits put out.
  ///   - padding: of the first convolution: 2 for inputs of 28x28.
  public init(inChannels: Int = 1, classes: Int = 10, padding: Int = 0) {
    conv = Convolutions(conv1: Conv2d(inChannels, 6, kernelSize: 5, padding: .symmetric(padding)))
    fc = Classifier(fc3: Linear(84, classes))
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    let pool = MaxPool2d(2)
    var x = try pool(conv.conv1(x).activated(.tanh))
    x = try Flatten()(pool(conv.conv2(x).activated(.tanh)))
    x = try fc.fc1(x).activated(.tanh)
    x = try fc.fc2(x).activated(.tanh)
    return try fc.fc3(x)
  }
}
