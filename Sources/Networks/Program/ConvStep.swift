import Convolution
import Tensors

/// A convolution by a plan: made once where the weights stay as they are, otherwise for each run.
final class ConvStep: Step {
  private let site: StepSite
  private let geometry: ConvolutionGeometry
  private let isTransposed: Bool
  private let epilogue: Epilogue
  private let hasBias: Bool
  private let hasResidual: Bool
  private let isConstant: Bool
  private var output: Tensor<Float>
  private(set) var plan: ConvolutionPlan?

  init(
    _ site: StepSite, hasBias: Bool, hasResidual: Bool, _ geometry: ConvolutionGeometry, isTransposed: Bool,
    _ epilogue: Epilogue
  ) {
    (self.site, self.geometry, self.isTransposed, self.epilogue) = (site, geometry, isTransposed, epilogue)
    (self.hasBias, self.hasResidual) = (hasBias, hasResidual)
    isConstant = site.isConstant[1] && (!hasBias || site.isConstant[2])
    output = Tensor(borrowing: site.outputPointer, shape: site.output.shape)
  }

  func prepare() throws(GeometryError) {
    if isConstant { plan = try makePlan() }
  }

  var readsConstants: Bool {
    let isResidualConstant = hasResidual && site.isConstant[site.inputs.count - 1]
    return !isConstant || plan?.readsWeight != false || site.isConstant[0] || isResidualConstant
  }

  private func makePlan() throws(GeometryError) -> ConvolutionPlan {
    let bias = hasBias ? site.inputs[2] : nil
    var options = ConvolutionPlan.Options()
    options.weightsChange = !isConstant
    return isTransposed
      ? try ConvolutionPlan(
        transposing: geometry, weight: site.inputs[1], bias: bias, epilogue: epilogue, options: options)
      : try ConvolutionPlan(
        geometry, weight: site.inputs[1], bias: bias, epilogue: epilogue, options: options)
  }

  func run() throws(GeometryError) {
    if !isConstant {
      // Taken out while it is changed, so that its memory has one owner.
      var last = plan
      plan = nil
      if last?.repack(weight: site.inputs[1], bias: hasBias ? site.inputs[2] : nil) != true {
        last = try makePlan()
      }
      plan = last
    }
    try plan!(
      site.inputs[0], adding: hasResidual ? site.inputs[site.inputs.count - 1] : nil, into: &output)
    // The next convolution's weights take their place.
    if !isConstant { plan!.releaseWeights() }
  }
}

/// A convolution's weight gradient by its plan.
final class ConvWeightGradientStep: Step {
  private let site: StepSite
  private let plan: WeightGradientPlan
  private var output: Tensor<Float>

  init(_ site: StepSite, _ plan: WeightGradientPlan) {
    (self.site, self.plan) = (site, plan)
    output = Tensor(borrowing: site.outputPointer, shape: site.output.shape)
  }

  func run() { plan(upstream: site.inputs[0], input: site.inputs[1], into: &output) }
}
