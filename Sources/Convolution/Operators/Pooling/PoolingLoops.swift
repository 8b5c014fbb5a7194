import Tensors

/// Pooling and its gradients as loops over planes: every plane is one piece of work, and is summed in one order.
struct PoolingLoops<Scalar: FloatingScalar> {
  let geometry: PoolingGeometry

  /// Of one output along one axis: the samples of the input in its window, and how long it is with the padding.
  struct Reach {
    let samples: [Int]
    let paddedLength: Int
  }

  private let reaches: [[Reach]]

  init(_ geometry: PoolingGeometry) {
    self.geometry = geometry
    reaches = (0..<3).map { axis in
      let (input, output) = (geometry.input[axis], geometry.output[axis])
      guard let window = geometry.windows?[axis] else {
        return (0..<output).map { position in
          let end = ((position + 1) * input + output - 1) / output
          let samples = Array(position * input / output..<end)
          return Reach(samples: samples, paddedLength: samples.count)
        }
      }
      let amount = geometry.padding[axis]
      return (0..<output).map { position in
        let start = position * window.stride - amount.begin
        let samples = (0..<window.kernel).map { start + $0 * window.dilation }
        let padded = samples.count { $0 < input + amount.end }
        return Reach(samples: samples.filter { (0..<input).contains($0) }, paddedLength: padded)
      }
    }
  }

  var planes: Int { geometry.batch * geometry.channels }
  var inputPlane: Int { geometry.input.reduce(1, *) }
  var outputPlane: Int { geometry.output.reduce(1, *) }

  /// Calls `body` with each output's place in its plane and its reach along the three axes.
  @inline(__always)
  func forEachWindow(_ body: (_ output: Int, _ z: Reach, _ y: Reach, _ x: Reach) -> Void) {
    var output = 0
    for z in reaches[0] {
      for y in reaches[1] {
        for x in reaches[2] {
          body(output, z, y, x)
          output += 1
        }
      }
    }
  }

  @inline(__always)
  func forEachSample(_ z: Reach, _ y: Reach, _ x: Reach, _ body: (_ sample: Int) -> Void) {
    for i in z.samples {
      for j in y.samples {
        let row = (i * geometry.input[1] + j) * geometry.input[2]
        for k in x.samples { body(row + k) }
      }
    }
  }

  /// Calls `body` with each output's place in its plane, and that of the first greatest (or least) of its samples, NaN before
  /// all; -1 where holes between the taps let none in.
  @inline(__always)
  func forEachExtreme(
    _ x: UnsafePointer<Scalar>, _ kind: Extreme, _ body: (_ output: Int, _ place: Int) -> Void
  ) {
    let sign: Scalar = kind == .greatest ? 1 : -1
    forEachWindow { output, z, row, column in
      var (best, place) = (-Scalar.infinity, -1)
      forEachSample(z, row, column) { sample in
        let value = sign * x[sample]
        if place < 0 || value > best || (value.isNaN && !best.isNaN) { (best, place) = (value, sample) }
      }
      body(output, place)
    }
  }

  enum Extreme: Sendable {
    case greatest
    case least
  }

