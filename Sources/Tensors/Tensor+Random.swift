import RealModule

/// A small, fast random number generator with a seed: the same seed gives the same numbers everywhere.
///
/// - Source: S. Vigna, SplitMix64 (2015).
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension Tensor where Scalar: BinaryFloatingPoint, Scalar.RawSignificand: FixedWidthInteger {
  /// Elements drawn evenly from a range.
  @specialized(where Scalar == Float, Generator == SeededGenerator)
  public static func random<Generator: RandomNumberGenerator>(
    in range: ClosedRange<Scalar>, shape: Shape, using generator: inout Generator
  ) -> Tensor {
    Tensor(unsafeUninitializedShape: shape) { elements in
      for i in elements.indices {
        elements.initializeElement(at: i, to: .random(in: range, using: &generator))
      }
    }
  }

  /// Elements drawn from the normal distribution with mean 0 and deviation 1.
  ///
  /// - Source: G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates" (1958).
  @specialized(where Scalar == Float, Generator == SeededGenerator)
  @specialized(where Scalar == Double, Generator == SeededGenerator)
  public static func randomNormal<Generator: RandomNumberGenerator>(
    shape: Shape, using generator: inout Generator
  ) -> Tensor {
    Tensor(unsafeUninitializedShape: shape) { elements in
      for i in elements.indices {
        let u = 1 - Double.random(in: 0..<1, using: &generator)
        let v = Double.random(in: 0..<1, using: &generator)
        let normal = (-2 * Double.log(u)).squareRoot() * Double.cos(2 * .pi * v)
        elements.initializeElement(at: i, to: Scalar(normal))
      }
    }
  }
}
