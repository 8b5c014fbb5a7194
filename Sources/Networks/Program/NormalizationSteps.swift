import Tensors

// Batch normalisation in training, channel by channel: a channel's planes are summed by vectors in float32 within a plane
// and in float64 across planes, by one thread, so that the bits do not depend on how many there are.

/// Where the planes of a channel lie.
private struct Planes {
  let samples: Int
  let channels: Int
  let inner: Int

  init(_ shape: Shape) {
    (samples, channels) = (shape[0], shape[1])
    inner = shape.dimensions[2...].reduce(1, *)
  }

  var count: Double { Double(samples * inner) }

  /// The sum over a channel of what `body` makes of each element's place: a vector's, and one element's.
  @inline(__always)
  func sum(
    _ channel: Int, _ body: (Int) -> SIMD16<Float>, _ single: (Int) -> Float
  ) -> Double {
    var total = 0.0
    for n in 0..<samples {
      let start = (n * channels + channel) * inner
      var sums = SIMD16<Float>.zero
      var i = 0
      while i + 16 <= inner {
        sums += body(start + i)
        i += 16
      }
      var rest: Float = 0
      while i < inner {
        rest += single(start + i)
        i += 1
      }
      total += Double(sums.sum() + rest)
    }
    return total
  }

  @inline(__always)
  func forEach(_ channel: Int, _ body: (Int) -> Void, _ single: (Int) -> Void) {
    for n in 0..<samples {
      let start = (n * channels + channel) * inner
      var i = 0
      while i + 16 <= inner {
        body(start + i)
        i += 16
      }
      while i < inner {
        single(start + i)
        i += 1
      }
    }
  }
}

@inline(__always)
private func load(_ x: UnsafePointer<Float>, _ i: Int) -> SIMD16<Float> {
  UnsafeRawPointer(x + i).loadUnaligned(as: SIMD16<Float>.self)
}

@inline(__always)
private func store(_ v: SIMD16<Float>, _ y: UnsafeMutablePointer<Float>, _ i: Int) {
  UnsafeMutableRawPointer(y + i).storeBytes(of: v, as: SIMD16<Float>.self)
}

func channelSumStep(_ site: StepSite) -> PointerStep {
  let planes = Planes(site.inputs[0].shape)
  let (x, y) = (site.pointer(0), site.outputPointer)
  return PointerStep {
    ThreadPool.shared.parallelFor(planes.channels) { c in
      y[c] = Float(planes.sum(c, { load(x, $0) }, { x[$0] }))
    }
  }
}

func batchStatisticsStep(_ site: StepSite) -> PointerStep {
  let planes = Planes(site.inputs[0].shape)
  let (x, y) = (site.pointer(0), site.outputPointer)
  return PointerStep {
    ThreadPool.shared.parallelFor(planes.channels) { c in
      let mean = Float(planes.sum(c, { load(x, $0) }, { x[$0] }) / planes.count)
      let center = SIMD16(repeating: mean)
      let squares = planes.sum(
        c,
        {
          let d = load(x, $0) - center
          return d * d
        }, { (x[$0] - mean) * (x[$0] - mean) })
      y[c] = mean
      y[planes.channels + c] = Float(squares / planes.count)
    }
  }
}

func batchNormStep(_ site: StepSite, _ epsilon: Double) -> PointerStep {
  let planes = Planes(site.output.shape)
  let (x, statistics, weight, bias) = (site.pointer(0), site.pointer(1), site.pointer(2), site.pointer(3))
  let y = site.outputPointer
  return PointerStep {
    ThreadPool.shared.parallelFor(planes.channels) { c in
      let inverse = 1 / (Double(statistics[planes.channels + c]) + epsilon).squareRoot()
      let scale = Float(Double(weight[c]) * inverse)
      let (mean, shift) = (statistics[c], bias[c])
      planes.forEach(
        c, { store((load(x, $0) - mean) * scale + shift, y, $0) }, { y[$0] = (x[$0] - mean) * scale + shift })
    }
  }
}

func batchNormSumsStep(_ site: StepSite, _ epsilon: Double) -> PointerStep {
  let planes = Planes(site.inputs[0].shape)
  let (u, x, statistics) = (site.pointer(0), site.pointer(1), site.pointer(2))
  let y = site.outputPointer
  return PointerStep {
    ThreadPool.shared.parallelFor(planes.channels) { c in
      let inverse = 1 / (Double(statistics[planes.channels + c]) + epsilon).squareRoot()
      let mean = statistics[c]
      // One pass for both: the products' sum rides along.
      var products = 0.0
      var sum = 0.0
      for n in 0..<planes.samples {
        let start = (n * planes.channels + c) * planes.inner
        var (a, b) = (SIMD16<Float>.zero, SIMD16<Float>.zero)
        var i = 0
        while i + 16 <= planes.inner {
          let v = load(u, start + i)
          a += v
          b += v * (load(x, start + i) - mean)
          i += 16
        }
        var (restA, restB) = (Float(0), Float(0))
        while i < planes.inner {
          restA += u[start + i]
          restB += u[start + i] * (x[start + i] - mean)
          i += 1
        }
        sum += Double(a.sum() + restA)
        products += Double(b.sum() + restB)
      }
      y[c] = Float(sum)
      y[planes.channels + c] = Float(products * inverse)
    }
  }
}

func batchNormInputGradientStep(_ site: StepSite, _ epsilon: Double) -> PointerStep {
  let planes = Planes(site.output.shape)
  let (u, x, statistics, weight, sums) = (
    site.pointer(0), site.pointer(1), site.pointer(2), site.pointer(3), site.pointer(4)
  )
  let y = site.outputPointer
  return PointerStep {
    ThreadPool.shared.parallelFor(planes.channels) { c in
      let inverse = 1 / (Double(statistics[planes.channels + c]) + epsilon).squareRoot()
      let mean = statistics[c]
      // w / s * (u - mean(u) - (x - m) / s * mean(u (x - m) / s))
      let scale = Float(Double(weight[c]) * inverse)
      let average = Float(Double(sums[c]) / planes.count)
      let slope = Float(Double(sums[planes.channels + c]) / planes.count * inverse)
      planes.forEach(
        c, { store((load(u, $0) - average - (load(x, $0) - mean) * slope) * scale, y, $0) },
        { y[$0] = (u[$0] - average - (x[$0] - mean) * slope) * scale })
    }
  }
}