  /// The greatest or least sample of each window, and its place in its plane; the first of equals, and NaN
  /// before all.
  func extreme(_ x: Tensor<Scalar>, _ kind: Extreme) -> (values: Tensor<Scalar>, indices: Tensor<Int64>) {
    var indices = Tensor<Int64>(zeros: geometry.outputShape)
    let values = indices.withUnsafeMutableBufferPointer { indices in
      nonisolated(unsafe) let indices = indices.baseAddress!
      return x.withUnsafeBufferPointer { x in
        Tensor<Scalar>(unsafeUninitializedShape: geometry.outputShape) { y in
          nonisolated(unsafe) let y = y.baseAddress!
          ThreadPool.shared.parallelFor(planes) { plane in
            extreme(
              x.baseAddress! + plane * inputPlane, kind, into: y + plane * outputPlane,
              indices + plane * outputPlane)
          }
        }
      }
    }
    return (values, indices)
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func extreme(
    _ input: UnsafePointer<Scalar>, _ kind: Extreme, into y: UnsafeMutablePointer<Scalar>,
    _ indices: UnsafeMutablePointer<Int64>
  ) {
    let nothing: Scalar = kind == .greatest ? -.infinity : .infinity
    forEachExtreme(input, kind) { output, place in
      (y + output).initialize(to: place < 0 ? nothing : input[place])
      indices[output] = Int64(place)
    }
  }

  /// Each upstream gradient goes to the sample that was greatest.
  func maxGradient(_ upstream: Tensor<Scalar>, _ indices: Tensor<Int64>) -> Tensor<Scalar> {
    scattered { plane, dx in
      upstream.withUnsafeBufferPointer { upstream in
        indices.withUnsafeBufferPointer { indices in
          for i in plane * outputPlane..<(plane + 1) * outputPlane where indices[i] >= 0 {
            dx[Int(indices[i])] += upstream[i]
          }
        }
      }
    }
  }

  func average(_ x: Tensor<Scalar>, _ divisor: AverageDivisor) -> Tensor<Scalar> {
    pooled(x) { input, _, output in average(input, divisor, into: output) }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func average(
    _ input: UnsafePointer<Scalar>, _ divisor: AverageDivisor, into y: UnsafeMutablePointer<Scalar>
  ) {
    forEachWindow { output, z, row, column in
      var sum: Scalar = 0
      forEachSample(z, row, column) { sum += input[$0] }
      (y + output).initialize(to: sum / Scalar(count(z, row, column, divisor)))
    }
  }

  func averageGradient(_ upstream: Tensor<Scalar>, _ divisor: AverageDivisor) -> Tensor<Scalar> {
    scattered { plane, dx in
      upstream.withUnsafeBufferPointer { averageGradient($0.baseAddress! + plane * outputPlane, divisor, dx) }
    }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func averageGradient(
    _ upstream: UnsafePointer<Scalar>, _ divisor: AverageDivisor, _ dx: UnsafeMutablePointer<Scalar>
  ) {
    forEachWindow { output, z, row, column in
      let share = upstream[output] / Scalar(count(z, row, column, divisor))
      forEachSample(z, row, column) { dx[$0] += share }
    }
  }

  /// An output of the geometry's shape, each plane written by `body` from the input's.
  func pooled(
    _ x: Tensor<Scalar>,
    _ body: (_ input: UnsafePointer<Scalar>, _ plane: Int, _ output: UnsafeMutablePointer<Scalar>) -> Void
  ) -> Tensor<Scalar> {
    x.withUnsafeBufferPointer { x in
      Tensor(unsafeUninitializedShape: geometry.outputShape) { y in
        let (x, y) = (x.baseAddress!, y.baseAddress!)
        ThreadPool.shared.parallelFor(planes) { body(x + $0 * inputPlane, $0, y + $0 * outputPlane) }
      }
    }
  }

  func count(_ z: Reach, _ y: Reach, _ x: Reach, _ divisor: AverageDivisor) -> Int {
    switch divisor {
    case .paddedWindow: z.paddedLength * y.paddedLength * x.paddedLength
    case .samples: z.samples.count * y.samples.count * x.samples.count
    case .fixed(let count): count
    }
  }

  /// A gradient of the input's shape, each plane zeroed and then added to by `body`.
  func scattered(_ body: (_ plane: Int, _ dx: UnsafeMutablePointer<Scalar>) -> Void) -> Tensor<Scalar> {
    Tensor(unsafeUninitializedShape: geometry.inputShape) { dx in
      let dx = dx.baseAddress!
      ThreadPool.shared.parallelFor(planes) { plane in
        let start = dx + plane * inputPlane
        start.initialize(repeating: 0, count: inputPlane)
        body(plane, start)
      }
    }
  }
}
