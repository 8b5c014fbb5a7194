import Convolution
import Foundation
import TestSupport
import Tensors

/// Operator cases that PyTorch computed in float64: `operators.json` and, in float32 or float64,
/// `operators.safetensors`, whose tensors are named `ID.in.NAME`, `ID.out.NAME`, `ID.grad.NAME`.
struct GoldenCases: Sendable {
  struct Case: Sendable, Decodable {
    let id: String
    let op: String
    let params: OperatorParameters
    let inputs: [String]
  }

  let cases: [Case]
  private let bytes: Data
  private let tensors: [String: Entry]
  private let start: Int

  private struct Entry: Decodable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
  }

  private struct File: Decodable {
    let cases: [Case]
  }

  init(_ folder: URL) throws {
    let json = try Data(contentsOf: folder.appendingPathComponent("operators.json"))
    cases = try JSONDecoder().decode(File.self, from: json).cases
    bytes = try Data(
      contentsOf: folder.appendingPathComponent("operators.safetensors"), options: .alwaysMapped)
    let length = bytes.withUnsafeBytes { Int(UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))) }
    start = 8 + length
    tensors = try JSONDecoder().decode([String: Entry].self, from: bytes[8..<8 + length])
  }

  /// The vectors that are part of the tests.
  static func committed(_ name: String) throws -> GoldenCases {
    try GoldenCases(
      URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Vectors/\(name)"))
  }

  /// A tensor of floats, or nil where the file has none of this name.
  func tensor<Scalar: FloatingScalar>(_ name: String, _: Scalar.Type = Scalar.self) -> Tensor<Scalar>? {
    switch tensors[name]?.dtype {
    case "F32":
      return read(name, Float.self).map { t in Tensor(t.scalars.map { Scalar($0) }, shape: t.shape) }
    case "F64":
      return read(name, Double.self).map { t in Tensor(t.scalars.map { Scalar($0) }, shape: t.shape) }
    default: return nil
    }
  }

  /// The relative rounding of the file's numbers.
  func rounding(_ name: String) -> Double { tensors[name]?.dtype == "F32" ? 0x1p-23 : 0x1p-53 }

  func shape(_ name: String) -> Shape? { tensors[name].map { Shape($0.shape) } }

  func integers(_ name: String) -> Tensor<Int64>? {
    tensors[name]?.dtype == "I64" ? read(name, Int64.self) : nil
  }

  private func read<Scalar: TensorScalar>(_ name: String, _: Scalar.Type) -> Tensor<Scalar>? {
    guard let entry = tensors[name] else { return nil }
    let shape = Shape(entry.shape)
    return bytes.withUnsafeBytes { raw in
      Tensor(
        (0..<shape.count).map {
          raw.loadUnaligned(
            fromByteOffset: start + entry.data_offsets[0] + MemoryLayout<Scalar>.size * $0, as: Scalar.self)
        }, shape: shape)
    }
  }
}

/// The parameters of all operators, under PyTorch's names.
struct OperatorParameters: Decodable, Sendable {
  let stride: [Int]?
  let padding: PaddingSpelling?
  let padding_mode: String?
  let dilation: [Int]?
  let groups: Int?
  let output_padding: [Int]?
  let kernel_size: [Int]?
  let ceil_mode: Bool?
  let count_include_pad: Bool?
  let divisor_override: Int?
  let output_size: [Int]?
  let norm_type: Double?
  let training: Bool?
  let momentum: Double?
  let eps: Double?
  let dim: Int?
  let axis: Int?
  let label_smoothing: Double?
  let lr: Double?
  let dampening: Double?
  let weight_decay: Double?
  let nesterov: Bool?
  let betas: [Double]?
  let alpha: Double?
  let beta: Double?
  let k: Double?
  let size: Int?
  let factor: Int?
  let mode: String?
  let value: Double?
  let align_corners: Bool?
  let antialias: Bool?
  let scale_factor: [Double]?
  let offset_groups: Int?

  /// `[1, 2]` or `[[1, 1], [0, 2]]`.
  enum PaddingSpelling: Decodable, Sendable {
    case amounts([Padding.Amount])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let pairs = try? container.decode([[Int]].self) {
        self = .amounts(pairs.map { Padding.Amount($0[0], $0[1]) })
      } else {
        self = .amounts(try container.decode([Int].self).map { Padding.Amount($0, $0) })
      }
    }
  }

  var paddingAmounts: [Padding.Amount] {
    if case .amounts(let amounts) = padding { return amounts }
    return [Padding.Amount(0, 0)]
  }

  var paddingMode: PaddingMode {
    switch padding_mode ?? "zeros" {
    case "reflect": .reflect
    case "replicate": .replicate
    case "circular": .circular
    case "constant": .constant(value ?? 0)
    default: .zeros
    }
  }

  var convolution: ConvolutionGeometry.Options {
    .init(
      stride: stride ?? [1], padding: Padding(.explicit(paddingAmounts), mode: paddingMode),
      dilation: dilation ?? [1], groups: groups ?? 1)
  }

  var pooling: PoolingGeometry.Options {
    .init(
      kernel: kernel_size ?? [], stride: stride, padding: Padding(.explicit(paddingAmounts)),
      dilation: dilation ?? [1], ceilMode: ceil_mode ?? false)
  }

  var divisor: AverageDivisor {
    divisor_override.map { .fixed($0) } ?? (count_include_pad == true ? .paddedWindow : .samples)
  }

  var resize: ResizeOptions {
    let coordinates: ResizeOptions.Coordinates = align_corners == true ? .alignCorners : .halfPixel
    switch mode {
    case "nearest": return .nearest
    case "nearest-exact": return .nearestExact
    case "bicubic":
      if antialias == true { return .cubicAntialiased }
      return ResizeOptions(.cubic(a: -0.75), coordinates)
    default:
      if antialias == true { return .linearAntialiased }
      return ResizeOptions(.linear, coordinates)
    }
  }

  var convolutionMode: ConvolutionMode { ConvolutionMode(rawValue: mode ?? "full") ?? .full }
}
