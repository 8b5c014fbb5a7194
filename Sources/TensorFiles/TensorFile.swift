import Files
import Tensors

/// Named tensors from a file of any of the formats: safetensors, PyTorch checkpoint, `.npy` or `.npz`, told apart by how they
/// begin.
public struct TensorFile: Sendable {
  public let tensors: [(name: String, tensor: Tensor<Float>)]
  /// Names whose elements are whole numbers.
  public let integers: Set<String>

  /// - Parameters:
  ///   - path: of the file.
  ///   - mmap: as in `torch.load`: float32 tensors are not copied, but read from the file as they are used, which must not
  ///     be shortened or written to as long as they are there. (Files of ours are never: what takes their place is another
  ///     file.)
  /// - Throws: `FileError` for a file that is missing, damaged, or of none of these formats.
  public init(path: String, mmap: Bool = false) throws(FileError) {
    self = try withMappedFile(path, lending: mmap) { (bytes) throws(FileError) in
      if bytes.starts(with: [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) {
        return TensorFile(try NumPyArrays(decoding: bytes, path: path))
      }
      if bytes.starts(with: PyTorchCheckpoint.legacyMagic) {
        return TensorFile(try PyTorchCheckpoint(decoding: bytes, path: path))
      }
      if bytes.starts(with: [0x50, 0x4B]) {
        let archive = try ZipArchive(bytes, path: path)
        return archive.members.contains { $0.name.hasSuffix(".npy") }
          ? TensorFile(try NumPyArrays(decoding: bytes, path: path))
          : TensorFile(try PyTorchCheckpoint(decoding: bytes, path: path))
      }
      guard bytes.count > 8, bytes[8] == UInt8(ascii: "{") else {
        throw FileError(
          path,
          "is no safetensors file, PyTorch checkpoint, .npy or .npz; an older checkpoint that is a tar file must be saved again"
        )
      }
      return TensorFile(try Safetensors(decoding: bytes, path: path))
    }
  }

  private init(_ file: Safetensors) { (tensors, integers) = (file.tensors, file.integers) }
  private init(_ file: PyTorchCheckpoint) { (tensors, integers) = (file.tensors, file.integers) }
  private init(_ file: NumPyArrays) { (tensors, integers) = (file.tensors, file.integers) }
}
