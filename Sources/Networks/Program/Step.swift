import Convolution
import Tensors

/// An operator prepared for its place in a program: it reads and writes memory that was given to it once.
public protocol Step: AnyObject {
  /// Called when inputs that do not change between runs have changed.
  func prepare() throws(GeometryError)
  /// Whether runs read the inputs that do not change, once `prepare` has seen them.
  var readsConstants: Bool { get }
  func run() throws(GeometryError)
}

extension Step {
  public func prepare() {}
  public var readsConstants: Bool { true }
}

/// Where a step stands in a program.
public struct StepSite {
  /// Tensors over the program's memory.
  let inputs: [Tensor<Float>]
  let output: Tensor<Float>
  /// For each input, whether it stays the same from run to run.
  let isConstant: [Bool]
  let counter: RunCounter

  func pointer(_ i: Int) -> UnsafePointer<Float> { UnsafePointer(inputs[i].memory) }

  var outputPointer: UnsafeMutablePointer<Float> { output.memory }
}

/// What random steps draw from: the program's seed, and the number of the run.
final class RunCounter {
  var seed: UInt64
  var run: UInt64 = 0

  init(seed: UInt64) { self.seed = seed }
}

/// The operator's definition, copied into the program's memory.
final class DefinitionStep: Step {
  private let operation: any Operator
  private let site: StepSite

  init(_ operation: any Operator, _ site: StepSite) { (self.operation, self.site) = (operation, site) }

  func run() throws(GeometryError) {
    try operation(site.inputs).withUnsafeBufferPointer { result in
      if let base = result.baseAddress { site.outputPointer.update(from: base, count: result.count) }
    }
  }
}

/// A step that needs nothing but its pointers.
final class PointerStep: Step {
  private let body: () -> Void

  init(_ body: @escaping () -> Void) { self.body = body }

  func run() { body() }
}

/// Elements that one piece of an element-wise loop takes.
let elementsAPiece = 1 << 14

/// A function of one or two tensors, element by element, by vectors: memory in programs ends on whole vectors.
@inline(__always)
func elementwiseStep(
  _ site: StepSite, _ body: @escaping (SIMD16<Float>, SIMD16<Float>) -> SIMD16<Float>
) -> PointerStep {
  let count = site.output.shape.count
  let a = site.pointer(0)
  let b = site.inputs.count > 1 ? site.pointer(1) : a
  let y = site.outputPointer
  return PointerStep {
    ThreadPool.shared.parallelFor(count.dividedRoundingUp(by: elementsAPiece)) { piece in
      let start = piece * elementsAPiece
      let vectors = min(elementsAPiece, count - start).dividedRoundingUp(by: 16)
      let (a, b) = (UnsafeRawPointer(a + start), UnsafeRawPointer(b + start))
      let y = UnsafeMutableRawPointer(y + start)
      for i in 0..<vectors {
        let (x, z) = (
          a.loadUnaligned(fromByteOffset: 64 * i, as: SIMD16<Float>.self),
          b.loadUnaligned(fromByteOffset: 64 * i, as: SIMD16<Float>.self)
        )
        y.storeBytes(of: body(x, z), toByteOffset: 64 * i, as: SIMD16<Float>.self)
      }
    }
  }
}

func activationStep(_ site: StepSite, _ activation: Activation) -> PointerStep {
  let (x, y, count) = (site.pointer(0), site.outputPointer, site.output.shape.count)
  return PointerStep { activation.apply(to: x, into: y, count: count) }
}

final class DropoutStep: Step {
  private let site: StepSite
  private let mask: Operators.DropoutMask

  init(_ site: StepSite, _ mask: Operators.DropoutMask) { (self.site, self.mask) = (site, mask) }

  func run() {
    let out = UnsafeMutableBufferPointer(start: site.outputPointer, count: site.output.shape.count)
    mask.fill(out, seed: site.counter.seed, run: site.counter.run)
  }
}
