import Convolution
import Tensors

/// A fully connected layer of some samples, whose weights stay as they are.
final class LinearStep: Step {
  private let site: StepSite
  private var plan: PackedLinear?

  init(_ site: StepSite) { self.site = site }

  func prepare() {
    plan = PackedLinear(
      site.inputs[1], bias: site.inputs.count > 2 ? site.inputs[2] : nil, batch: site.inputs[0].shape[0])
  }

  var readsConstants: Bool { site.isConstant[0] }

  func run() { plan!.run(site.pointer(0), into: site.outputPointer) }
}
