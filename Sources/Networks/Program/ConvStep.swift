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

  private func makePlan() throws(GeometryError) -> ConvolutionPlan {
    let bias = hasBias ? site.inputs[2] : nil
    return isTransposed
      ? try ConvolutionPlan(transposing: geometry, weight: site.inputs[1], bias: bias, epilogue: epilogue)
      : try ConvolutionPlan(geometry, weight: site.inputs[1], bias: bias, epilogue: epilogue)
  }

  func run() throws(GeometryError) {
    let residual = hasResidual ? site.inputs[site.inputs.count - 1] : nil
    if let plan {
      try plan(site.inputs[0], adding: residual, into: &output)
    } else {
      try makePlan()(site.inputs[0], adding: residual, into: &output)
    }
  }
}
