import Convolution
import Tensors

// Channels apart and together. Floats here are in the image's own units: 0 to 255, 65535 or 1.

extension Image {
  /// Whether alpha is full everywhere.
  var isOpaque: Bool {
    guard hasAlpha else { return true }
    switch samples {
    case .uint8(let t): return t.allInLastChannel { $0 == 255 }
    case .uint16(let t): return t.allInLastChannel { $0 == 65535 }
    case .float32(let t): return t.allInLastChannel { $0 >= 1 }
    }
  }

  /// Without alpha.
  func colorOnly() -> Image {
    guard hasAlpha else { return self }
    switch samples {
    case .uint8(let t): return Image(.uint8(t.channels(0..<colorChannels)), iccProfile: iccProfile)
    case .uint16(let t): return Image(.uint16(t.channels(0..<colorChannels)), iccProfile: iccProfile)
    case .float32(let t): return Image(.float32(t.channels(0..<colorChannels)), iccProfile: iccProfile)
    }
  }

  /// With a full alpha channel appended.
  func withOpaqueAlpha() -> Image {
    switch samples {
    case .uint8(let t): return Image(.uint8(t.appendingConstant(255)), iccProfile: iccProfile)
    case .uint16(let t): return Image(.uint16(t.appendingConstant(65535)), iccProfile: iccProfile)
    case .float32(let t): return Image(.float32(t.appendingConstant(1)), iccProfile: iccProfile)
    }
  }

  /// All samples as floats in the image's own units.
  func floats() -> Tensor<Float> {
    switch samples {
    case .uint8(let t): return t.mapped { Float($0) }
    case .uint16(let t): return t.mapped { Float($0) }
    case .float32(let t): return t
    }
  }

  /// `[H, W, 1]` from 0 to 1.
  func alpha() -> Tensor<Float> {
    let scale = Float(1 / type.maximum)
    return floats().channels(colorChannels..<channels).mapped { $0 * scale }
  }

  /// A float image with each sample changed.
  func mappedFloats(_ transform: (Float) -> Float) -> Image {
    Image(.float32(floats().mapped(transform)), iccProfile: iccProfile)
  }

  /// Colour times alpha; both float.
  func multiplied(by alpha: Tensor<Float>) -> Image {
    Image(.float32(floats().combined(with: alpha) { $0 * $1 }), iccProfile: iccProfile)
  }

  /// One channel of brightness from RGB: Rec. 601's weights for encoded values, as OpenCV and Pillow use,
  /// and Rec. 709's for light.
  func luma(isLinear: Bool) -> Image {
    let (r, g, b): (Float, Float, Float) =
      isLinear ? (0.2126, 0.7152, 0.0722) : (0.299, 0.587, 0.114)
    let rgb = floats()
    let result = rgb.withUnsafeBufferPointer { source in
      Tensor<Float>(unsafeUninitializedShape: [height, width, 1]) { destination in
        parallelRanges(height * width) { range in
          for i in range {
            destination.initializeElement(
              at: i, to: r * source[3 * i] + g * source[3 * i + 1] + b * source[3 * i + 2])
          }
        }
      }
    }
    return Image(.float32(result))
  }

  /// Floats in units of `white`, rounded and clamped to a type.
  func stored(as type: SampleType, white: Float, iccProfile: [UInt8]?) -> Image {
    let values = floats()
    switch type {
    case .uint8:
      return Image(.uint8(values.mapped { UInt8(clamped($0, white)) }), iccProfile: iccProfile)
    case .uint16:
      return Image(.uint16(values.mapped { UInt16(clamped($0, white)) }), iccProfile: iccProfile)
    case .float32:
      return Image(.float32(values.mapped { min(max($0, 0), white) }), iccProfile: iccProfile)
    }
  }
}

/// To the nearest integer in 0 ... white, ties to even, as the kernels round.
private func clamped(_ value: Float, _ white: Float) -> Float {
  value > 0 ? min(value, white).rounded(.toNearestOrEven) : 0
}

extension Tensor {
  /// Whether `predicate` holds for the last channel of every pixel.
  fileprivate func allInLastChannel(_ predicate: (Scalar) -> Bool) -> Bool {
    withUnsafeBufferPointer { elements in
      stride(from: shape[2] - 1, to: elements.count, by: shape[2]).allSatisfy { predicate(elements[$0]) }
    }
  }

  /// `[H, W, range.count]`
  func channels(_ range: Range<Int>) -> Tensor { slice(range, axis: 2) }

  /// `[H, W, C + 1]`, the new channel the same everywhere.
  func appendingConstant(_ value: Scalar) -> Tensor {
    appending(Tensor(repeating: value, shape: [shape[0], shape[1], 1]))
  }

  /// `[H, W, C + 1]`
  func appending(_ channel: Tensor) -> Tensor {
    let channels = shape[2]
    return withUnsafeBufferPointer { source in
      channel.withUnsafeBufferPointer { last in
        Tensor(unsafeUninitializedShape: [shape[0], shape[1], channels + 1]) { destination in
          for pixel in 0..<last.count {
            for c in 0..<channels {
              destination.initializeElement(at: pixel * (channels + 1) + c, to: source[pixel * channels + c])
            }
            destination.initializeElement(at: pixel * (channels + 1) + channels, to: last[pixel])
          }
        }
      }
    }
  }

  /// This tensor, with the channels for which `takesOther` is true from another of its shape.
  func merging(_ other: Tensor, _ takesOther: (Int) -> Bool) -> Tensor {
    let takes = (0..<shape[2]).map(takesOther)
    var result = self
    result.withUnsafeMutableBufferPointer { elements in
      other.withUnsafeBufferPointer { other in
        for i in elements.indices where takes[i % takes.count] { elements[i] = other[i] }
      }
    }
    return result
  }
}

extension Tensor where Scalar == Float {
  /// Each channel combined with one value per pixel.
  func combined(with plane: Tensor<Float>, _ combine: (Float, Float) -> Float) -> Tensor<Float> {
    let channels = shape[2]
    return withUnsafeBufferPointer { source in
      plane.withUnsafeBufferPointer { plane in
        Tensor(unsafeUninitializedShape: shape) { destination in
          parallelRanges(plane.count) { range in
            for pixel in range {
              for c in 0..<channels {
                destination.initializeElement(
                  at: pixel * channels + c, to: combine(source[pixel * channels + c], plane[pixel]))
              }
            }
          }
        }
      }
    }
  }

  /// Divided by alpha; where there is none, 0.
  func divided(by alpha: Tensor<Float>) -> Tensor<Float> {
    combined(with: alpha) { color, alpha in alpha > 1e-6 ? color / alpha : 0 }
  }

  /// The least and the greatest finite element, and how many are not finite.
  func extremes() -> (least: Float, greatest: Float, notFinite: Int) {
    withUnsafeBufferPointer { elements in
      var (least, greatest, notFinite) = (Float.infinity, -Float.infinity, 0)
      for value in elements {
        if value.isFinite {
          least = Swift.min(least, value)
          greatest = Swift.max(greatest, value)
        } else {
          notFinite += 1
        }
      }
      return (least, greatest, notFinite)
    }
  }

  func count(where predicate: (Float) -> Bool) -> Int {
    withUnsafeBufferPointer { $0.reduce(0) { predicate($1) ? $0 + 1 : $0 } }
  }
}
