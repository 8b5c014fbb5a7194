#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Bytes of a core's data caches, read once: blocks are cut to them, and deep sums into parts, so that machines of other
/// caches may round otherwise.
public struct CacheSizes: Sendable, CustomStringConvertible {
  public let level1: Int
  public let level2: Int

  /// This machine's; 32 KiB and 512 KiB where it does not tell.
  public static let current = CacheSizes()

  private init() {
    #if canImport(Darwin)
      func size(_ name: String) -> Int {
        var value = 0
        var length = MemoryLayout<Int>.size
        return sysctlbyname(name, &value, &length, nil, 0) == 0 ? value : 0
      }
      let (first, second) = (size("hw.l1dcachesize"), size("hw.l2cachesize"))
    #elseif canImport(Glibc)
      let (first, second) = (sysconf(Int32(_SC_LEVEL1_DCACHE_SIZE)), sysconf(Int32(_SC_LEVEL2_CACHE_SIZE)))
    #else
      let (first, second) = (0, 0)
    #endif
    level1 = first > 0 ? first : 32 << 10
    level2 = second > 0 ? second : 512 << 10
  }

  /// Whether planes of so many floats, side by side, are a whole number of pages of 4 KiB apart: what lies at the same place of
  /// each then shares the same few places of the caches.
  public static func areWholePages(_ floats: Int) -> Bool { floats % 1024 == 0 }

  public var description: String { "\(level1 >> 10) KiB and \(level2 >> 10) KiB of data cache a core" }
}
