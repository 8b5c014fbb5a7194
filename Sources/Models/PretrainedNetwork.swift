import Networks
import Tensors

/// Networks whose trained weights can be had, beside the ``ReferenceNetwork``s.
public enum PretrainedNetwork: String, Sendable, CaseIterable {
  case efficientnet_lite0
  case hed

  public func network(classes: Int = 1000) -> any Layer {
    switch self {
    case .efficientnet_lite0: EfficientNetLite0(classes: classes)
    case .hed: HED()
    }
  }

  public var preprocessing: Preprocessing {
    switch self {
    case .efficientnet_lite0:
      Preprocessing(
        crop: .beforeResizing(fraction: 0.875), isCubic: true, mean: [127, 127, 127],
        deviation: [128, 128, 128])
    case .hed: Preprocessing(crop: .none, mean: [122.67892, 116.66877, 104.00699], isBGR: true)
    }
  }

  /// The name of a tensor of the published files in the network's state dict.
  public func name(ofPublished name: String) -> String {
    switch self {
    case .efficientnet_lite0:
      // `_blocks.1._expand_conv.weight` to `blocks.1.expandConv.weight`
      return name.split(separator: ".").map { part in
        guard part.first == "_" else { return String(part) }
        let words = part.dropFirst().split(separator: "_")
        return words[0] + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
      }.joined(separator: ".")
    case .hed:
      // `block1/layers/conv2d_1/vars/0` to `block1.convolutions.1.weight`, `dsn1/vars/1` to `dsn1.bias`
      let parts = name.split(separator: "/")
      guard let first = parts.first, let last = parts.last else { return name }
      let kind = last == "0" ? "weight" : "bias"
      guard parts.count == 5 else { return "\(first).\(kind)" }
      return "\(first).convolutions.\(parts[2].split(separator: "_").dropFirst().first ?? "0").\(kind)"
    }
  }
}
