/// How one sample is stored.
public enum SampleType: String, Sendable, Hashable {
  case uint8
  case uint16
  case float32

  public var byteCount: Int {
    switch self {
    case .uint8: 1
    case .uint16: 2
    case .float32: 4
    }
  }

  /// The greatest sample of an image of this type: 255, 65535, or 1.
  public var maximum: Double {
    switch self {
    case .uint8: 255
    case .uint16: 65535
    case .float32: 1
    }
  }
}

/// Where pixels lie in memory: row after row, the channels of a pixel side by side.
public struct SampleLayout: Sendable, Hashable {
  public var height: Int
  public var width: Int
  public var channels: Int
  public var type: SampleType

  public init(height: Int, width: Int, channels: Int, type: SampleType) {
    self.height = height
    self.width = width
    self.channels = channels
    self.type = type
  }

  public var samplesPerRow: Int { width * channels }
  public var byteCount: Int { height * samplesPerRow * type.byteCount }
}
