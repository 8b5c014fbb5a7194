import Tensors

/// Resizing of photos of eight bits as Pillow's `Image.resize`, bit for bit: along rows and then along columns, each time to
/// whole numbers from 0 to 255, with weights in fixed point. Kernels widen with the scale where samples become fewer.
/// (Pillow 13 goes along columns first where height shrinks by much more than width: not in photos that keep their proportions.)
struct PhotoResampling {
  /// An axis's outputs: weights of the samples from the first on, for each as many.
  private struct Axis {
    var first: [Int] = []
    var weights: [Int32] = []
    var longest = 0
  }

  /// Binary places of the weights: eight bits of samples and two for sums beyond one leave so many.
  private static let places: Int32 = 22

  let isCubic: Bool

  /// - Parameter x: planes of samples from 0 to 255, `[..., H, W]`; rounded if they are not whole.
  /// - Returns: `[..., size]`
  /// - Precondition: no size is 0.
  func callAsFunction(_ x: Tensor<Float>, _ size: (height: Int, width: Int)) -> Tensor<Float> {
    let rank = x.shape.rank
    let (height, width) = (x.shape[rank - 2], x.shape[rank - 1])
    let planes = x.shape.dimensions[..<(rank - 2)].reduce(1, *)
    var samples = x.withUnsafeBufferPointer { x in
      x.map { UInt8(min(255, max(0, ($0 + 0.5).rounded(.down)))) }
    }
    if size.width != width {
      samples = resampled(samples, lines: planes * height, count: width, inner: 1, to: size.width)
    }
    if size.height != height {
      samples = resampled(samples, lines: planes, count: height, inner: size.width, to: size.height)
    }
    return Tensor(
      samples.map(Float.init), shape: Shape(x.shape.dimensions[..<(rank - 2)] + [size.height, size.width]))
  }

  /// The axis of `count` samples, `inner` elements apart, of each line.
  private func resampled(
    _ x: [UInt8], lines: Int, count: Int, inner: Int, to outputs: Int
  ) -> [UInt8] {
    let axis = axis(count, outputs)
    return [UInt8](unsafeUninitializedCapacity: lines * outputs * inner) { y, initialized in
      initialized = lines * outputs * inner
      guard initialized > 0 else { return }
      nonisolated(unsafe) let y = y.baseAddress!
      x.withUnsafeBufferPointer { x in
        axis.weights.withUnsafeBufferPointer { weights in
          ThreadPool.shared(for: lines * outputs * inner * axis.longest).parallelFor(lines) { line in
            for i in 0..<outputs {
              let first = axis.first[i]
              Self.add(
                x.baseAddress! + (line * count + first) * inner, inner: inner,
                weights.baseAddress! + i * axis.longest, taps: min(axis.longest, count - first),
                to: y + (line * outputs + i) * inner)
            }
          }
        }
      }
    }
  }

  /// One output of an axis: `inner` of them side by side.
  private static func add(
    _ x: UnsafePointer<UInt8>, inner: Int, _ weights: UnsafePointer<Int32>, taps: Int,
    to y: UnsafeMutablePointer<UInt8>
  ) {
    let half: Int32 = 1 << (places - 1)
    func sample(_ sum: Int32) -> UInt8 { UInt8(truncatingIfNeeded: min(255, max(0, sum >> places))) }
    if inner == 1 {
      var sum = half
      for j in 0..<taps { sum &+= Int32(x[j]) &* weights[j] }
      y.initialize(to: sample(sum))
      return
    }
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: inner) { sums in
      sums.initialize(repeating: half)
      for j in 0..<taps {
        for k in 0..<inner { sums[k] &+= Int32(x[j * inner + k]) &* weights[j] }
      }
      for k in 0..<inner { (y + k).initialize(to: sample(sums[k])) }
    }
  }

  private func axis(_ count: Int, _ outputs: Int) -> Axis {
    let scale = Double(count) / Double(outputs)
    let wide = max(1, scale)
    let narrowed = 1 / wide
    let support = (isCubic ? 2 : 1) * wide
    var axis = Axis()
    axis.longest = Int(support.rounded(.up)) * 2 + 1
    for i in 0..<outputs {
      let center = (Double(i) + 0.5) * scale
      let first = max(0, Int(center - support + 0.5))
      let end = min(count, Int(center + support + 0.5))
      let weights = (first..<end).map { kernel((Double($0) - center + 0.5) * narrowed) }
      let sum = weights.reduce(0, +)
      axis.first.append(first)
      for j in 0..<axis.longest {
        let weight = j < weights.count ? weights[j] / sum * Double(1 << Self.places) : 0
        axis.weights.append(Int32(weight < 0 ? weight - 0.5 : weight + 0.5))
      }
    }
    return axis
  }

  /// Linear, or Keys's cubic of -1/2.
  private func kernel(_ x: Double) -> Double {
    let x = abs(x)
    if !isCubic { return max(0, 1 - x) }
    let a = -0.5
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
  }
}
