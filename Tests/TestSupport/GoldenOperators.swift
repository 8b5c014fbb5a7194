import Foundation
import Tensors

/// 690 operator cases of PyTorch, computed in float64 and rounded to float32: tensors are named
/// `ID.in.NAME`, `ID.out.NAME`, `ID.grad.NAME`.
public struct GoldenOperators<Parameters: Decodable & Sendable> {
  public struct Case: Sendable {
    public let id: String
    public let op: String
    public let params: Parameters
    public let inputs: [String]
  }

  public let cases: [Case]
  private let bytes: Data
  private let tensors: [String: Entry]
  private let start: Int

  private struct Entry: Decodable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
  }

  private struct File: Decodable {
    let cases: [Raw]
  }

  /// A case whose parameters may be another operator's.
  private struct Raw: Decodable {
    let id: String
    let op: String
    let inputs: [String]
    let params: Result<Parameters, any Error>

    private enum Key: CodingKey { case id, op, inputs, params }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      id = try container.decode(String.self, forKey: .id)
      op = try container.decode(String.self, forKey: .op)
      inputs = try container.decode([String].self, forKey: .inputs)
      params = Result { try container.decode(Parameters.self, forKey: .params) }
    }
  }

  /// - Parameter folder: of `operators.json` and `operators.safetensors`.
  public init(_ folder: URL, operators: (String) -> Bool) throws {
    let json = try Data(contentsOf: folder.appendingPathComponent("operators.json"))
    cases = try JSONDecoder().decode(File.self, from: json).cases.filter { operators($0.op) }
      .map { Case(id: $0.id, op: $0.op, params: try $0.params.get(), inputs: $0.inputs) }
    bytes = try Data(contentsOf: folder.appendingPathComponent("operators.safetensors"))
    let length = bytes.withUnsafeBytes { Int(UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))) }
    start = 8 + length
    tensors = try JSONDecoder().decode([String: Entry].self, from: bytes[8..<8 + length])
  }

  /// A float32 tensor, or nil where the file has none of this name.
  public func tensor(_ name: String) -> Tensor<Float>? { read(name, "F32", Float.self) }

  /// The shape of a tensor of any type, or nil where the file has none of this name.
  public func shape(_ name: String) -> Shape? { tensors[name].map { Shape($0.shape) } }

  /// An int64 tensor, or nil where the file has none of this name.
  public func integers(_ name: String) -> Tensor<Int64>? { read(name, "I64", Int64.self) }

  private func read<Scalar: TensorScalar>(_ name: String, _ dtype: String, _: Scalar.Type) -> Tensor<Scalar>?
  {
    guard let entry = tensors[name], entry.dtype == dtype else { return nil }
    let shape = Shape(entry.shape)
    let values = bytes.withUnsafeBytes { raw in
      (0..<shape.count).map {
        raw.loadUnaligned(
          fromByteOffset: start + entry.data_offsets[0] + MemoryLayout<Scalar>.size * $0, as: Scalar.self)
      }
    }
    return Tensor(values, shape: shape)
  }
}
