import Convolve
import Foundation

// Single convolution layers: GFLOP/s of direct convolution by the median of wall times, as JSON lines.
// usage: layers THREADS BATCH [SECONDS PER LAYER [denormal]], or layers list
// GRADIENTS=1 measures the gradients too. LAYERS=TEXT in the environment runs the layers alone whose names hold it; ALGORITHM=NAME forces an algorithm.

let arguments = CommandLine.arguments
if arguments.count == 2, arguments[1] == "list" {
  for layer in layers { print(layer.json) }
  exit(0)
}
guard arguments.count >= 3, let threads = Int(arguments[1]), let batch = Int(arguments[2]) else {
  fatalError("usage: layers THREADS BATCH [SECONDS PER LAYER [denormal]], or layers list")
}
let seconds = arguments.count > 3 ? Double(arguments[3]) ?? 0.4 : 0.4
ThreadPool.setSharedThreadCount(threads)

/// The median time of a call, in seconds.
func median(_ body: () throws -> Void) rethrows -> Double {
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

/// What the cores reach on multiply-adds in registers alone, in GFLOP/s.
func peak() -> Double {
  let kernels = Microkernels()
  let iterations = 2_000_000
  let time = median {
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
  return Double(operations * iterations * threads) / time * 1e-9
}

print("{\"threads\": \(threads), \"peak\": \(peak())}")

// Inputs so small that every product with a weight is denormal.
let isDenormal = arguments.count > 4 && arguments[4] == "denormal"
let scale: Float = isDenormal ? .leastNormalMagnitude / 16 : 1
let measuresGradients = ProcessInfo.processInfo.environment["GRADIENTS"] != nil
let only = ProcessInfo.processInfo.environment["LAYERS"]
let algorithm = ProcessInfo.processInfo.environment["ALGORITHM"].flatMap(ConvolutionPlan.Algorithm.init)
var generator = SeededGenerator(seed: 1)
for layer in layers where only.map({ layer.name.contains($0) }) ?? true {
  let x = Tensor<Float>.random(
    in: -scale...scale, shape: Shape([batch, layer.inChannels] + layer.size), using: &generator)
  let weight = Tensor<Float>.random(in: -1...1, shape: Shape(layer.weight), using: &generator)
  let options = ConvolutionGeometry.Options(
    stride: layer.stride, padding: Padding(.explicit(layer.padding.map { .init($0, $0) })),
    dilation: [layer.dilation], groups: layer.groups)
  let plan =
    layer.isTransposed
    ? try ConvolutionPlan(
      transposing: ConvolutionGeometry(transposedInput: x.shape, weight: weight.shape, options),
      weight: weight, options: .init(algorithm: algorithm))
    : try ConvolutionPlan(
      ConvolutionGeometry(input: x.shape, weight: weight.shape, options), weight: weight,
      options: .init(algorithm: algorithm))
  let forward = try median { _ = try plan(x) }
  let rate = (Double(batch) * layer.gigaflops / forward * 10).rounded() / 10
  var line =
    "{\"layer\": \"\(layer.name)\", \"threads\": \(threads), \"batch\": \(batch), \"convolve\": \(rate), "
    + "\"method\": \"\(plan.algorithm.rawValue)\""
  if measuresGradients, !layer.isTransposed {
    // As in training: weights are packed at every step, forward too.
    let upstream = Tensor<Float>.random(in: -1...1, shape: plan.outputShape, using: &generator)
    let packed = try median { _ = try conv(x, weight: weight, options) }
    let input = try median {
      _ = try convInputGradient(upstream: upstream, weight: weight, inputShape: x.shape, options)
    }
    let weights = try median {
      _ = try convWeightGradient(upstream: upstream, input: x, weightShape: weight.shape, options)
    }
    let rates = [packed, input, weights].map { (Double(batch) * layer.gigaflops / $0 * 10).rounded() / 10 }
    line += ", \"packing\": \(rates[0]), \"input gradient\": \(rates[1]), \"weight gradient\": \(rates[2])"
  }
  print(line + "}")
}
