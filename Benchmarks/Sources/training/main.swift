import Convolve
import Foundation

// One training step (forward, backward, SGD with momentum), as JSON lines. usage: training THREADS SECONDS [CASE...]
// A case is a network and a batch: lenet5:64.

let threads = Int(CommandLine.arguments[1])!
let seconds = Double(CommandLine.arguments[2])!
let cases =
  CommandLine.arguments.count > 3
  ? Array(CommandLine.arguments[3...])
  : ["lenet5:64", "lenet5:256", "resnet18_cifar:64", "resnet18:8", "vgg11:4"]
ThreadPool.setSharedThreadCount(threads)

/// The most memory that the process has held, in bytes.
func greatestMemory() -> Int {
  var usage = rusage()
  #if canImport(Darwin)
    getrusage(RUSAGE_SELF, &usage)
    return usage.ru_maxrss
  #else
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  #endif
}

for item in cases {
  let before = greatestMemory()
  let parts = item.split(separator: ":")
  let batch = Int(parts[1])!
  let (network, shape, classes): (any Layer, [Int], Int) =
    switch parts[0] {
    case "lenet5": (LeNet5(padding: 2), [1, 28, 28], 10)
    case "resnet18_cifar": (ResNet(.resNet18, classes: 10, stem: .cifar), [3, 32, 32], 10)
    case "resnet18": (ResNet(.resNet18), [3, 224, 224], 1000)
    case "vgg11": (VGG(.vgg11), [3, 224, 224], 1000)
    default: fatalError("no network \(parts[0])")
    }
  let graph = Graph(network, mode: .training)
  let x = graph.input("x", Shape([batch] + shape))
  let targets = graph.input("targets", [batch])
  let loss = try network(x).crossEntropy(targets)
  let training = try TrainingProgram(graph, loss: loss)
  try training.program.load(StateDict(initializing: graph.parameters))
  var generator = SeededGenerator(seed: 1)
  let images = Tensor<Float>.randomNormal(shape: x.shape, using: &generator)
  var optimizer = SGD(learningRate: 0.01, momentum: 0.9)
  func step() throws {
    try training.fill("x") { to in images.withUnsafeBufferPointer { _ = to.update(fromContentsOf: $0) } }
    try training.fill("targets") { to in for i in to.indices { to[i] = Float(i * 7 % classes) } }
    _ = try training.run()
    training.step(&optimizer)
  }
  try step()
  try step()
  // Each step's time instead, in order.
  if ProcessInfo.processInfo.environment["PROFILE"] != nil {
    for (name, seconds) in try training.program.profile() { print("\(seconds * 1e3) \(name)") }
    continue
  }
  var times: [Double] = []
  let end = Date().addingTimeInterval(seconds)
  while times.count < 3 || Date() < end {
    let start = ContinuousClock.now
    try step()
    times.append((ContinuousClock.now - start) / .milliseconds(1))
  }
  times.sort()
  print(
    "{\"train\": \"\(parts[0])\", \"batch\": \(batch), \"threads\": \(threads), \"peer\": \"convolve\", "
      + "\"ms\": \(times[times.count / 2]), \"grown_bytes\": \(greatestMemory() - before), "
      + "\"peak_bytes\": \(training.program.peakBytes), \"tensor_bytes\": \(training.program.tensorBytes)}")
}
