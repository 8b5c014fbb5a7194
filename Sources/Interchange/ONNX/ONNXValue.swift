import Convolution
import Foundation
import Tensors

/// A tensor of one of the element types that ONNX files hold.
public enum ONNXValue: Sendable, Equatable {
  case float(Tensor<Float>)
  case double(Tensor<Double>)
  case int64(Tensor<Int64>)
  case int32(Tensor<Int32>)
  case uint8(Tensor<UInt8>)

  public var shape: Shape {
    switch self {
    case .float(let t): t.shape
    case .double(let t): t.shape
    case .int64(let t): t.shape
    case .int32(let t): t.shape
    case .uint8(let t): t.shape
    }
  }

  /// The elements as float64.
  public var doubles: [Double] {
    switch self {
    case .float(let t): t.scalars.map(Double.init)
    case .double(let t): t.scalars
    case .int64(let t): t.scalars.map(Double.init)
    case .int32(let t): t.scalars.map(Double.init)
    case .uint8(let t): t.scalars.map(Double.init)
    }
  }

  /// The elements of an integer tensor, or nil for another.
  public var integers: [Int]? {
    switch self {
    case .int64(let t): t.scalars.map(Int.init)
    case .int32(let t): t.scalars.map(Int.init)
    case .uint8(let t): t.scalars.map(Int.init)
    case .float, .double: nil
    }
  }

  /// The same elements under another shape of the same count.
  func reshaped(_ shape: Shape) -> ONNXValue {
    switch self {
    case .float(let t): .float(t.reshaped(shape))
    case .double(let t): .double(t.reshaped(shape))
    case .int64(let t): .int64(t.reshaped(shape))
    case .int32(let t): .int32(t.reshaped(shape))
    case .uint8(let t): .uint8(t.reshaped(shape))
    }
  }

  /// A copy with its axes in another order.
  func transposed(_ axes: [Int]) -> ONNXValue {
    switch self {
    case .float(let t): .float(t.transposed(axes))
    case .double(let t): .double(t.transposed(axes))
    case .int64(let t): .int64(t.transposed(axes))
    case .int32(let t): .int32(t.transposed(axes))
    case .uint8(let t): .uint8(t.transposed(axes))
    }
  }
}

extension Onnx_TensorProto {
  /// The tensor that this message holds.
  /// - Throws: ``InterchangeError`` for a type that is not supported, data in another file, and data that do not fit
  ///   the shape.
  func value(folder: URL? = nil) throws(InterchangeError) -> ONNXValue {
    let label = name.isEmpty ? "a tensor" : "tensor \"\(name)\""
    if dataLocation == .external {
      var whole = self
      whole.rawData = try externalData(folder, label)
      whole.dataLocation = .default
      whole.externalData = []
      return try whole.value()
    }
    var count = 1
    for size in dims {
      let (product, overflow) = count.multipliedReportingOverflow(by: Int(size))
      guard size >= 0, !overflow, product <= 1 << 40 else {
        throw .malformed("\(label) has the shape \(dims)")
      }
      count = product
    }
    let shape = Shape(dims.map(Int.init))
    switch DataType(rawValue: Int(dataType)) {
    case .float: return .float(try tensor(shape, label, floatData))
    case .double: return .double(try tensor(shape, label, doubleData))
    case .int64: return .int64(try tensor(shape, label, int64Data))
    case .int32: return .int32(try tensor(shape, label, int32Data))
    case .uint8: return .uint8(try tensor(shape, label, int32Data.map { UInt8(truncatingIfNeeded: $0) }))
    default: throw .unsupported("\(label) has elements of type \(dataType)")
    }
  }

  private func tensor<Scalar: TensorScalar>(
    _ shape: Shape, _ label: String, _ typed: [Scalar]
  ) throws(InterchangeError) -> Tensor<Scalar> {
    if !hasRawData {
      guard typed.count == shape.count else {
        throw .malformed("\(label) of shape \(shape) holds \(typed.count) elements")
      }
      return Tensor(typed, shape: shape)
    }
    let size = MemoryLayout<Scalar>.size
    guard rawData.count == shape.count * size else {
      throw .malformed("\(label) of shape \(shape) holds \(rawData.count) bytes, not \(shape.count * size)")
    }
    // Little-endian, as all machines are that this program runs on.
    return rawData.withUnsafeBytes { bytes in
      Tensor(unsafeUninitializedShape: shape) { elements in
        UnsafeMutableRawBufferPointer(elements).copyMemory(from: bytes)
      }
    }
  }
}

extension Onnx_TensorProto {
  /// The part of a file beside the model that holds the elements.
  private func externalData(_ folder: URL?, _ label: String) throws(InterchangeError) -> Data {
    func entry(_ key: String) -> String? { externalData.first { $0.key == key }?.value }
    guard let folder else {
      throw .unsupported("\(label) has its data in another file, and the model is no file")
    }
    guard let location = entry("location"), !location.isEmpty, !location.hasPrefix("/"),
      !location.split(separator: "/").contains("..")
    else {
      throw .malformed(
        "\(label) has its data at \"\(entry("location") ?? "")\", which is not beside the model")
    }
    let url = folder.appending(path: location)
    let data: Data
    do {
      data = try Data(contentsOf: url, options: .alwaysMapped)
    } catch {
      throw .unreadable(path: url.path, reason: (error as NSError).localizedDescription)
    }
    let offset = entry("offset").map { Int($0) ?? -1 } ?? 0
    let length = entry("length").map { Int($0) ?? -1 } ?? data.count - offset
    guard offset >= 0, length >= 0, offset <= data.count, length <= data.count - offset else {
      throw .malformed("\(label) has \(length) bytes at \(offset) of \(location), which has \(data.count)")
    }
    return data.subdata(in: data.startIndex + offset..<data.startIndex + offset + length)
  }
}
