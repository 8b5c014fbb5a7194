import ArgumentParser
import Convolve
import Foundation

/// Where pictures go, and whether they may replace others.
struct PictureOptions: ParsableArguments {
  @Flag(help: "Replaces files that exist.") var force = false
  @Flag(help: "As JSON.") var json = false
  @Flag(help: "Prints the formula with its numbers.") var explain = false
}

extension Drawing {
  /// As SVG or as pixels, by the file's name.
  func write(to path: String, replacing: Bool) throws(FileError) {
    if path.lowercased().hasSuffix(".svg") {
      try writeFile(Array(svg.utf8), to: path, replacing: replacing)
    } else {
      try image.write(to: path, replacing: replacing)
    }
  }
}

extension Image {
  /// Samples from 0 to 1, `[1, H, W]` or `[3, H, W]`, without alpha.
  func colorPlanes() throws(FileError) -> Tensor<Float> { try planes([colorChannels, height, width]) }

  /// The mean of the colours: `[H, W]`.
  func greyPlane() throws(FileError) -> Tensor<Float> {
    try planes([1, height, width]).reshaped([height, width])
  }

  /// An 8-bit image of planes `[C, H, W]` from 0 to 1.
  init(planes: Tensor<Float>) {
    let (channels, height, width) = (planes.shape[0], planes.shape[1], planes.shape[2])
    let (x, count) = (planes.scalars, height * width)
    self.init(
      .uint8(
        Tensor(
          (0..<channels * count).map {
            UInt8((min(1, max(0, x[$0 % channels * count + $0 / channels])) * 255).rounded())
          }, shape: [height, width, channels])))
  }
}

/// One kernel of a catalogue's name or numbers, as correlation uses it.
/// - Throws: `ValidationError` for what is none, or is the magnitude of several.
func oneKernel(_ text: String) throws -> Kernel {
  let bank: KernelBank
  do {
    bank = try KernelSpecification(text, options: .init()).bank
  } catch {
    throw ValidationError("--kernel \(text.prefix(60)): \(error)")
  }
  guard bank.isLinear else {
    throw ValidationError(
      "--kernel \(text.prefix(60)): is the combination of \(bank.kernels.count) kernels; choose one, as sobel-x"
    )
  }
  return bank.kernels[0]
}
