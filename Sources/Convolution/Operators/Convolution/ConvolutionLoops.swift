import Tensors

// Convolution and its three relatives as loops over rows: the plain algorithms, for every stride, dilation,
// grouping and padding, in float32 and float64. Every output element belongs to one piece of work, and is
// summed in one order, so results do not depend on the threads.
//
//   y[n, k, o]  = bias[k] + sum over c, t of x[n, c, source(o, t)] * w[k, c, t]
//   dx[n, c, i] = sum over k, (o, t) with source(o, t) = i of dy[n, k, o] * w[k, c, t]
//   dw[k, c, t] = sum over n, o of dy[n, k, o] * x[n, c, source(o, t)]

struct ConvolutionLoops<Scalar: FloatingScalar> {
  let geometry: ConvolutionGeometry
  private let depth: AxisTaps
  private let height: AxisTaps
  let width: AxisTaps
  let fill: Scalar

  init(_ geometry: ConvolutionGeometry) {
    self.geometry = geometry
    depth = AxisTaps(geometry, axis: 0)
    height = AxisTaps(geometry, axis: 1)
    width = AxisTaps(geometry, axis: 2)
    fill = Scalar(geometry.mode.fillValue)
  }

  var inputPlane: Int { geometry.input.reduce(1, *) }
  var outputPlane: Int { geometry.output.reduce(1, *) }
  var kernelPlane: Int { geometry.kernel.reduce(1, *) }
  private var inPerGroup: Int { geometry.inChannels / geometry.groups }
  private var outPerGroup: Int { geometry.outChannels / geometry.groups }

  /// Calls `body` for each tap and output row: the weight's place in its plane, the first sample of the output
  /// row, the first sample of the input row (nil where the padding's constant stands), and the tap along it.
  @inline(__always)
  func forEachRow(
    _ body: (_ weight: Int, _ outputRow: Int, _ inputRow: Int?, _ tap: AxisTaps.Tap) -> Void
  ) {
    let g = geometry
    var weight = 0
    for kz in 0..<g.kernel[0] {
      for ky in 0..<g.kernel[1] {
        for kx in 0..<g.kernel[2] {
          for oz in 0..<g.output[0] {
            let z = depth.source(oz, tap: kz)
            for oy in 0..<g.output[1] {
              let y = height.source(oy, tap: ky)
              var row: Int?
              if let z, let y { row = (z * g.input[1] + y) * g.input[2] }
              body(weight, (oz * g.output[1] + oy) * g.output[2], row, width.taps[kx])
            }
          }
          weight += 1
        }
      }
    }
  }

  /// y from x, w and bias.
  func forward(
    _ x: Tensor<Scalar>, _ w: Tensor<Scalar>, _ bias: Tensor<Scalar>?, pool: ThreadPool = .shared
  ) -> Tensor<Scalar> {
    let biases = bias?.scalars
    return x.withUnsafeBufferPointer { x in
      w.withUnsafeBufferPointer { w in
        Tensor(unsafeUninitializedShape: geometry.outputShape) { y in
          run(x.baseAddress!, w.baseAddress!, biases, into: y.baseAddress!, pool: pool) { _, _ in }
        }
      }
    }
  }

