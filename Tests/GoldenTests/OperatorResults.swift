import Convolution
import Networks
import Tensors

/// What our operators make of a case: the tensors that PyTorch recorded, and how exact they must be.
struct OperatorResults<Scalar: FloatingScalar> {
  struct Result {
    let name: String
    let value: Tensor<Scalar>
    /// Sums of as many products as `terms`, each of at most the magnitude `scale`.
    let terms: Double
    let scale: Double
  }

  private(set) var results: [Result] = []
  private(set) var integers: [(name: String, value: Tensor<Int64>)] = []
  private let golden: GoldenCases
  private let item: GoldenCases.Case

  struct Missing: Error {
    let name: String
  }

  init(_ item: GoldenCases.Case, in golden: GoldenCases) throws {
    (self.golden, self.item) = (golden, item)
    let op = item.op
    if op.hasPrefix("conv_transpose") || op.hasPrefix("conv1") || op.hasPrefix("conv2")
      || op.hasPrefix("conv3")
    {
      try convolution()
    } else if op == "deform_conv2d" {
      try deformable()
    } else if op == "convolve" || op == "correlate" {
      try trueConvolution()
    } else if op.contains("pool") {
      try pooling()
    } else if op.contains("norm") {
      try normalization()
    } else if op.hasPrefix("optimizer") {
      try optimizer()
    } else if op.contains("entropy") || op.contains("loss") {
      try loss()
    } else {
      try other()
    }
  }

  private func input(_ name: String) throws -> Tensor<Scalar> {
    guard let tensor = golden.tensor("\(item.id).in.\(name)", Scalar.self) else { throw Missing(name: name) }
    return tensor
  }

  private func optional(_ name: String) throws -> Tensor<Scalar>? {
    item.inputs.contains(name) ? try input(name) : nil
  }

  private func integerInput(_ name: String) throws -> Tensor<Int64> {
    guard let tensor = golden.integers("\(item.id).in.\(name)") else { throw Missing(name: name) }
    return tensor
  }

  private func upstream() throws -> Tensor<Scalar> {
    guard let tensor = golden.tensor("\(item.id).grad.upstream", Scalar.self) else {
      throw Missing(name: "upstream")
    }
    return tensor
  }

