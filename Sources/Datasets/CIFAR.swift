import Files
import Tensors

/// CIFAR-10's binary files in a folder: records of a label and 3072 bytes, red, green and blue.
///
/// - Source: A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html.
func readCIFAR10(_ folder: String, isTraining: Bool) throws(FileError) -> ImageArray {
  let names = isTraining ? (1...5).map { "data_batch_\($0).bin" } : ["test_batch.bin"]
  var pixels: [UInt8] = []
  var labels: [UInt8] = []
  for name in names {
    let path = "\(folder)/\(name)"
    let bytes = try readFile(path)
    guard bytes.count % 3073 == 0 else {
      throw FileError(
        path, "has \(bytes.count) bytes, which are no records of 3073; was it copied completely?")
    }
    for start in stride(from: 0, to: bytes.count, by: 3073) {
      guard bytes[start] < 10 else { throw FileError(path, "has the label \(bytes[start]) of ten classes") }
      labels.append(bytes[start])
      pixels += bytes[start + 1..<start + 3073]
    }
  }
  return ImageArray(
    images: Tensor(pixels, shape: [labels.count, 3, 32, 32]), labels: labels,
    classNames: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"])
}
