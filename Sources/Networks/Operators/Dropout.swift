import Convolution
import Tensors

extension Operators {
  /// 0 with probability p and 1 / (1 - p) otherwise: another pattern at every run of a program, the same for the same
  /// seed and run.
  struct DropoutMask: Operator {
    let shape: Shape
    let probability: Double
    /// So that two dropouts differ.
    let place: Int

    var name: String { "dropout mask" }
    func outputShape(_ inputs: [Shape]) -> Shape { shape }

    func callAsFunction<Scalar: FloatingScalar>(_ inputs: [Tensor<Scalar>]) -> Tensor<Scalar> {
      mask(seed: 0, run: 0)
    }

    func mask<Scalar: FloatingScalar>(seed: UInt64, run: UInt64) -> Tensor<Scalar> {
      Tensor(unsafeUninitializedShape: shape) { fill($0, seed: seed, run: run) }
    }

    func fill<Scalar: FloatingScalar>(_ out: UnsafeMutableBufferPointer<Scalar>, seed: UInt64, run: UInt64) {
      var generator = SeededGenerator(
        seed: seed &+ run &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(place) &* 0xD1B5_4A32_D192_ED03)
      let kept = Scalar(1 / (1 - probability))
      let threshold = UInt64(probability * 0x1p63)
      for i in out.indices { out.initializeElement(at: i, to: generator.next() >> 1 < threshold ? 0 : kept) }
    }

    func gradients(upstream: Value, inputs: [Value], output: Value) -> [Value?] { [] }
    func step(_ site: StepSite) -> (any Step)? { DropoutStep(site, self) }
  }
}
