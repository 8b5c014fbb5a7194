import Convolution
import Tensors

extension Image {
  /// The same picture in samples of another type, scaled so that white stays white. Floats are clamped and
  /// rounded to nearest.
  public func converted(to type: SampleType) -> Image {
    guard type != self.type else { return self }
    switch (samples, type) {
    case (.uint8(let t), .uint16): return with(.uint16(t.mapped { UInt16($0) * 257 }))
    case (.uint8(let t), _): return with(.float32(t.mapped { Float($0) / 255 }))
    case (.uint16(let t), .uint8): return with(.uint8(t.mapped { UInt8((UInt32($0) * 255 + 32767) / 65535) }))
    case (.uint16(let t), _): return with(.float32(t.mapped { Float($0) / 65535 }))
    case (.float32(let t), .uint8): return with(.uint8(t.mapped { UInt8(rounded($0, 255)) }))
    case (.float32(let t), _): return with(.uint16(t.mapped { UInt16(rounded($0, 65535)) }))
    }
  }

  private func with(_ samples: Samples) -> Image { Image(samples, iccProfile: iccProfile) }

  /// Without alpha: the colour over a white background.
  func overWhite() -> Image {
    guard hasAlpha else { return self }
    switch samples {
    case .uint8(let t): return with(.uint8(t.blendedOverWhite(full: 255) { UInt8($0.rounded()) }))
    case .uint16(let t): return with(.uint16(t.blendedOverWhite(full: 65535) { UInt16($0.rounded()) }))
    case .float32(let t): return with(.float32(t.blendedOverWhite(full: 1) { $0 }))
    }
  }

  /// Grey becomes RGB; alpha stays.
  func inColor() -> Image {
    guard colorChannels == 1 else { return self }
    switch samples {
    case .uint8(let t): return with(.uint8(t.grayTripled()))
    case .uint16(let t): return with(.uint16(t.grayTripled()))
    case .float32(let t): return with(.float32(t.grayTripled()))
    }
  }
}

/// `value * full` to the nearest integer in 0 ... full; NaN becomes 0.
private func rounded(_ value: Float, _ full: Float) -> Float {
  let scaled = value * full
  return scaled > 0 ? min(scaled, full).rounded() : 0
}

extension Tensor {
  /// Each element changed, on all threads.
  func mapped<Result: TensorScalar>(_ transform: (Scalar) -> Result) -> Tensor<Result> {
    withUnsafeBufferPointer { source in
      Tensor<Result>(unsafeUninitializedShape: shape) { destination in
        parallelRanges(source.count) { range in
          for i in range { destination.initializeElement(at: i, to: transform(source[i])) }
        }
      }
    }
  }

  fileprivate func grayTripled() -> Tensor {
    let channels = shape[2]
    return withUnsafeBufferPointer { source in
      Tensor(unsafeUninitializedShape: [shape[0], shape[1], channels + 2]) { destination in
        for pixel in 0..<shape[0] * shape[1] {
          for c in 0..<channels + 2 {
            destination.initializeElement(
              at: pixel * (channels + 2) + c, to: source[pixel * channels + max(0, c - 2)])
          }
        }
      }
    }
  }
}

extension Tensor where Scalar: BinaryFloatingPoint {
  fileprivate func blendedOverWhite(full: Float, _ store: (Float) -> Scalar) -> Tensor {
    blended(full: full, { Float($0) }, store)
  }
}

extension Tensor where Scalar: FixedWidthInteger {
  fileprivate func blendedOverWhite(full: Float, _ store: (Float) -> Scalar) -> Tensor {
    blended(full: full, { Float($0) }, store)
  }
}

extension Tensor {
  private func blended(full: Float, _ read: (Scalar) -> Float, _ store: (Float) -> Scalar) -> Tensor {
    let (channels, colors) = (shape[2], shape[2] - 1)
    return withUnsafeBufferPointer { source in
      Tensor(unsafeUninitializedShape: [shape[0], shape[1], colors]) { destination in
        for pixel in 0..<shape[0] * shape[1] {
          let alpha = read(source[pixel * channels + colors]) / full
          for c in 0..<colors {
            let color = read(source[pixel * channels + c])
            destination.initializeElement(
              at: pixel * colors + c, to: store(color * alpha + full * (1 - alpha)))
          }
        }
      }
    }
  }
}

/// Calls `body` with ranges that make up 0 ..< count, on all threads.
func parallelRanges(_ count: Int, _ body: (Range<Int>) -> Void) {
  let piece = 1 << 16
  ThreadPool.shared.parallelFor(count.dividedRoundingUp(by: piece)) { index in
    body(index * piece..<min(count, (index + 1) * piece))
  }
}
