import Files
import Tensors

/// An IDX file of unsigned bytes, plain or gzipped: the format of MNIST and Fashion-MNIST.
///
/// - Source: http://yann.lecun.com/exdb/mnist: two zero bytes, the type, the number of dimensions, big-endian sizes, data.
func readIDX(_ path: String) throws(FileError) -> Tensor<UInt8> {
  let bytes = try gunzipped(try readFile(path), path: path)
  guard bytes.count >= 4, bytes[0] == 0, bytes[1] == 0 else {
    throw FileError(path, "is no IDX file: it must start with two zero bytes")
  }
  guard bytes[2] == 8 else {
    throw FileError(path, "has the IDX type \(bytes[2]); unsigned bytes, 8, can be read")
  }
  let rank = Int(bytes[3])
  let start = 4 + 4 * rank
  guard bytes.count >= start else {
    throw FileError(path, "ends within its sizes; was it copied completely?")
  }
  let sizes = (0..<rank).map { axis in bytes[(4 + 4 * axis)..<(8 + 4 * axis)].reduce(0) { $0 << 8 | Int($1) }
  }
  var count = 1
  for size in sizes {
    let (product, overflow) = count.multipliedReportingOverflow(by: size)
    count = overflow ? .max : product
  }
  guard count == bytes.count - start else {
    throw FileError(
      path, "has \(bytes.count - start) bytes for the sizes \(sizes); was it copied completely?")
  }
  return Tensor(bytes[start...], shape: Shape(sizes))
}

/// The files of MNIST's names in a folder.
/// - Throws: `FileError` for a missing or damaged file.
func readIDXFolder(_ folder: String, isTraining: Bool, classNames: [String]) throws(FileError) -> ImageArray {
  let prefix = isTraining ? "train" : "t10k"
  func find(_ name: String) throws(FileError) -> String {
    for path in ["\(folder)/\(name)", "\(folder)/\(name).gz"] where isReadable(path) { return path }
    throw FileError(
      "\(folder)/\(name)", "is not there, nor with .gz; name the folder that holds MNIST's four files")
  }
  let (imagesPath, labelsPath) = (
    try find("\(prefix)-images-idx3-ubyte"), try find("\(prefix)-labels-idx1-ubyte")
  )
  let (images, labels) = (try readIDX(imagesPath), try readIDX(labelsPath))
  guard images.shape.rank == 3, images.shape.count > 0 else {
    throw FileError(imagesPath, "has the shape \(images.shape): images must be [N, H, W]")
  }
  guard labels.shape == [images.shape[0]] else {
    throw FileError(labelsPath, "has \(labels.shape.count) labels for \(images.shape[0]) images")
  }
  if let wrong = labels.scalars.first(where: { Int($0) >= classNames.count }) {
    throw FileError(labelsPath, "has the label \(wrong), and there are \(classNames.count) classes")
  }
  let shape = images.shape
  return ImageArray(
    images: images.reshaped([shape[0], 1, shape[1], shape[2]]), labels: labels.scalars, classNames: classNames
  )
}
