import Convolution
import Tensors

/// A picture: rows of pixels, their channels side by side.
///
/// Colour is what the file says it is: samples are as stored (usually sRGB-encoded), the ICC profile travels
/// along. Alpha, where there is one, is the last channel and not premultiplied.
public struct Image: Sendable, Equatable {
  /// `[H, W, C]`; C is 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
  public enum Samples: Sendable, Equatable {
    /// 0 ... 255
    case uint8(Tensor<UInt8>)
    /// 0 ... 65535
    case uint16(Tensor<UInt16>)
    /// 0 ... 1
    case float32(Tensor<Float>)
  }

  public var samples: Samples
  /// The colour profile of the file, unchanged.
  public var iccProfile: [UInt8]?

  /// - Precondition: the samples have shape `[H, W, C]`, none of them 0, C at most 4.
  public init(_ samples: Samples, iccProfile: [UInt8]? = nil) {
    self.samples = samples
    self.iccProfile = iccProfile
    precondition(
      shape.rank == 3 && shape.count > 0 && shape[2] <= 4,
      "an image has shape [H, W, C] with 1 to 4 channels, not \(shape)")
  }

  public var shape: Shape {
    switch samples {
    case .uint8(let tensor): tensor.shape
    case .uint16(let tensor): tensor.shape
    case .float32(let tensor): tensor.shape
    }
  }

  public var height: Int { shape[0] }
  public var width: Int { shape[1] }
  public var channels: Int { shape[2] }
  public var hasAlpha: Bool { channels == 2 || channels == 4 }
  /// 1 for grey, 3 for RGB.
  public var colorChannels: Int { channels >= 3 ? 3 : 1 }

  public var type: SampleType {
    switch samples {
    case .uint8: .uint8
    case .uint16: .uint16
    case .float32: .float32
    }
  }

  public var layout: SampleLayout {
    SampleLayout(height: height, width: width, channels: channels, type: type)
  }

  /// Calls `body` with the samples' memory.
  func withUnsafeBytes<Result>(_ body: (UnsafeRawPointer) throws -> Result) rethrows -> Result {
    switch samples {
    case .uint8(let tensor):
      try tensor.withUnsafeBufferPointer { try body(UnsafeRawPointer($0.baseAddress!)) }
    case .uint16(let tensor):
      try tensor.withUnsafeBufferPointer { try body(UnsafeRawPointer($0.baseAddress!)) }
    case .float32(let tensor):
      try tensor.withUnsafeBufferPointer { try body(UnsafeRawPointer($0.baseAddress!)) }
    }
  }

  /// An image of a layout whose every sample `body` writes.
  static func uninitialized<Failure: Error>(
    _ layout: SampleLayout, iccProfile: [UInt8]? = nil,
    _ body: (UnsafeMutableRawPointer) throws(Failure) -> Void
  ) throws(Failure) -> Image {
    switch layout.type {
    case .uint8: return Image(.uint8(try tensor(layout, body)), iccProfile: iccProfile)
    case .uint16: return Image(.uint16(try tensor(layout, body)), iccProfile: iccProfile)
    case .float32: return Image(.float32(try tensor(layout, body)), iccProfile: iccProfile)
    }
  }

  private static func tensor<Scalar: TensorScalar, Failure: Error>(
    _ layout: SampleLayout, _ body: (UnsafeMutableRawPointer) throws(Failure) -> Void
  ) throws(Failure) -> Tensor<Scalar> {
    try Tensor(unsafeUninitializedShape: [layout.height, layout.width, layout.channels]) {
      (elements: UnsafeMutableBufferPointer<Scalar>) throws(Failure) in
      try body(UnsafeMutableRawPointer(elements.baseAddress!))
    }
  }
}
