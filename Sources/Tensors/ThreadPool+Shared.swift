import CIntrinsics
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension ThreadPool {
  private static let requestedThreads = Mutex<Int?>(nil)

  /// The pool that operators use: `CONVOLVE_THREADS` threads where that is set, otherwise one for each
  /// processor that this process may run on.
  public static let shared: ThreadPool = {
    if let requested = requestedThreads.withLock({ $0 }) { return ThreadPool(threads: requested) }
    do {
      return ThreadPool(
        threads: try threadCount(from: getenv("CONVOLVE_THREADS").map { String(cString: $0) }))
    } catch {
      fatalError("\(error)")
    }
  }()

  /// The calling thread by itself.
  private static let alone = ThreadPool(threads: 1)

  /// The shared pool, or the calling thread by itself for work that is done before another thread has woken to it.
  /// - Parameter multiplyAdds: about how many, or what takes as long.
  public static func shared(for multiplyAdds: Int) -> ThreadPool { multiplyAdds < 1 << 18 ? alone : shared }

  /// Sets the size of ``shared``, over `CONVOLVE_THREADS`. Call it before the first operator.
  public static func setSharedThreadCount(_ threads: Int) {
    requestedThreads.withLock { $0 = threads }
  }

  /// The number of threads that a value of `CONVOLVE_THREADS` asks for.
  public static func threadCount(from text: String?) throws(ThreadCountError) -> Int {
    guard let text, !text.isEmpty else { return availableProcessors }
    guard let threads = Int(text), (1...maximumThreads).contains(threads) else {
      throw ThreadCountError(text: text)
    }
    return threads
  }

  /// More threads than this are a typing error.
  public static let maximumThreads = 1024

  /// The processors that this process may run on.
  public static var availableProcessors: Int {
    Int(convolve_available_processors())
  }
}

/// A thread count that is not a number from 1 to ``ThreadPool/maximumThreads``.
public struct ThreadCountError: Error, Equatable, CustomStringConvertible {
  public let text: String

  public init(text: String) { self.text = text }

  public var description: String {
    "\"\(text)\" threads: give a whole number from 1 to \(ThreadPool.maximumThreads)"
  }
}