  private func magnitude(_ tensor: Tensor<Scalar>?) -> Double {
    Double(tensor?.scalars.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 } ?? 0)
  }

  private mutating func add(_ name: String, _ value: Tensor<Scalar>, terms: Int, scale: Double) {
    results.append(Result(name: name, value: value, terms: Double(max(4, terms)), scale: scale))
  }

  private mutating func convolution() throws {
    let (x, w, bias, dy) = (try input("x"), try input("weight"), try optional("bias"), try upstream())
    let options = item.params.convolution
    let (y, gradients): (Tensor<Scalar>, ConvGradients<Scalar>)
    if item.op.hasPrefix("conv_transpose") {
      let extra = item.params.output_padding ?? [0]
      y = try convTranspose(x, weight: w, bias: bias, options, outputPadding: extra)
      gradients = try convTransposeGradients(upstream: dy, input: x, weight: w, options, outputPadding: extra)
    } else {
      y = try conv(x, weight: w, bias: bias, options)
      gradients = try convGradients(upstream: dy, input: x, weight: w, options)
    }
    let (mx, mw, mu) = (magnitude(x), magnitude(w), magnitude(dy))
    add("out.y", y, terms: w.shape.count, scale: mx * mw + magnitude(bias))
    add("grad.x", gradients.input, terms: w.shape.count, scale: mu * mw)
    add("grad.weight", gradients.weight, terms: dy.shape.count + x.shape.count, scale: mu * mx)
    if bias != nil { add("grad.bias", gradients.bias, terms: dy.shape.count, scale: mu) }
  }

  private mutating func deformable() throws {
    let (x, w, offset) = (try input("x"), try input("weight"), try input("offset"))
    let (mask, bias, dy) = (try optional("mask"), try optional("bias"), try upstream())
    let groups = item.params.offset_groups ?? 1
    let options = item.params.convolution
    let y = try deformConv2d(
      x, weight: w, offset: offset, mask: mask, bias: bias, options, offsetGroups: groups)
    let gradients = try deformConv2dGradients(
      upstream: dy, input: x, weight: w, offset: offset, mask: mask, options, offsetGroups: groups)
    let (mx, mw, mu) = (magnitude(x), magnitude(w), magnitude(dy))
    let mm = max(1, magnitude(mask))
    // A place's four weights are differences of coordinates, of the size of the input.
    let places = Double(x.shape[2] + x.shape[3])
    add("out.y", y, terms: w.shape.count, scale: places * mx * mw * mm + magnitude(bias))
    add("grad.x", gradients.input, terms: dy.shape.count + w.shape.count, scale: places * mu * mw * mm)
    add("grad.weight", gradients.weight, terms: dy.shape.count, scale: places * mu * mx * mm)
    add("grad.offset", gradients.offset, terms: w.shape.count, scale: places * mu * mw * mx * mm)
    if let dm = gradients.mask { add("grad.mask", dm, terms: w.shape.count, scale: places * mu * mw * mx) }
    if bias != nil { add("grad.bias", gradients.bias, terms: dy.shape.count, scale: mu) }
  }

  private mutating func trueConvolution() throws {
    let (x, kernel) = (try input("x"), try input("kernel"))
    let mode = item.params.convolutionMode
    let y = item.op == "convolve" ? try convolve(x, kernel, mode: mode) : try correlate(x, kernel, mode: mode)
    add("out.y", y, terms: kernel.shape.count, scale: magnitude(x) * magnitude(kernel))
  }

  private mutating func pooling() throws {
    let x = try input("x")
    let dy = try upstream()
    let (mx, mu) = (magnitude(x), magnitude(dy))
    let options = item.params.pooling
    let window = options.kernel.reduce(1, *)
    let plane = x.shape.dimensions[2...].reduce(1, *)
    let size = item.params.output_size ?? []
    if item.op.hasPrefix("max_unpool") {
      let indices = try integerInput("indices")
      add("out.y", try maxUnpool(x, indices: indices, outputSize: size), terms: 0, scale: 0)
      add("grad.x", try gather(dy, indices: indices), terms: 0, scale: 0)
    } else if item.op.hasPrefix("max_pool") {
      let (y, indices) = try maxPool(x, options)
      add("out.y", y, terms: 0, scale: 0)
      integers.append(("out.indices", indices))
      let dx = try maxPoolGradient(upstream: dy, indices: indices, inputShape: x.shape, options)
      add("grad.x", dx, terms: window, scale: mu)
    } else if item.op.hasPrefix("adaptive_max") {
      let (y, indices) = try adaptiveMaxPool(x, outputSize: size)
      add("out.y", y, terms: 0, scale: 0)
      integers.append(("out.indices", indices))
      let dx = try adaptiveMaxPoolGradient(upstream: dy, indices: indices, inputShape: x.shape)
      add("grad.x", dx, terms: plane, scale: mu)
    } else if item.op.hasPrefix("adaptive_avg") {
      add("out.y", try adaptiveAveragePool(x, outputSize: size), terms: plane, scale: mx)
      let dx = try adaptiveAveragePoolGradient(upstream: dy, inputShape: x.shape)
      add("grad.x", dx, terms: plane, scale: mu)
    } else if item.op.hasPrefix("avg_pool") {
      let divisor = item.params.divisor
      add("out.y", try averagePool(x, options, divisor: divisor), terms: window, scale: mx)
      let dx = try averagePoolGradient(upstream: dy, inputShape: x.shape, options, divisor: divisor)
      add("grad.x", dx, terms: window, scale: mu)
    } else {
      let p = item.params.norm_type ?? 2
      let y = try lpPool(x, p: p, options, powers: .signed)
      let dx = try lpPoolGradient(upstream: dy, input: x, p: p, options, powers: .signed)
      // Signed powers cancel: the root of what is left is as much less exact as it is smaller than the norm.
      let norm = try lpPool(x, p: p, options)
      let condition = zip(y.scalars, norm.scalars).reduce(1.0) { worst, pair in
        let ratio = abs(Double(pair.1 / pair.0))
        return ratio.isFinite ? max(worst, Double.pow(ratio, 2 * p - 1)) : worst
      }
      add("out.y", y, terms: window, scale: mx * condition)
      add("grad.x", dx, terms: window, scale: mu * condition * p)
    }
  }

  private mutating func normalization() throws {
    let (x, w, bias, dy) = (try input("x"), try optional("weight"), try optional("bias"), try upstream())
    let eps = item.params.eps ?? 1e-5
    if item.op == "local_response_norm" {
      let norm = LocalResponseNorm(
        size: item.params.size ?? 5, alpha: item.params.alpha ?? 1e-4, beta: item.params.beta ?? 0.75,
        k: item.params.k ?? 1)
      add("out.y", try norm(x), terms: 4, scale: magnitude(x))
      add("grad.x", try norm.gradient(upstream: dy, input: x), terms: 4, scale: magnitude(dy) * 4)
      return
    }
    let (y, gradients): (Tensor<Scalar>, NormalizationGradients<Scalar>)
    if item.op == "batch_norm" {
      var running = RunningStatistics(mean: try input("running_mean"), variance: try input("running_var"))
      if item.params.training == true {
        y = try batchNorm(
          x, updating: &running, momentum: item.params.momentum ?? 0.1, weight: w, bias: bias, epsilon: eps)
        gradients = try normalizeGradients(upstream: dy, input: x, .batch, weight: w, epsilon: eps)
        add("out.running_mean", running.mean, terms: 4, scale: magnitude(x))
        add("out.running_var", running.variance, terms: 4, scale: magnitude(x) * magnitude(x) + 1)
      } else {
        y = try batchNorm(x, running: running, weight: w, bias: bias, epsilon: eps)
        gradients = try batchNormGradients(upstream: dy, input: x, running: running, weight: w, epsilon: eps)
      }
    } else {
      let kind: Normalization =
        switch item.op {
        case "group_norm": .group(item.params.groups ?? 1)
        case "instance_norm": .instance
        default: .layer(axis: item.params.axis ?? x.shape.rank - 1)
        }
      y = try normalize(x, kind, weight: w, bias: bias, epsilon: eps)
      gradients = try normalizeGradients(upstream: dy, input: x, kind, weight: w, epsilon: eps)
    }
    // Statistics are float64; what is left is the rounding of the standardised element and of its image. Sets of
    // two or three elements may be nearly equal: then all is differences, divided by as little as sqrt(eps).
    let standardized = Double(x.shape.count).squareRoot()
    let firstAxis = item.op == "layer_norm" ? item.params.axis ?? 1 : 2
    let isTiny = x.shape.dimensions[firstAxis...].reduce(1, *) <= 3
    let steepness = isTiny ? 1 / eps.squareRoot() : 4
    let (mw, mu, mx) = (w.map(magnitude) ?? 1, magnitude(dy), magnitude(x))
    add("out.y", y, terms: 4, scale: magnitude(y) + standardized * mw + (isTiny ? mx * steepness * mw : 0))
    add("grad.x", gradients.input, terms: 4, scale: mu * mw * steepness * (isTiny ? 1 + mx * steepness : 1))
    if w != nil {
      add(
        "grad.weight", gradients.weight, terms: 4, scale: mu * (standardized * standardized + mx * steepness))
    }
    if bias != nil { add("grad.bias", gradients.bias, terms: 4, scale: mu * Double(x.shape.count)) }
  }

  private mutating func optimizer() throws {
    let p = item.params
    let rate = p.lr ?? 0
    var optimizer: any Optimizer
    if item.op.hasPrefix("optimizer_sgd") {
      optimizer = SGD(
        learningRate: rate, momentum: p.momentum ?? 0, dampening: p.dampening ?? 0,
        weightDecay: p.weight_decay ?? 0, nesterov: p.nesterov ?? false)
    } else if item.op == "optimizer_rmsprop" {
      optimizer = RMSprop(
        learningRate: rate, alpha: p.alpha ?? 0.99, epsilon: p.eps ?? 1e-8, weightDecay: p.weight_decay ?? 0,
        momentum: p.momentum ?? 0)
    } else {
      let betas = p.betas ?? [0.9, 0.999]
      optimizer = Adam(
        learningRate: rate, betas: (betas[0], betas[1]), epsilon: p.eps ?? 1e-8,
        weightDecay: p.weight_decay ?? 0, decoupledWeightDecay: item.op == "optimizer_adamw")
    }
    var parameters = [try input("p")]
    for name in item.inputs.dropFirst() { optimizer.step(&parameters, gradients: [try input(name)]) }
    add("out.p", parameters[0], terms: 4, scale: magnitude(parameters[0]) + 1)
  }

  private mutating func loss() throws {
    let x = try input("x")
    let result: LossGradient<Scalar>
    if item.op == "cross_entropy" {
      result = try crossEntropy(
        x, targets: try integerInput("target"), labelSmoothing: item.params.label_smoothing ?? 0)
    } else if item.op == "mse_loss" {
      result = try meanSquaredError(x, target: try input("target"))
    } else {
      result = try binaryCrossEntropy(logits: x, target: try input("target"))
    }
    let upstream = try upstream().scalars[0]
    add("out.y", Tensor([result.loss], shape: []), terms: 4, scale: magnitude(x) * magnitude(x) + 1)
    add(
      "grad.x", Tensor(result.gradient.scalars.map { $0 * upstream }, shape: x.shape), terms: 4,
      scale: magnitude(x) + 1)
  }

  private mutating func other() throws {
    let (x, dy) = (try input("x"), try upstream())
    let (mx, mu) = (magnitude(x), magnitude(dy))
    let p = item.params
    switch item.op {
    case "unfold":
      let y = try unfold(x, kernel: p.kernel_size ?? [], p.convolution)
      let dx = try fold(
        dy, outputSize: Array(x.shape.dimensions[2...]), kernel: p.kernel_size ?? [], p.convolution)
      add("out.y", y, terms: 0, scale: 0)
      add("grad.x", dx, terms: (p.kernel_size ?? []).reduce(1, *), scale: mu)
    case "fold":
      let y = try fold(x, outputSize: p.output_size ?? [], kernel: p.kernel_size ?? [], p.convolution)
      add("out.y", y, terms: (p.kernel_size ?? []).reduce(1, *), scale: mx)
      add("grad.x", try unfold(dy, kernel: p.kernel_size ?? [], p.convolution), terms: 0, scale: 0)
    case "pad":
      add("out.y", try pad(x, p.paddingAmounts, mode: p.paddingMode), terms: 0, scale: 0)
      let dx = try padGradient(upstream: dy, inputShape: x.shape, p.paddingAmounts, mode: p.paddingMode)
      add("grad.x", dx, terms: 27, scale: mu)
    case "interpolate":
      let size = p.output_size ?? []
      // Weights are differences of coordinates, of the size of the input.
      let places = Double(x.shape.dimensions[2...].reduce(1, +))
      let scales =
        p.align_corners == true
        ? size.indices.map { Double(size[$0]) / Double(x.shape[2 + $0]) } : p.scale_factor
      let y = try resize(x, outputSize: size, scales: scales, p.resize)
      let dx = try resizeGradient(upstream: dy, inputShape: x.shape, scales: scales, p.resize)
      add("out.y", y, terms: 4, scale: mx * places)
      add("grad.x", dx, terms: dy.shape.dimensions[2...].reduce(1, *), scale: mu * places)
    case "pixel_shuffle":
      add("out.y", try pixelShuffle(x, factor: p.factor ?? 1), terms: 0, scale: 0)
      add("grad.x", try pixelUnshuffle(dy, factor: p.factor ?? 1), terms: 0, scale: 0)
    case "pixel_unshuffle":
      add("out.y", try pixelUnshuffle(x, factor: p.factor ?? 1), terms: 0, scale: 0)
      add("grad.x", try pixelShuffle(dy, factor: p.factor ?? 1), terms: 0, scale: 0)
    case "softmax":
      let y = try softmax(x, axis: p.dim ?? 1)
      add("out.y", y, terms: 4, scale: 1 + mx)
      add("grad.x", try softmaxGradient(upstream: dy, output: y, axis: p.dim ?? 1), terms: 4, scale: mu * 4)
    case "log_softmax":
      let y = try logSoftmax(x, axis: p.dim ?? 1)
      add("out.y", y, terms: 4, scale: 1 + mx)
      add(
        "grad.x", try logSoftmaxGradient(upstream: dy, output: y, axis: p.dim ?? 1), terms: x.shape[1],
        scale: mu * (1 + mx))
    case "linear":
      let (w, bias) = (try input("weight"), try optional("bias"))
      let gradients = try linearGradients(upstream: dy, input: x, weight: w)
      add(
        "out.y", try linear(x, weight: w, bias: bias), terms: w.shape[1],
        scale: mx * magnitude(w) + magnitude(bias))
      add("grad.x", gradients.input, terms: w.shape[0], scale: mu * magnitude(w))
      add("grad.weight", gradients.weight, terms: x.shape[0], scale: mu * mx)
      if bias != nil { add("grad.bias", gradients.bias, terms: x.shape[0], scale: mu) }
    default:
      guard let activation = Self.activations[item.op] else { throw Missing(name: item.op) }
      add("out.y", activation(x), terms: 4, scale: 1 + mx)
      add("grad.x", try activation.gradient(upstream: dy, input: x), terms: 4, scale: mu * (1 + mx))
    }
  }

  private static var activations: [String: Activation] {
    [
      "relu": .relu, "leaky_relu": .leakyRelu(slope: 0.01), "elu": .elu(alpha: 1), "gelu": .gelu,
      "silu": .silu, "hardswish": .hardswish, "tanh": .tanh, "sigmoid": .sigmoid, "softplus": .softplus,
      "relu6": .relu6,
    ]
  }
}
