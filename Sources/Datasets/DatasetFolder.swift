import Files
import Foundation
import Tensors

/// Whether something is there that can be read.
func isReadable(_ path: String) -> Bool { FileManager.default.isReadableFile(atPath: path) }

/// A training and a test set, as they are found in a folder.
public struct DatasetFolder: Sendable {
  public let training: any Dataset
  public let test: any Dataset
  /// What to subtract from samples and divide them by, a channel.
  public let mean: [Float]
  public let deviation: [Float]

  /// Sets from elsewhere.
  public init(training: any Dataset, test: any Dataset, mean: [Float], deviation: [Float]) {
    (self.training, self.test, self.mean, self.deviation) = (training, test, mean, deviation)
  }

  /// Fashion-MNIST's classes.
  public static let fashionClasses = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
  ]

  /// MNIST's or Fashion-MNIST's four files, CIFAR-10's binary files, NumPy's arrays (`train-images.npy`,
  /// `train-labels.npy` and the same for `test`), or folders of images `train/CLASS` and `test/CLASS` (or `val/CLASS`).
  /// - Throws: `FileError` where none of these is there, or a file is damaged.
  public init(_ folder: String) throws(FileError) {
    if ["", ".gz"].contains(where: { isReadable("\(folder)/train-images-idx3-ubyte\($0)") }) {
      let isFashion = folder.lowercased().contains("fashion")
      let names = isFashion ? Self.fashionClasses : (0...9).map(String.init)
      training = try readIDXFolder(folder, isTraining: true, classNames: names)
      test = try readIDXFolder(folder, isTraining: false, classNames: names)
      (mean, deviation) = isFashion ? ([0.2860], [0.3530]) : ([0.1307], [0.3081])
    } else if isReadable("\(folder)/train-images.npy") {
      let images = try readNPYFolder(folder, isTraining: true)
      training = images
      test = try readNPYFolder(folder, isTraining: false, classes: images.classNames.count)
      (mean, deviation) = ([0.5], [0.5])
    } else if isReadable("\(folder)/data_batch_1.bin") {
      training = try readCIFAR10(folder, isTraining: true)
      test = try readCIFAR10(folder, isTraining: false)
      (mean, deviation) = ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616])
    } else if isReadable("\(folder)/train") {
      let images = try ImageFolder("\(folder)/train")
      training = images
      let other = ["test", "val"].first { isReadable("\(folder)/\($0)") }
      guard let other else { throw FileError(folder, "has train, and neither test nor val beside it") }
      test = try ImageFolder(
        "\(folder)/\(other)", imageShape: images.imageShape, classNames: images.classNames)
      (mean, deviation) =
        images.imageShape[0] == 3 ? ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) : ([0.5], [0.5])
    } else {
      throw FileError(
        folder,
        "holds no data set: MNIST's train-images-idx3-ubyte(.gz) and so on, train-images.npy, CIFAR-10's data_batch_1.bin and so "
          + "on, or folders train/CLASS and test/CLASS of images")
    }
  }
}
