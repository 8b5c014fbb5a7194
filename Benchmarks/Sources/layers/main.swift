import Convolve
import Foundation

// Single convolution layers: medians of wall time as JSON lines. usage: layers THREADS BATCH [SECONDS PER LAYER [denormal]]

let arguments = CommandLine.arguments
guard arguments.count >= 3, let threads = Int(arguments[1]), let batch = Int(arguments[2]) else {
  fatalError("usage: layers THREADS BATCH [SECONDS PER LAYER [denormal]]")
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
    let elapsed = clock.now - start
    times.append(Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18)
  }
  return times.sorted()[times.count / 2]
}

// Inputs so small that every product with a weight is denormal.
let scale: Float = arguments.count > 4 && arguments[4] == "denormal" ? .leastNormalMagnitude / 16 : 1

let only = ProcessInfo.processInfo.environment["LAYERS"]

var generator = SeededGenerator(seed: 1)
for layer in layers where only.map({ layer.name.contains($0) }) ?? true {
  let x = Tensor<Float>.random(
    in: -scale...scale, shape: Shape([batch, layer.inChannels] + layer.size), using: &generator)
  let sides =
    layer.isTransposed
    ? [layer.inChannels, layer.outChannels / layer.groups]
    : [layer.outChannels, layer.inChannels / layer.groups]
  let weight = Tensor<Float>.random(in: -1...1, shape: Shape(sides + layer.kernel), using: &generator)
  let options = ConvolutionGeometry.Options(
    stride: layer.stride, padding: Padding(.explicit(layer.padding.map { .init($0, $0) })),
    dilation: [layer.dilation], groups: layer.groups)
  let geometry =
    layer.isTransposed
    ? try ConvolutionGeometry(transposedInput: x.shape, weight: weight.shape, options)
    : try ConvolutionGeometry(input: x.shape, weight: weight.shape, options)
  let plan =
    layer.isTransposed
    ? try ConvolutionPlan(transposing: geometry, weight: weight)
    : try ConvolutionPlan(geometry, weight: weight)
  let places = layer.isTransposed ? x.shape.count : geometry.outputShape.count
  let products = places * weight.shape.dimensions[1...].reduce(1, *)
  let forward = try median { _ = try plan(x) }
  let gigaflops = 2e-9 * Double(products)
  print(
    "{\"layer\": \"\(layer.name)\", \"threads\": \(threads), \"batch\": \(batch), \"convolve\": \((gigaflops / forward * 10).rounded() / 10)}"
  )
}
