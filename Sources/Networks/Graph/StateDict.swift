import Tensors

/// Tensors by name, in order: a network's parameters and buffers, as PyTorch's `state_dict()`.
public struct StateDict: Sendable, Equatable {
  public private(set) var names: [String] = []
  private var tensors: [String: Tensor<Float>] = [:]

  public init() {}

  public init(_ pairs: some Sequence<(String, Tensor<Float>)>) {
    for (name, tensor) in pairs { self[name] = tensor }
  }

  /// The network's parameters, initialised: each from the seed and its own name, so that one does not depend on
  /// another.
  public init(initializing parameters: [Graph.Parameter], seed: UInt64 = 0) {
    for parameter in parameters {
      // FNV-1a, which is the same in every process.
      let hash = parameter.name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
        ($0 ^ UInt64($1)) &* 0x100_0000_01b3
      }
      var generator = SeededGenerator(seed: seed ^ hash)
      self[parameter.name] = parameter.initializer.tensor(parameter.shape, using: &generator)
    }
  }

  public subscript(name: String) -> Tensor<Float>? {
    get { tensors[name] }
    set {
      if tensors[name] == nil, newValue != nil { names.append(name) }
      if newValue == nil { names.removeAll { $0 == name } }
      tensors[name] = newValue
    }
  }

  public var count: Int { names.count }
}
