import Fourier
import Tensors

/// An image compressed as JPEG does it, but for the coding: cosine transforms of blocks, rounded to multiples.
public struct BlockCosine: Sendable {
  /// `[C, H, W]`, what is left.
  public let planes: Tensor<Float>
  /// Coefficients that are not 0, of all.
  public let kept: Int
  public let count: Int

  /// Coefficients for each that is kept.
  public var ratio: Double { Double(count) / Double(max(1, kept)) }

  /// - Parameters:
  ///   - planes: `[C, H, W]`, 0 to 1; edges are repeated to whole blocks of 8x8.
  ///   - quality: 1 to 100, as libjpeg's.
  /// - Throws: ``ImagingError`` for another quality, or planes that are not of three axes.
  /// - Source: ITU-T T.81 (JPEG), table K.1.
  public init(_ planes: Tensor<Float>, quality: Int) throws(ImagingError) {
    guard (1...100).contains(quality) else { throw ImagingError("quality \(quality): 1 to 100") }
    guard planes.shape.rank == 3, planes.shape.count > 0 else {
      throw ImagingError("planes of shape \(planes.shape): they are [C, H, W]")
    }
    let (channels, height, width) = (planes.shape[0], planes.shape[1], planes.shape[2])
    let (down, across) = ((height + 7) / 8, (width + 7) / 8)
    let scale = quality < 50 ? 5000 / quality : 200 - 2 * quality
    let steps = Self.luminance.map { Float(min(255, max(1, ($0 * scale + 50) / 100))) }
    let x = planes.scalars
    var blocks: [Float] = []
    blocks.reserveCapacity(channels * down * across * 64)
    for c in 0..<channels {
      for block in 0..<down * across {
        for i in 0..<64 {
          let (y, u) = (
            min(height - 1, block / across * 8 + i / 8), min(width - 1, block % across * 8 + i % 8)
          )
          blocks.append(x[(c * height + y) * width + u] * 255 - 128)
        }
      }
    }
    do throws(FourierError) {
      let shape: Shape = [channels * down * across, 8, 8]
      let transformed = try dct(
        dct(Tensor(blocks, shape: shape), axis: 1, isOrthonormal: true), axis: 2, isOrthonormal: true)
      var kept = 0
      let rounded = transformed.scalars.enumerated().map { i, value in
        let level = (value / steps[i % 64]).rounded()
        if level != 0 { kept += 1 }
        return level * steps[i % 64]
      }
      let back = try inverseDCT(
        inverseDCT(Tensor(rounded, shape: shape), axis: 2, isOrthonormal: true), axis: 1, isOrthonormal: true
      ).scalars
      var result: [Float] = []
      result.reserveCapacity(planes.shape.count)
      for c in 0..<channels {
        for y in 0..<height {
          for u in 0..<width {
            let block = (c * down + y / 8) * across + u / 8
            result.append(min(1, max(0, (back[block * 64 + y % 8 * 8 + u % 8] + 128) / 255)))
          }
        }
      }
      (self.planes, self.kept, count) = (Tensor(result, shape: planes.shape), kept, blocks.count)
    } catch {
      throw ImagingError("\(error)")
    }
  }

  private static let luminance = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17,
    22, 29,
    51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103,
    121,
    120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
  ]
}
