import Convolution
import Networks
import Tensors

/// A convolutional autoencoder: an encoder that halves the image twice and ends in a code, and its mirror.
///
/// `[N, C, H, W]` to the same shape, 0 to 1; H and W divisible by 4.
/// - Source: J. Masci, U. Meier, D. Cireșan, J. Schmidhuber, "Stacked convolutional auto-encoders for hierarchical feature
///   extraction" (2011).
public final class ConvolutionalAutoencoder: Layer {
  public let encoder: Sequential
  public let decoder: Sequential

  /// - Parameters:
  ///   - imageShape: `[C, H, W]`.
  ///   - codeLength: numbers in a code.
  public init(imageShape: Shape, codeLength: Int = 64) {
    let (c, h, w) = (imageShape[0], imageShape[1], imageShape[2])
    precondition(
      h % 4 == 0 && w % 4 == 0, "an autoencoder of images of \(imageShape): H and W must be divisible by 4")
    encoder = Sequential {
      Conv2d(c, 16, kernelSize: 3, stride: 2, padding: .symmetric(1))
      ReLU()
      Conv2d(16, 32, kernelSize: 3, stride: 2, padding: .symmetric(1))
      ReLU()
      Flatten()
      Linear(32 * (h / 4) * (w / 4), codeLength)
    }
    decoder = Sequential {
      Linear(codeLength, 32 * (h / 4) * (w / 4))
      ReLU()
      Unflatten([32, h / 4, w / 4])
      ConvTranspose2d(32, 16, kernelSize: 4, stride: 2, padding: .symmetric(1))
      ReLU()
      ConvTranspose2d(16, c, kernelSize: 4, stride: 2, padding: .symmetric(1))
      Sigmoid()
    }
  }

  public func forward(_ x: Value) throws(GraphError) -> Value { try decoder(encoder(x)) }
}
