import Convolution
import Networks

/// AlexNet, as torchvision has it: without local response normalisation and groups.
///
/// - Source: A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014).
public final class AlexNet: Layer {
  public let features: Sequential
  public let avgpool = AdaptiveAvgPool2d(6)
  public let classifier: Sequential

  public init(classes: Int = 1000, inChannels: Int = 3) {
    features = Sequential {
      Conv2d(inChannels, 64, kernelSize: 11, stride: 4, padding: .symmetric(2))
      ReLU()
      MaxPool2d(3, stride: 2)
      Conv2d(64, 192, kernelSize: 5, padding: .symmetric(2))
      ReLU()
      MaxPool2d(3, stride: 2)
      Conv2d(192, 384, kernelSize: 3, padding: .symmetric(1))
      ReLU()
      Conv2d(384, 256, kernelSize: 3, padding: .symmetric(1))
      ReLU()
      Conv2d(256, 256, kernelSize: 3, padding: .symmetric(1))
      ReLU()
      MaxPool2d(3, stride: 2)
    }
    classifier = Sequential {
      Dropout()
      Linear(256 * 6 * 6, 4096)
      ReLU()
      Dropout()
      Linear(4096, 4096)
      ReLU()
      Linear(4096, classes)
    }
  }

  public func forward(_ x: Value) throws(GraphError) -> Value {
    try classifier(Flatten()(avgpool(features(x))))
  }
}
