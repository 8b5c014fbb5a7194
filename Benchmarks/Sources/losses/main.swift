import Convolve
import Foundation

// The losses of LeNet-5's first steps on a data set, images in order, beside another program's.
// usage: losses DATA WEIGHTS.safetensors STEPS LOSSES.csv FIGURE.png: the CSV has the other's losses, one a line.

let arguments = CommandLine.arguments
let (path, weights, steps) = (arguments[1], arguments[2], Int(arguments[3])!)
let others = try String(contentsOfFile: arguments[4], encoding: .utf8).split(separator: "\n").map {
  Double($0)!
}

let batch = 64
let data = try DatasetFolder(path)
let network = LeNet5(padding: 2)
let graph = Graph(network, mode: .training)
let x = graph.input("images", Shape([batch] + data.training.imageShape.dimensions))
let targets = graph.input("targets", [batch])
let training = try TrainingProgram(graph, loss: try network(x).crossEntropy(targets))
try training.program.load(try Safetensors(path: weights).state)
let loader = DataLoader(data.training, batchSize: batch, mean: data.mean, deviation: data.deviation)
var optimizer = SGD(learningRate: 0.01, momentum: 0.9, weightDecay: 5e-4)
var losses: [Double] = []
try loader.forEachBatch(epoch: 0) { batch, k in
  try training.fill("images") { to in
    batch.images.withUnsafeBufferPointer { _ = to.update(fromContentsOf: $0) }
  }
  try training.fill("targets") { to in for i in to.indices { to[i] = Float(batch.labels[i]) } }
  losses.append(Double(try training.run()))
  training.step(&optimizer)
  return k + 1 < steps
}
let relative = zip(losses, others).map { abs($0 - $1) / $1 }
print("greatest relative difference over \(losses.count) steps: \(relative.max()!)")

var drawing = Drawing(width: 800, height: 420)
let greatest = max(losses.max()!, others.max()!)
@MainActor func point(_ i: Int, _ loss: Double) -> (Double, Double) {
  (60 + 700 * Double(i) / Double(losses.count - 1), 40 + 330 * (1 - loss / greatest))
}
for i in 0...4 {
  let value = greatest * Double(i) / 4
  drawing.line([point(0, value), point(losses.count - 1, value)], .grey)
  drawing.text(54, point(0, value).1 + 4, String(format: "%.1f", value), size: 11, anchor: .end)
}
drawing.line(others.enumerated().map { point($0, $1) }, .red, width: 4)
drawing.line(losses.enumerated().map { point($0, $1) }, .blue, width: 1.5)
drawing.text(
  60, 24, "loss of LeNet-5, the same weights and batches: PyTorch (red), Convolve (blue)", size: 13)
drawing.text(410, 405, "step", size: 12, anchor: .middle)
try drawing.image.write(to: arguments[5], replacing: true)
