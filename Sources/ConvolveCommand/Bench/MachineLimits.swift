import Convolve

/// What this machine can do at most, measured: the lines of a roofline.
struct MachineLimits: Encodable {
  let processor: String
  let threads: Int
  /// Multiply-adds in registers alone on all threads, in GFLOP/s.
  let peak: Double
  /// Bytes read and written by a sum of two long vectors into a third, in GB/s: STREAM's "add", without the lines that
  /// are read before they are written.
  let bandwidth: Double

  init(threads: Int, seconds: Double) {
    self.threads = threads
    processor = ConvolutionTuning.currentProcessor()
    let kernels = Microkernels()
    let iterations = 400_000
    let peakTime = medianTime(seconds: seconds) {
      ThreadPool.shared.parallelFor(threads) { _ in
        var values = [Float](repeating: 0.5, count: 64)
        values.withUnsafeMutableBufferPointer {
          _ = kernels.multiplyAddPeak(iterations: iterations, $0.baseAddress!)
        }
      }
    }
    var values = [Float](repeating: 0.5, count: 64)
    let operations = values.withUnsafeMutableBufferPointer {
      kernels.multiplyAddPeak(iterations: 1, $0.baseAddress!)
    }
    peak = Double(operations * iterations * threads) / peakTime * 1e-9

    // Far beyond any cache.
    let count = 16 << 20
    let (a, b) = (Tensor<Float>(repeating: 1, shape: [count]), Tensor<Float>(repeating: 2, shape: [count]))
    var sum = Tensor<Float>(zeros: [count])
    let bandwidthTime = a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        sum.withUnsafeMutableBufferPointer { sum in
          let (a, b, sum) = (a.baseAddress!, b.baseAddress!, sum.baseAddress!)
          return medianTime(seconds: seconds) {
            let piece = 1 << 18
            ThreadPool.shared.parallelFor(count / piece) { i in
              kernels.add(a + i * piece, b + i * piece, into: sum + i * piece, count: piece)
            }
          }
        }
      }
    }
    bandwidth = Double(3 * 4 * count) / bandwidthTime * 1e-9
  }

  /// The most GFLOP/s at so many operations a byte.
  func roof(intensity: Double) -> Double { min(peak, intensity * bandwidth) }
}

/// The median time of a call, in seconds, over at least five calls.
func medianTime<Failure: Error>(seconds: Double, _ body: () throws(Failure) -> Void) throws(Failure) -> Double
{
  try body()
  var times: [Double] = []
  let clock = ContinuousClock()
  let end = clock.now + .seconds(seconds)
  while times.count < 5 || clock.now < end {
    let start = clock.now
    try body()
    times.append((clock.now - start) / .seconds(1))
  }
  return times.sorted()[times.count / 2]
}
