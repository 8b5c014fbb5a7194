import Files
import Networks
import TensorFiles
import Tensors

/// Where a training stands: everything that it takes to go on to the same bits.
struct Checkpoint {
  var epoch = 0
  /// Batches of the epoch that are done, and what they have summed up.
  var batch = 0
  var lossSum = 0.0
  var correct = 0
  var steps = 0
  var runs: UInt64 = 0
  var bestScore = -Double.infinity
  var bestEpoch = 0
  var state = StateDict()
  var average: StateDict?
  var memory = OptimizerMemory()
  var options = ""

  func write(to path: String, parameterNames: [String]) throws(FileError) {
    let part = parts(parameterNames: parameterNames)
    try Safetensors(part.tensors, metadata: part.numbers).write(to: path, replacing: true)
  }

  /// What is kept, under names that may have something before them.
  func parts(
    _ prefix: String = "", parameterNames: [String]
  ) -> (tensors: [(name: String, tensor: Tensor<Float>)], numbers: [String: String]) {
    var tensors = state.names.map { ("model.\($0)", state[$0]!) }
    if let average { tensors += average.names.map { ("average.\($0)", average[$0]!) } }
    for (slot, values) in memory.slots.enumerated() {
      for (name, value) in zip(parameterNames, values) {
        tensors.append(("optimizer.\(slot).\(name)", value))
      }
    }
    let numbers: [(String, String)] = [
      ("epoch", "\(epoch)"), ("batch", "\(batch)"), ("lossSum", "\(lossSum)"), ("correct", "\(correct)"),
      ("steps", "\(steps)"), ("runs", "\(runs)"), ("bestScore", "\(bestScore)"),
      ("bestEpoch", "\(bestEpoch)"), ("optimizerSteps", "\(memory.steps)"), ("options", options),
    ]
    return (
      tensors.map { (name: prefix + $0.0, tensor: $0.1) },
      Dictionary(uniqueKeysWithValues: numbers.map { (prefix + $0.0, $0.1) })
    )
  }

  init() {}

  init(path: String, parameterNames: [String]) throws {
    try self.init(Safetensors(path: path), path: path, parameterNames: parameterNames)
  }

  /// - Throws: where the file, read from `path`, lacks something.
  init(_ file: Safetensors, _ prefix: String = "", path: String, parameterNames: [String]) throws {
    let tensors = StateDict(file.tensors.map { ($0.name, $0.tensor) })
    func number<Number: LosslessStringConvertible>(_ name: String) throws -> Number {
      guard let value = file.metadata[prefix + name].flatMap({ Number($0) }) else {
        throw FileError(path, "is no checkpoint of a training: it has no \(name)")
      }
      return value
    }
    epoch = try number("epoch")
    batch = try number("batch")
    lossSum = try number("lossSum")
    correct = try number("correct")
    steps = try number("steps")
    runs = try number("runs")
    bestScore = try number("bestScore")
    bestEpoch = try number("bestEpoch")
    options = try number("options")
    func part(_ kind: String) -> StateDict {
      let prefix = prefix + kind
      return StateDict(
        tensors.names.filter { $0.hasPrefix(prefix) }.map {
          (String($0.dropFirst(prefix.count)), tensors[$0]!)
        })
    }
    state = part("model.")
    let average = part("average.")
    self.average = average.count > 0 ? average : nil
    var slots: [[Tensor<Float>]] = []
    while slots.count < 2 {
      let values = part("optimizer.\(slots.count).")
      if values.count == 0 { break }
      slots.append(
        try parameterNames.map { name in
          guard let value = values[name] else { throw FileError(path, "has no optimiser state for \(name)") }
          return value
        })
    }
    memory = OptimizerMemory(steps: try number("optimizerSteps"), slots: slots)
  }
}

extension Safetensors {
  /// A network's parameters, with counters as the integers that PyTorch expects.
  public init(_ state: StateDict, metadata: [String: String] = [:]) {
    self.init(state.names.map { (name: $0, tensor: state[$0]!) }, metadata: metadata)
    integers = Set(state.names.filter { $0.hasSuffix("num_batches_tracked") })
  }

  /// The tensors as a network's parameters.
  public var state: StateDict { StateDict(tensors.map { ($0.name, $0.tensor) }) }
}
