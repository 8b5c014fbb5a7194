import Convolution
import Tensors

extension Lowering {
  /// Adaptive pooling to the size that is there, as in VGG for images of 224x224, takes each sample as it is.
  mutating func removeIdentities() {
    self = rebuilding { i, rebuilt in
      if operation(i, Operators.AdaptiveAveragePool.self) != nil, nodes[i].shape == nodes[inputs(i)[0]].shape
      {
        return rebuilt.places[inputs(i)[0]]
      }
      return rebuilt.append(nodes[i])
    }
  }

  /// Batch normalisation by running statistics, right after a convolution that nobody else reads, becomes part of the
  /// weights and the bias.
  mutating func foldBatchNorm() {
    let uses = useCounts
    self = rebuilding { i, rebuilt in
      let node = nodes[i]
      guard let norm = operation(i, Operators.BatchNormInference.self) else { return rebuilt.append(node) }
      let from = inputs(i)
      guard uses[from[0]] == 1, let conv = operation(from[0], Operators.Conv.self),
        conv.epilogue == Epilogue(), !conv.hasResidual
      else { return rebuilt.append(node) }
      let parts = inputs(from[0]).map { rebuilt.places[$0]! }
      let statistics = from[1...].map { rebuilt.places[$0]! }
      let weight = rebuilt.insert(
        Operators.FoldedWeight(epsilon: norm.epsilon), [parts[1], statistics[0], statistics[3]],
        rebuilt.nodes[parts[1]].shape, layer: node.layer)
      let bias = rebuilt.insert(
        Operators.FoldedBias(epsilon: norm.epsilon), statistics + (conv.hasBias ? [parts[2]] : []),
        rebuilt.nodes[statistics[0]].shape, layer: node.layer)
      var folded = conv
      folded.hasBias = true
      return rebuilt.insert(folded, [parts[0], weight, bias], node.shape, layer: node.layer)
    }
    removeDeadCode()
  }

  /// Activations, sums with a residual, and max pooling, right after a convolution that nobody else reads, are done
  /// as it stores its outputs.
  mutating func fuseEpilogues() {
    var changed = true
    while changed {
      changed = false
      let uses = useCounts
      self = rebuilding { i, rebuilt in
        let node = nodes[i]
        let from = inputs(i)
        func fused(_ input: Int, _ more: [Int] = [], _ change: (inout Operators.Conv) -> Bool) -> Int? {
          guard uses[input] == 1, var conv = operation(input, Operators.Conv.self), change(&conv) else {
            return nil
          }
          changed = true
          let parts = (inputs(input) + more).map { rebuilt.places[$0]! }
          return rebuilt.insert(conv, parts, node.shape, layer: nodes[input].layer)
        }
        if let activation = operation(i, Operators.Activate.self)?.activation {
          let place = fused(from[0]) { conv in
            guard conv.epilogue == Epilogue() else { return false }
            conv.epilogue.activation = activation
            return true
          }
          if let place { return place }
          if uses[from[0]] == 1, var transposed = operation(from[0], Operators.ConvInputGradient.self),
            transposed.epilogue == Epilogue()
          {
            transposed.epilogue.activation = activation
            changed = true
            return rebuilt.insert(
              transposed, inputs(from[0]).map { rebuilt.places[$0]! }, node.shape, layer: nodes[from[0]].layer
            )
          }
        }
        if operation(i, Operators.Binary.self)?.function == .add, from[0] != from[1] {
          // Of two convolutions the later one takes the other's output.
          for (input, other) in [(from[1], from[0]), (from[0], from[1])] {
            let place = fused(input, [other]) { conv in
              guard conv.epilogue == Epilogue(), !conv.hasResidual else { return false }
              conv.hasResidual = true
              conv.addsInPlace = isPlanned(input, conv) { $0.addsInPlace($1) }
              return true
            }
            if let place { return place }
          }
        }
        if let pool = operation(i, Operators.MaxPool.self),
          let geometry = try? PoolingGeometry(input: nodes[from[0]].shape, pool.options),
          let pooling = Epilogue.MaxPooling(geometry)
        {
          let place = fused(from[0]) { conv in
            guard !conv.hasResidual, conv.epilogue.maxPooling == nil else { return false }
            conv.epilogue.maxPooling = pooling
            return isPlanned(from[0], conv) { $0.poolsItself($1, conv.epilogue) }
          }
          if let place { return place }
        }
        return rebuilt.append(node)
      }
      removeDeadCode()
    }
  }

  /// Whether the algorithm that is likely to be planned for a convolution is one of some kind.
  private func isPlanned(
    _ i: Int, _ conv: Operators.Conv, _ isKind: (ConvolutionPlan.Algorithm, ConvolutionGeometry) -> Bool
  ) -> Bool {
    let shapes = inputs(i).prefix(2).map { nodes[$0].shape }
    guard let geometry = try? ConvolutionGeometry(input: shapes[0], weight: shapes[1], conv.options) else {
      return false
    }
    return isKind(ConvolutionPlan.estimatedCycles(geometry)[0].algorithm, geometry)
  }
}

extension Operators {
  /// A convolution's weight with a batch norm's scale in it: from weight, the norm's weight and its variance.
  struct FoldedWeight: Operator {
    let epsilon: Double

    var name: String { "folded weight" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[0] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      let zeros = Tensor<Scalar>(zeros: inputs[1].shape)
      return try RunningStatistics(mean: zeros, variance: inputs[2]).folded(
        intoWeight: inputs[0], scale: inputs[1], epsilon: epsilon
      ).weight
    }

    func step(_ site: StepSite) -> (any Step)? { FoldedWeightStep(site, epsilon: epsilon) }

    func gradients(upstream: Value, inputs: [Value], output: Value) -> [Value?] { [nil, nil, nil] }
  }

  /// A convolution's bias with a batch norm in it: from the norm's weight, bias, mean and variance, and the convolution's
  /// bias where it has one.
  struct FoldedBias: Operator {
    let epsilon: Double

    var name: String { "folded bias" }
    func outputShape(_ inputs: [Shape]) -> Shape { inputs[0] }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try RunningStatistics(mean: inputs[2], variance: inputs[3]).folded(
        intoWeight: Tensor(zeros: [inputs[0].shape[0], 1]), bias: inputs.count > 4 ? inputs[4] : nil,
        scale: inputs[0], shift: inputs[1], epsilon: epsilon
      ).bias
    }

    func gradients(upstream: Value, inputs: [Value], output: Value) -> [Value?] {
      [Value?](repeating: nil, count: inputs.count)
    }
  }
}

/// ``Operators/FoldedWeight`` straight into the program's memory: the weights of a network are some hundred megabytes.
private final class FoldedWeightStep: Step {
  private let site: StepSite
  private let epsilon: Double

  init(_ site: StepSite, epsilon: Double) { (self.site, self.epsilon) = (site, epsilon) }

  func run() throws(GeometryError) {
    let (scale, variance) = (site.inputs[1], site.inputs[2])
    try RunningStatistics(mean: Tensor(zeros: scale.shape), variance: variance).fold(
      intoWeight: site.pointer(0), count: site.output.shape.count, scale: scale, epsilon: epsilon,
      to: site.outputPointer)
  }
}
