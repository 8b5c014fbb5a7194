import Files
import Imaging
import Tensors

/// NumPy's arrays in a folder: `train-images.npy`, `[N, H, W]` or `[N, C, H, W]` of uint8, `train-labels.npy`, `[N]` of
/// integers, and the same for `test`.
func readNPYFolder(_ folder: String, isTraining: Bool, classes: Int? = nil) throws(FileError) -> ImageArray {
  let prefix = isTraining ? "train" : "test"
  let (imagesPath, labelsPath) = ("\(folder)/\(prefix)-images.npy", "\(folder)/\(prefix)-labels.npy")
  let images = try readNPY(imagesPath)
  guard images.size == 1, images.header.shape.count == 3 || images.header.shape.count == 4 else {
    throw FileError(
      imagesPath,
      "holds \(images.header.type) of \(images.header.shape): images must be uint8, [N, H, W] or [N, C, H, W]"
    )
  }
  var sizes = images.header.shape
  if sizes.count == 3 { sizes.insert(1, at: 1) }
  guard sizes.allSatisfy({ $0 > 0 }) else {
    throw FileError(imagesPath, "has no images: its shape is \(sizes)")
  }
  let labels = try readNPY(labelsPath)
  guard labels.header.shape == [sizes[0]], labels.header.type.dropFirst().first != "f" else {
    throw FileError(
      labelsPath,
      "holds \(labels.header.type) of \(labels.header.shape): labels must be integers, one for each of "
        + "\(sizes[0]) images")
  }
  var numbers: [UInt8] = []
  for i in 0..<sizes[0] {
    let bytes = labels.data[(labels.data.startIndex + i * labels.size)...].prefix(labels.size)
    let number = bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    guard number < UInt64(min(classes ?? 256, 256)) else {
      throw FileError(
        labelsPath, "has the label \(Int64(bitPattern: number)): labels go from 0 to below \(classes ?? 256)")
    }
    numbers.append(UInt8(number))
  }
  let count = classes ?? Int(numbers.max() ?? 0) + 1
  return ImageArray(
    images: Tensor(images.data, shape: Shape(sizes)), labels: numbers,
    classNames: (0..<count).map(String.init))
}

/// The bytes of an array of little-endian numbers.
private func readNPY(
  _ path: String
) throws(FileError) -> (header: NPYHeader, size: Int, data: ArraySlice<UInt8>) {
  let bytes = try readFile(path)
  guard bytes.starts(with: [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) else {
    throw FileError(path, "is no .npy file")
  }
  let header: NPYHeader
  do throws(ImageError) {
    header = try NPYHeader(bytes)
  } catch {
    throw FileError(path, "\(error)")
  }
  guard let size = header.type.last?.wholeNumberValue, "|<=".contains(header.type.first ?? ">") else {
    throw FileError(path, "holds \(header.type); little-endian numbers are read")
  }
  guard !header.isFortranOrder else {
    throw FileError(path, "has its columns first; save it with numpy.ascontiguousarray")
  }
  var count = size
  for length in header.shape {
    let (product, overflow) = count.multipliedReportingOverflow(by: length)
    count = overflow ? .max : product
  }
  guard bytes.count - header.dataOffset == count else {
    throw FileError(
      path,
      "has \(bytes.count - header.dataOffset) bytes for the shape \(header.shape); was it copied completely?")
  }
  return (header, size, bytes[header.dataOffset...])
}
