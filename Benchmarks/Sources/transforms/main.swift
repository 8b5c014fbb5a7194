// Fourier transforms of real float32 images: one JSON line a size. usage: transforms [THREADS] [SECONDS PER CASE]
import Convolve
import Foundation

let threads = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1])! : 2
let budget = CommandLine.arguments.count > 2 ? Double(CommandLine.arguments[2])! : 0.5
ThreadPool.setSharedThreadCount(threads)

/// The median time of calls, in seconds.
func medianTime(seconds: Double, _ call: () throws -> Void) rethrows -> Double {
  try call()
  var times: [Double] = []
  let clock = ContinuousClock()
  let end = clock.now + .seconds(seconds)
  while times.count < 5 || clock.now < end {
    times.append(try clock.measure(call) / .seconds(1))
  }
  return times.sorted()[times.count / 2]
}

var generator = SeededGenerator(seed: 0)
for size in [
  [256, 256], [512, 512], [1024, 1024], [2048, 2048], [1080, 1920], [1000, 1000], [1013, 1013],
] {
  let image = Tensor<Float>.randomNormal(shape: Shape(size), using: &generator)
  let time = try medianTime(seconds: budget) { _ = try rfft(image) }
  let spectrum = try rfft(image)
  let back = try medianTime(seconds: budget) { _ = try irfft(spectrum, count: size[1]) }
  let name = size.map(String.init).joined(separator: "x")
  print(
    String(
      format: #"{"size": "%@", "threads": %d, "ms": %.4f, "inverse": %.4f}"#, name, threads, time * 1e3,
      back * 1e3))
  fflush(nil)
}

// Templates on a 3840x2160 image.
let photo = Tensor<Float>.random(in: 0...1, shape: [1, 2160, 3840], using: &generator)
for side in [32, 64, 256] {
  let template = photo.slice(700..<700 + side, axis: 1).slice(1500..<1500 + side, axis: 2)
  let time = try medianTime(seconds: budget) { _ = try matchTemplate(photo, template) }
  print(String(format: #"{"size": "match %d", "threads": %d, "ms": %.4f}"#, side, threads, time * 1e3))
  fflush(nil)
}
