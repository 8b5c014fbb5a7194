import Tensors

extension ConvolutionPlan {
  /// A transposed convolution: of stride 1 a convolution with the kernels turned round, otherwise as many convolutions of
  /// stride 1 as the strides have phases, so that no product with an inserted zero is taken.
  /// - Parameters:
  ///   - geometry: of the convolution that it is the transpose of, as
  ///     ``ConvolutionGeometry/init(transposedInput:weight:_:outputPadding:)`` makes it.
  ///   - weight: `[C, K / groups, spatial...]`
  ///   - bias: `[K]`
  ///   - epilogue: what is done to the outputs.
  ///   - options: what the planner may choose; for strides, of the algorithms `direct`, `scatter` and `tiles`.
  /// - Throws: ``GeometryError`` where the weight or the bias do not fit, or the algorithm has no answer.
  public init(
    transposing geometry: ConvolutionGeometry, weight: Tensor<Float>, bias: Tensor<Float>? = nil,
    epilogue: Epilogue = Epilogue(), options: Options = Options()
  ) throws(GeometryError) {
    guard weight.shape == geometry.weightShape else {
      throw .invalid("a weight of shape \(weight.shape): the geometry's is \(geometry.weightShape)")
    }
    try check(bias: bias?.shape, channels: geometry.inChannels)
    guard geometry.fitsTables else {
      throw .invalid("planes of 2^31 elements or more have no transposed plan; convTranspose takes them")
    }
    if let turned = geometry.turned {
      let algorithm =
        options.algorithm
        ?? Self.estimatedCycles(
          turned, errorBudget: options.errorBudget, weightsChange: options.weightsChange, epilogue: epilogue
        )[0].algorithm
      switch algorithm {
      case .direct: break  // its one phase reads the kernels turned round as it packs them
      case .winograd4, .winograd2, .winograd5, .winograd4s2, .winograd1d:
        try Self.validate(algorithm, accepts: turned)
        let poolsItself = algorithm.poolsItself(turned, epilogue)
        let planned = WinogradConvolution(
          turned, weight, bias?.scalars, algorithm.winograd!, isTurned: true,
          pooling: poolsItself ? epilogue.maxPooling : nil)
        if planned.workspaceBytes > options.workspaceLimit ?? .max { fallthrough }
        try self.init(
          geometry, algorithm, planned, from: geometry.outputShape, to: geometry.inputShape, epilogue,
          poolsItself: poolsItself)
        return
      default:
        self = try ConvolutionPlan(
          turned, weight: weight.turned(groups: geometry.groups), bias: bias, epilogue: epilogue,
          options: options)
        return
      }
    }
    guard [nil, .direct, .tiles, .scatter].contains(options.algorithm) else {
      throw .invalid(
        "a transposed convolution of a stride is computed by the algorithms direct, scatter and tiles, not by "
          + options.algorithm!.rawValue)
    }
    let bias = bias?.scalars
    let algorithm = options.algorithm ?? ConvolutionCost(geometry).transposed
    let planned: any PlannedConvolution =
      switch algorithm {
      case .scatter: ScatterConvolution(transposing: geometry, weight, bias)
      case .direct:
        PlannedPhases(
          phases: DirectConvolution.phases(transposing: geometry, weight, bias),
          outputs: geometry.inputShape.count)
      default:
        PlannedPhases(
          phases: TiledConvolution.phases(transposing: geometry, weight, bias),
          outputs: geometry.inputShape.count)
      }
    guard planned.workspaceBytes <= options.workspaceLimit ?? .max else {
      throw .invalid(
        "the transposed convolution takes \(planned.workspaceBytes) bytes of working memory a thread, and "
          + "\(options.workspaceLimit!) are allowed: raise the limit")
    }
    try self.init(
      geometry, algorithm, planned, from: geometry.outputShape, to: geometry.inputShape,
      epilogue,
      poolsItself: false)
  }
}

extension Tensor where Scalar == Float {
  /// Kernels turned round, inputs and outputs exchanged: `[K, C / groups, spatial...]` as
  /// `[C, K / groups, spatial...]`.
  fileprivate func turned(groups: Int) -> Tensor {
    let (outputs, inputs) = (shape[0] / groups, shape[1])
    let taps = shape.dimensions[2...].reduce(1, *)
    return withUnsafeBufferPointer { w in
      Tensor(unsafeUninitializedShape: Shape([groups * inputs, outputs] + shape.dimensions[2...])) { out in
        let out = out.baseAddress!
        ThreadPool.shared.parallelFor(groups * inputs) { row in
          let (group, c) = row.quotientAndRemainder(dividingBy: inputs)
          for k in 0..<outputs {
            let from = ((group * outputs + k) * inputs + c) * taps
            for t in 0..<taps {
              (out + ((row * outputs + k) * taps + t)).initialize(to: w[from + taps - 1 - t])
            }
          }
        }
      }
    }
  }

  /// `[N, C, spatial...]` with stride - 1 zeros between neighbours.
  func withZerosBetween(_ stride: ArraySlice<Int>) -> Tensor {
    let (sizes, stride) = (Array(shape.dimensions[2...]), Array(stride))
    let spread = zip(sizes, stride).map { ($0 - 1) * $1 + 1 }
    let width = sizes[sizes.count - 1]
    let rows = sizes.dropLast().reduce(1, *)
    return withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: Shape(shape.dimensions[..<2] + spread)) { y in
        let (x, y) = (x.baseAddress!, y.baseAddress!)
        let plane = spread.reduce(1, *)
        ThreadPool.shared.parallelFor(shape[0] * shape[1]) { piece in
          (y + piece * plane).initialize(repeating: 0, count: plane)
          for row in 0..<rows {
            // The row's place among the rows that are spread.
            var (rest, start, step) = (row, 0, spread[spread.count - 1])
            for axis in sizes.indices.dropLast().reversed() {
              start += rest % sizes[axis] * stride[axis] * step
              step *= spread[axis]
              rest /= sizes[axis]
            }
            let (from, to) = (x + (piece * rows + row) * width, y + piece * plane + start)
            for i in 0..<width { to[i &* stride[stride.count - 1]] = from[i] }
          }
        }
      }
    }
  }
}