  /// The same, calling `finish` for each plane of outputs that is done.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func run(
    _ x: UnsafePointer<Scalar>, _ w: UnsafePointer<Scalar>, _ biases: [Scalar]?,
    into y: UnsafeMutablePointer<Scalar>, pool: ThreadPool,
    _ finish: (UnsafeMutablePointer<Scalar>, Int) -> Void
  ) {
    let g = geometry
    pool.parallelFor(g.batch * g.outChannels) { piece in
      let (n, k) = (piece / g.outChannels, piece % g.outChannels)
      let plane = y + piece * outputPlane
      plane.initialize(repeating: biases?[k] ?? 0, count: outputPlane)
      for c in 0..<inPerGroup {
        correlate(
          x + (n * g.inChannels + k / outPerGroup * inPerGroup + c) * inputPlane,
          w + (k * inPerGroup + c) * kernelPlane, addingTo: plane)
      }
      finish(plane, outputPlane)
    }
  }

  /// Adds one input plane's share of one output plane.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func correlate(
    _ input: UnsafePointer<Scalar>, _ weights: UnsafePointer<Scalar>,
    addingTo plane: UnsafeMutablePointer<Scalar>
  ) {
    let stride = width.stride
    forEachRow { weight, outputRow, inputRow, tap in
      let (out, value) = (plane + outputRow, weights[weight])
      guard let inputRow else {
        if fill != 0 { for o in 0..<geometry.output[2] { out[o] += value * fill } }
        return
      }
      let row = input + inputRow
      let offset = tap.offset
      if stride == 1 {
        for o in tap.inside { out[o] += value * row[o &+ offset] }
      } else {
        for o in tap.inside { out[o] += value * row[o &* stride &+ offset] }
      }
      for (o, source) in tap.outside { out[o] += value * (source.map { row[$0] } ?? fill) }
    }
  }

  /// dx from dy and w; with a bias for each input channel, a transposed convolution.
  func inputGradient(
    _ dy: Tensor<Scalar>, _ w: Tensor<Scalar>, bias: Tensor<Scalar>? = nil
  ) -> Tensor<Scalar> {
    let g = geometry
    let biases = bias?.scalars
    return dy.withUnsafeBufferPointer { dy in
      w.withUnsafeBufferPointer { w in
        Tensor(unsafeUninitializedShape: g.inputShape) { dx in
          let (dy, w, dx) = (dy.baseAddress!, w.baseAddress!, dx.baseAddress!)
          ThreadPool.shared.parallelFor(g.batch * g.inChannels) { piece in
            let (n, c) = (piece / g.inChannels, piece % g.inChannels)
            let group = c / inPerGroup
            let plane = dx + piece * inputPlane
            plane.initialize(repeating: biases?[c] ?? 0, count: inputPlane)
            for k in group * outPerGroup..<(group + 1) * outPerGroup {
              scatter(
                dy + (n * g.outChannels + k) * outputPlane,
                w + (k * inPerGroup + c % inPerGroup) * kernelPlane, addingTo: plane)
            }
          }
        }
      }
    }
  }

  /// Adds one upstream plane's share of one input gradient.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func scatter(
    _ upstream: UnsafePointer<Scalar>, _ weights: UnsafePointer<Scalar>,
    addingTo plane: UnsafeMutablePointer<Scalar>
  ) {
    let stride = width.stride
    forEachRow { weight, outputRow, inputRow, tap in
      guard let inputRow else { return }
      let (out, row, value) = (plane + inputRow, upstream + outputRow, weights[weight])
      let offset = tap.offset
      if stride == 1 {
        for o in tap.inside { out[o &+ offset] += value * row[o] }
      } else {
        for o in tap.inside { out[o &* stride &+ offset] += value * row[o] }
      }
      for (o, source) in tap.outside { if let source { out[source] += value * row[o] } }
    }
  }

  /// dw from dy and x.
  func weightGradient(_ dy: Tensor<Scalar>, _ x: Tensor<Scalar>) -> Tensor<Scalar> {
    let g = geometry
    return dy.withUnsafeBufferPointer { dy in
      x.withUnsafeBufferPointer { x in
        Tensor(unsafeUninitializedShape: g.weightShape) { dw in
          let (dy, x, dw) = (dy.baseAddress!, x.baseAddress!, dw.baseAddress!)
          ThreadPool.shared.parallelFor(g.outChannels * inPerGroup) { piece in
            let (k, c) = (piece / inPerGroup, piece % inPerGroup)
            let gradients = dw + piece * kernelPlane
            gradients.initialize(repeating: 0, count: kernelPlane)
            for n in 0..<g.batch {
              dot(
                dy + (n * g.outChannels + k) * outputPlane,
                x + (n * g.inChannels + k / outPerGroup * inPerGroup + c) * inputPlane, addingTo: gradients)
            }
          }
        }
      }
    }
  }

  /// Adds one sample's share of the gradient of one kernel plane.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func dot(
    _ upstream: UnsafePointer<Scalar>, _ input: UnsafePointer<Scalar>,
    addingTo gradients: UnsafeMutablePointer<Scalar>
  ) {
    forEachRow { weight, outputRow, inputRow, tap in
      let row = upstream + outputRow
      var sum: Scalar = 0
      if let inputRow {
        let source = input + inputRow
        for o in tap.inside { sum += row[o] * source[o &* width.stride &+ tap.offset] }
        for (o, i) in tap.outside { sum += row[o] * (i.map { source[$0] } ?? fill) }
      } else if fill != 0 {
        for o in 0..<geometry.output[2] { sum += row[o] * fill }
      }
      gradients[weight] += sum
    }
  }
}

extension Tensor where Scalar: FloatingScalar {
  /// `[N, C, spatial...]` summed to `[C]` in float64: the gradient of a bias.
  func sumPerChannel() -> Tensor {
    let channels = shape[1]
    let plane = shape.dimensions[2...].reduce(1, *)
    return withUnsafeBufferPointer { elements in
      Tensor(
        (0..<channels).map { c in
          Scalar(
            (0..<shape[0]).reduce(0.0) { $0 + sum(elements, from: ($1 * channels + c) * plane, count: plane) }
          )
        }, shape: [channels])
    }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func sum(_ elements: UnsafeBufferPointer<Scalar>, from start: Int, count: Int) -> Double {
    var sum = 0.0
    for i in start..<start + count { sum += Double(elements[i]) }
    return sum
  }
}
