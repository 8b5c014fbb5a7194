import CIntrinsics
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Threads that share out the pieces of a loop.
///
/// Which thread takes which piece varies; a piece does the same work whoever takes it, so results do not.
/// A loop inside a piece, or from another thread while the pool is busy, runs on the calling thread alone.
public final class ThreadPool: @unchecked Sendable {
  /// The number of threads that work on a loop, the caller among them.
  public let threadCount: Int

  private let busy = Atomic<Bool>(false)
  private let generation = Atomic<Int>(0)
  private let nextPiece = Atomic<Int>(0)
  private let working = Atomic<Int>(0)
  private let loop: UnsafeMutablePointer<Loop>
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  /// The loop in progress; guarded by `mutex`.
  private struct Loop {
    var count = 0
    var body: ((Int) -> Void)?
    var isOver = false
  }

  /// How often an idle worker looks for the next loop before it sleeps: some tens of microseconds, about what waking
  /// it up would take.
  private static let spins = 2000

  /// - Precondition: `threads` is at least 1.
  public init(threads: Int) {
    precondition(threads >= 1, "a thread pool needs at least one thread, not \(threads)")
    threadCount = threads
    loop = .allocate(capacity: 1)
    loop.initialize(to: Loop())
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
    for _ in 1..<threads { startWorker() }
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
    loop.deinitialize(count: 1)
    loop.deallocate()
  }

  /// Calls `body` once with each of 0 ..< count, on all threads, and returns when all calls have.
  ///
  /// Inside, denormal numbers are taken and given as zeros: some processors are a hundred times slower with them.
  public func parallelFor(_ count: Int, _ body: (Int) -> Void) {
    let state = convolve_flush_denormals()
    defer { convolve_restore_denormals(state) }
    guard count > 1, threadCount > 1,
      busy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    else {
      for i in 0..<max(0, count) { body(i) }
      return
    }
    withoutActuallyEscaping(body) { body in
      pthread_mutex_lock(mutex)
      loop.pointee = Loop(count: count, body: body)
      nextPiece.store(0, ordering: .relaxed)
      generation.wrappingAdd(1, ordering: .releasing)
      pthread_cond_broadcast(condition)
      pthread_mutex_unlock(mutex)

      takePieces(count, body)

      // A worker that has not woken by now finds the loop over; those at work are waited for.
      pthread_mutex_lock(mutex)
      loop.pointee.isOver = true
      loop.pointee.body = nil
      pthread_mutex_unlock(mutex)
      var waited = 0
      while working.load(ordering: .acquiring) != 0 {
        waited += 1
        if waited > Self.spins { sched_yield() } else { convolve_pause() }
      }
    }
    busy.store(false, ordering: .releasing)
  }

  private func takePieces(_ count: Int, _ body: (Int) -> Void) {
    while true {
      let piece = nextPiece.wrappingAdd(1, ordering: .relaxed).oldValue
      if piece >= count { return }
      body(piece)
    }
  }

  private func startWorker() {
    // Workers live as long as the process: a pool is made once, and keeps itself alive through them.
    let pool = Unmanaged.passRetained(self).toOpaque()
    #if canImport(Darwin)
      var thread: pthread_t?
      let status = pthread_create(&thread, nil, { run($0) }, pool)
    #else
      var thread = pthread_t()
      let status = pthread_create(&thread, nil, { run($0!) }, pool)
    #endif
    precondition(status == 0, "the system refused a thread (error \(status)); ask for fewer")
  }

  fileprivate func work() {
    _ = convolve_flush_denormals()
    var seen = 0
    while true {
      var spins = 0
      while generation.load(ordering: .acquiring) == seen, spins < Self.spins {
        convolve_pause()
        spins += 1
      }
      pthread_mutex_lock(mutex)
      while generation.load(ordering: .relaxed) == seen { pthread_cond_wait(condition, mutex) }
      seen = generation.load(ordering: .relaxed)
      let isOver = loop.pointee.isOver
      if !isOver { working.wrappingAdd(1, ordering: .relaxed) }
      pthread_mutex_unlock(mutex)
      if !isOver {
        joinLoop()
        working.wrappingSubtract(1, ordering: .releasing)
      }
    }
  }

  /// Not inlined: its reference to the caller's closure must be gone before the caller is told.
  @inline(never)
  private func joinLoop() {
    pthread_mutex_lock(mutex)
    let (count, body) = (loop.pointee.count, loop.pointee.body)
    pthread_mutex_unlock(mutex)
    if let body { takePieces(count, body) }
  }
}

private func run(_ pool: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
  Unmanaged<ThreadPool>.fromOpaque(pool).takeUnretainedValue().work()
  return nil
}
