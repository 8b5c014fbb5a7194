import Convolution
import Networks
import Tensors

/// A generator of images from noise and a discriminator of images, of transposed and strided convolutions.
///
/// - Source: A. Radford, L. Metz, S. Chintala, "Unsupervised representation learning with deep convolutional generative
///   adversarial networks" (2016), at a quarter of its size.
public final class DCGAN: Module {
  public let generator: Sequential
  public let discriminator: Sequential
  public let noiseLength: Int
  public let imageShape: Shape

  /// - Parameters:
  ///   - imageShape: `[C, H, W]`, H and W equal and divisible by 4.
  ///   - noiseLength: numbers that an image is made of.
  ///   - width: channels of the largest feature maps.
  public init(imageShape: Shape, noiseLength: Int = 64, width: Int = 64) {
    let (c, side) = (imageShape[0], imageShape[1] / 4)
    precondition(
      imageShape[1] == imageShape[2] && imageShape[1] % 4 == 0,
      "a DCGAN of images of \(imageShape): they must be square, their side divisible by 4")
    (self.noiseLength, self.imageShape) = (noiseLength, imageShape)
    // The paper's: normal, of deviation 0.02.
    let start = Initializer.normal(deviation: 0.02)
    let down = Padding.symmetric(1)
    generator = Sequential {
      ConvTranspose2d(noiseLength, 2 * width, kernelSize: PerAxis([side]), bias: false, initializer: start)
      BatchNorm2d(2 * width)
      ReLU()
      ConvTranspose2d(
        2 * width, width, kernelSize: 4, stride: 2, padding: down, bias: false, initializer: start)
      BatchNorm2d(width)
      ReLU()
      ConvTranspose2d(width, c, kernelSize: 4, stride: 2, padding: down, initializer: start)
      Tanh()
    }
    discriminator = Sequential {
      Conv2d(c, width, kernelSize: 4, stride: 2, padding: down, initializer: start)
      LeakyReLU(0.2)
      Conv2d(width, 2 * width, kernelSize: 4, stride: 2, padding: down, bias: false, initializer: start)
      BatchNorm2d(2 * width)
      LeakyReLU(0.2)
      Conv2d(2 * width, 1, kernelSize: PerAxis([side]), initializer: start)
      Flatten()
    }
  }
}
