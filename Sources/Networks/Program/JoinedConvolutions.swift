import Convolution
import Tensors

extension Lowering {
  /// The sum of two convolutions with 1x1 kernels that nobody else reads, as at the head of a ResNet's stages, becomes one
  /// convolution of both inputs side by side: the outputs of neither are stored and read again.
  ///
  /// Only where the inputs have no more channels together than the sum: they are copied, where they cannot be put out side
  /// by side.
  /// - Parameter isConstant: for each node, whether it stays the same from run to run.
  mutating func joinSums(isConstant: [Bool]) {
    let uses = useCounts
    self = rebuilding { i, rebuilt in
      let node = nodes[i]
      let terms = inputs(i)
      guard operation(i, Operators.Binary.self)?.function == .add, terms.allSatisfy({ uses[$0] == 1 }) else {
        return rebuilt.append(node)
      }
      let convolutions = terms.compactMap { pointwise($0, isConstant) }
      guard convolutions.count == 2, convolutions.map(\.channels).reduce(0, +) <= node.shape[1] else {
        return rebuilt.append(node)
      }
      let layer = nodes[terms[1]].layer
      func joined(_ parts: [Int]) -> Int {
        let (first, second) = (rebuilt.nodes[parts[0]].shape, rebuilt.nodes[parts[1]].shape)
        var sizes = first.dimensions
        sizes[1] += second[1]
        return rebuilt.insert(Operators.Concatenate(axis: 1), parts, Shape(sizes), layer: layer)
      }
      let samples = zip(terms, convolutions).map { term, conv in
        let x = rebuilt.places[inputs(term)[0]]!
        if conv.stride.allSatisfy({ $0 == 1 }) { return x }
        let shape = rebuilt.nodes[x].shape
        return rebuilt.insert(
          Operators.Subsample(steps: conv.stride),
          [x], Shape([shape[0], shape[1]] + node.shape.dimensions[2...]), layer: nodes[term].layer)
      }
      let x = joined(samples)
      let weight = joined(terms.map { rebuilt.places[inputs($0)[1]]! })
      let biases = terms.compactMap { inputs($0).count > 2 ? rebuilt.places[inputs($0)[2]]! : nil }
      let bias =
        biases.count < 2
        ? biases
        : [rebuilt.insert(Operators.Binary(function: .add), biases, [node.shape[1]], layer: layer)]
      return rebuilt.insert(
        Operators.Conv(options: .init(), hasBias: !bias.isEmpty), [x, weight] + bias, node.shape, layer: layer
      )
    }
    removeDeadCode()
  }

  /// The input channels and the strides of a convolution with a 1x1 kernel and nothing else to it.
  private func pointwise(_ i: Int, _ isConstant: [Bool]) -> (channels: Int, stride: [Int])? {
    guard let conv = operation(i, Operators.Conv.self), conv.epilogue == Epilogue(), !conv.hasResidual,
      inputs(i)[1...].allSatisfy({ isConstant[$0] }), !isConstant[i],
      let g = try? ConvolutionGeometry(
        input: nodes[inputs(i)[0]].shape, weight: nodes[inputs(i)[1]].shape, conv.options),
      g.kernel == [1, 1, 1], g.groups == 1, g.padding.allSatisfy({ $0 == .init(0, 0) })
    else { return nil }
    return (g.inChannels, Array(g.stride[(3 - g.rank)...]))
  }
}

extension Operators {
  /// One of every so many samples along each spatial axis, from the first on: what a convolution with a 1x1 kernel and strides
  /// reads of `[N, C, spatial...]`.
  struct Subsample: Operator {
    let steps: [Int]

    var name: String { "subsample" }

    func outputShape(_ inputs: [Shape]) throws(GeometryError) -> Shape {
      guard inputs[0].rank == steps.count + 2 else {
        throw .invalid("\(steps.count) steps for the axes of \(inputs[0])")
      }
      let sizes = zip(inputs[0].dimensions[2...], steps).map { $0.dividedRoundingUp(by: $1) }
      return Shape([inputs[0][0], inputs[0][1]] + sizes)
    }

    func callAsFunction<Scalar: FloatingScalar>(
      _ inputs: [Tensor<Scalar>]
    ) throws(GeometryError) -> Tensor<Scalar> {
      try maxPoolValues(
        inputs[0], .init(kernel: [Int](repeating: 1, count: steps.count), stride: steps))
    }

    func gradients(upstream: Value, inputs: [Value], output: Value) -> [Value?] {
      preconditionFailure("graphs are differentiated before convolutions are joined")
    }

    func step(_ site: StepSite) -> (any Step)? { subsampleStep(site, steps) }
  }
}
