import Convolution
import Networks
import Tensors

/// Where a classifier sees a class: Grad-CAM.
///
/// heat = max(0, sum over k of a[k] * A[k]), a[k] the mean over the places of d logit / d A[k], divided by its greatest.
///
/// - Source: R. R. Selvaraju and others, "Grad-CAM: visual explanations from deep networks via gradient-based localization"
///   (2017).
public struct ClassActivation {
  /// `[1, 1, height, width]` of the last feature maps, from 0 to 1.
  public let heat: Tensor<Float>

  /// - Parameters:
  ///   - network: puts out logits, `[1, classes]`.
  ///   - input: `[1, C, H, W]`
  ///   - target: the class.
  ///   - state: the weights.
  /// - Throws: `GraphError` for a network without feature maps, and for operators without a gradient.
  public init(_ network: any Layer, input: Tensor<Float>, target: Int, state: StateDict) throws(GraphError) {
    let graph = Graph(network)
    let x = graph.input("images", input.shape)
    let logits = try network(x)
    guard let features = graph.lastFeatureMaps else {
      throw GraphError("the network has no feature maps before its logits")
    }
    let logit = try logits.slice(target..<target + 1, axis: 1).sum().reshaped([])
    let gradient = try graph.gradients(of: logit, withRespectTo: [features])[0]
    let weights = try gradient.mean(axes: [2, 3])
    let sum = try (features * weights).sum(axes: [1]).activated(.relu)
    let program = try Program(graph, outputs: [sum])
    try program.load(state, isComplete: false)
    let map = try program.run(["images": input])[0]
    let greatest = max(map.scalars.max() ?? 0, .leastNormalMagnitude)
    heat = Tensor(map.scalars.map { $0 / greatest }, shape: [1, 1, features.shape[2], features.shape[3]])
  }
}
