// Image filters on a 3840x2160 image: one JSON line a case. usage: filters [THREADS] [SECONDS PER CASE] [ONLY NAMES WITH]
import Convolve
import Foundation

let threads = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1])! : 2
let budget = CommandLine.arguments.count > 2 ? Double(CommandLine.arguments[2])! : 1
let only = CommandLine.arguments.count > 3 ? CommandLine.arguments[3] : ""
let pool = ThreadPool(threads: threads)
let (height, width) = (2160, 3840)
var generator = SeededGenerator(seed: 0)

let rgb = Tensor<UInt8>(
  (0..<height * width * 3).map { _ in UInt8.random(in: 0...255, using: &generator) },
  shape: [height, width, 3])
let gray = Tensor<Float>.random(in: 0...1, shape: [height, width, 1], using: &generator)

/// The median time of calls, in milliseconds.
func median(_ call: () -> Void) -> Double {
  call()
  var times: [Double] = []
  let clock = ContinuousClock()
  let end = clock.now + .seconds(budget)
  while times.count < 3 || clock.now < end {
    let time = clock.measure(call)
    times.append(Double(time.components.attoseconds) * 1e-15 + Double(time.components.seconds) * 1e3)
  }
  return times.sorted()[times.count / 2]
}

func report(_ fields: [(String, String)]) {
  print("{" + fields.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}")
  fflush(nil)
}

/// Times a filter that makes a new image, as the peers' calls do.
func measure<In: TensorScalar, Out: TensorScalar>(
  _ name: String, _ banks: [KernelBank], _ image: Tensor<In>, _ type: SampleType, to output: Out.Type
) {
  guard only.isEmpty || name.contains(only) else { return }
  let layout = SampleLayout(
    height: height, width: width, channels: image.shape[2], type: type)
  let precision: FilterPlan.Precision = type == .uint8 ? .truncation(0.45 / 255) : .exact
  let plan = try! FilterPlan(
    banks, input: layout, outputType: type, border: .reflect, precision: precision)
  let time = median {
    _ = image.withUnsafeBufferPointer { source in
      Tensor<Out>(unsafeUninitializedShape: image.shape) { destination in
        plan.run(source.baseAddress!, into: destination.baseAddress!, pool: pool)
      }
    }
  }
  let operations =
    2 * Double(plan.stages[0].plans.reduce(0) { $0 + $1.operationsPerSample })
    * Double(image.shape.count)
  report([
    ("filter", "\"\(name)\""), ("threads", "\(threads)"), ("ms", String(format: "%.3f", time)),
    ("gflops", String(format: "%.1f", operations / time * 1e-6)),
    ("method", "\"\(plan.stages[0].plans[0].method.rawValue)\""),
  ])
}

func both(_ name: String, _ kernel: Kernel) {
  measure("rgb8 \(name)", [KernelBank(kernel)], rgb, .uint8, to: UInt8.self)
  measure("gray32f \(name)", [KernelBank(kernel)], gray, .float32, to: Float.self)
}

func gaussian(_ sigma: Double, _ radius: Int) -> Kernel {
  let line = (-radius...radius).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
  let total = line.reduce(0, +)
  let n = line.count
  return try! Kernel(
    rows: n, columns: n,
    coefficients: (0..<n * n).map { line[$0 / n] * line[$0 % n] / (total * total) })
}

do {
  let values = UnsafeMutablePointer<Float>.allocate(capacity: 64)
  values.initialize(repeating: 1e-3, count: 64)
  let kernels = Microkernels()
  var best = 0.0
  for _ in 0..<10 {
    values.update(repeating: 1e-3, count: 64)
    var operations = 0
    let time = ContinuousClock().measure {
      operations = kernels.multiplyAddPeak(iterations: 1_000_000, values)
    }
    best = max(best, Double(operations) / (Double(time.components.attoseconds) * 1e-18) * 1e-9)
  }
  report([("peak", String(format: "%.1f", best)), ("isa", "\"\(InstructionSet.current.rawValue)\"")])
}

if threads == 1 {
  for size in [3, 5, 7, 11, 15, 31] {
    let gflops = tileThroughput(kernelSize: size, median: median)
    report([("tile", "\"\(size)x\(size)\""), ("gflops", String(format: "%.1f", gflops))])
  }
}

for size in [3, 5, 7, 11, 15, 31] {
  let kernel = try! Kernel(
    rows: size, columns: size,
    coefficients: Tensor<Double>.randomNormal(shape: [size * size], using: &generator).scalars.map {
      $0 / Double(size)
    })
  both("\(size)x\(size)", kernel)
}
for size in [127, 255] {
  let kernel = try! Kernel(
    rows: size, columns: size,
    coefficients: Tensor<Double>.randomNormal(shape: [size * size], using: &generator).scalars.map {
      $0 / Double(size)
    })
  measure("gray32f \(size)x\(size)", [KernelBank(kernel)], gray, .float32, to: Float.self)
}
// The peers' own radii: OpenCV takes 3 sigma for 8-bit images and 4 sigma for float.
for sigma in [1, 2, 10] {
  measure(
    "rgb8 gaussian sigma \(sigma)", [KernelBank(gaussian(Double(sigma), 3 * sigma))], rgb, .uint8,
    to: UInt8.self)
  measure(
    "gray32f gaussian sigma \(sigma)", [KernelBank(gaussian(Double(sigma), 4 * sigma))], gray, .float32,
    to: Float.self)
}
let sobel = try! Kernel(rows: 3, columns: 3, coefficients: [-1, 0, 1, -2, 0, 2, -1, 0, 1])
measure("gray32f sobel", [KernelBank(sobel)], gray, .float32, to: Float.self)
measure(
  "rgb8 box 15x15",
  [KernelBank(try! Kernel(rows: 15, columns: 15, coefficients: Array(repeating: 1 / 225, count: 225)))], rgb,
  .uint8, to: UInt8.self)
