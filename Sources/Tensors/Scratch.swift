#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Working memory of the calling thread, kept from call to call.
public enum Scratch {
  /// Calls `body` with at least `count` floats on a 64-byte boundary. They hold leftovers of earlier
  /// calls, or zeros. Calls may be nested.
  public static func withFloats<Result>(
    _ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result
  ) -> Result {
    let buffer: Buffer
    if let pointer = pthread_getspecific(key.value) {
      buffer = Unmanaged<Buffer>.fromOpaque(pointer).takeUnretainedValue()
    } else {
      buffer = Buffer()
      pthread_setspecific(key.value, Unmanaged.passRetained(buffer).toOpaque())
    }
    guard !buffer.isTaken else {
      let nested = Buffer()
      nested.grow(to: count)
      return withExtendedLifetime(nested) { body(nested.base!) }
    }
    buffer.isTaken = true
    defer { buffer.isTaken = false }
    if buffer.count < count { buffer.grow(to: count) }
    return body(buffer.base!)
  }

  private final class Buffer {
    var base: UnsafeMutablePointer<Float>?
    var count = 0
    var isTaken = false

    func grow(to count: Int) {
      base?.deallocate()
      let bytes = UnsafeMutableRawPointer.allocate(
        byteCount: count * MemoryLayout<Float>.stride, alignment: 64)
      base = bytes.initializeMemory(as: Float.self, repeating: 0, count: count)
      self.count = count
    }

    deinit { base?.deallocate() }
  }

  private struct Key: @unchecked Sendable {
    var value = pthread_key_t()

    init() {
      let status = pthread_key_create(&value) { pointer in
        #if canImport(Darwin)
          Unmanaged<Buffer>.fromOpaque(pointer).release()
        #else
          if let pointer { Unmanaged<Buffer>.fromOpaque(pointer).release() }
        #endif
      }
      precondition(status == 0, "the system refused a thread-local key (error \(status))")
    }
  }

  private static let key = Key()
}
