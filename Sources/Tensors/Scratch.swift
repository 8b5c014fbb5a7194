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
    return buffer.free.with(count, body)
  }

  private final class Buffer {
    private var base: UnsafeMutablePointer<Float>?
    private var count = 0
    private var isTaken = false
    /// The buffer of calls that are nested in this one's.
    private var nested: Buffer?

    /// The first buffer that no call further out has taken.
    var free: Buffer {
      guard isTaken else { return self }
      if let nested { return nested.free }
      let buffer = Buffer()
      nested = buffer
      return buffer
    }

    func with<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
      isTaken = true
      defer { isTaken = false }
      if self.count < count || base == nil { grow(to: max(1, count)) }
      return body(base!)
    }

    private func grow(to count: Int) {
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
