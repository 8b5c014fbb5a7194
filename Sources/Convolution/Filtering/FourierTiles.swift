import Fourier
import RealModule
import Tensors

/// The sizes of the tiles that a kernel's Fourier transforms take.
struct FourierTiles {
  let rows: Int
  let columns: Int
  /// The estimated cost, in cycles for one vector of outputs.
  let cyclesAVector: Double

  private static let sizes = [
    16, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 512, 576, 640, 768, 896, 1024, 1152, 1280, 1536, 2048,
    3072,
    4096,
  ]

  /// The cheapest sizes: small tiles overlap much, large ones leave the caches.
  /// - Parameters:
  ///   - kernelColumns: samples from a row's first tap to its last, both counted.
  ///   - outputs: of the image, whose size decides how many tiles are less than full.
  init(kernelRows: Int, kernelColumns: Int, outputs: (rows: Int, samples: Int)) {
    let span = kernelColumns
    // Beyond the list: half of the tile is overlap.
    let last = (
      rows: (fastLength(atLeast: 2 * kernelRows) + 15) / 16 * 16, columns: fastLength(atLeast: 2 * span)
    )
    var best = (rows: 0, columns: 0, cycles: Double.infinity)
    for rows in Self.sizes + [last.rows] where rows >= kernelRows && rows % 16 == 0 {
      for columns in Self.sizes + [last.columns] where columns >= span {
        let down = outputs.rows.dividedRoundingUp(by: 2 * (rows - kernelRows + 1))
        let across = outputs.samples.dividedRoundingUp(by: columns - span + 1)
        let blocks = Double(down * across)
        // Few blocks leave threads without work.
        let cycles =
          2 * (blocks + 4) * Self.cycles(rows, columns) * 16 / Double(outputs.rows * outputs.samples)
        if cycles < best.cycles { best = (rows, columns, cycles) }
      }
    }
    (rows, columns, cyclesAVector) = best
  }

  /// Cycles of one of the two tiles that go together, as measured: each sample costs more where the tile leaves the
  /// second-level cache.
  private static func cycles(_ rows: Int, _ columns: Int) -> Double {
    let samples = Double(rows * columns)
    return samples * (6 + 0.75 * max(0, Double.log2(samples / 16_384)))
  }
}

extension FourierTiles {
  /// Of a filter of interleaved channels, whose taps stand the channels apart.
  init(_ kernel: Kernel, _ layout: SampleLayout) {
    self.init(
      kernelRows: kernel.rows, kernelColumns: (kernel.columns - 1) * layout.channels + 1,
      outputs: (layout.height, layout.samplesPerRow))
  }
}
