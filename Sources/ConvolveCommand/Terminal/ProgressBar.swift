import Synchronization

/// A bar with rate and time left on standard error; silent when that is not a terminal.
final class ProgressBar: Sendable {
  private let total: Int
  private let unit: String
  private let start = ContinuousClock.now
  private let state = Mutex((done: 0, drawn: ContinuousClock.now - .seconds(1)))

  init(total: Int, unit: String) {
    self.total = total
    self.unit = unit
  }

  /// One more is done.
  func advance() {
    guard Terminal.isErrorTerminal else { return }
    state.withLock { state in
      state.done += 1
      let now = ContinuousClock.now
      guard state.done == total || now - state.drawn > .milliseconds(100) else { return }
      state.drawn = now
      draw(state.done, elapsed: (now - start) / .seconds(1))
    }
  }

  /// Removes the bar.
  func finish() {
    if Terminal.isErrorTerminal { Terminal.raw("\r\u{1B}[K") }
  }

  private func draw(_ done: Int, elapsed: Double) {
    let rate = Double(done) / max(elapsed, 1e-9)
    let left = Int((Double(total - done) / max(rate, 1e-9)).rounded(.up))
    let seconds = left % 60 < 10 ? "0\(left % 60)" : "\(left % 60)"
    let tenths = (rate * 10).rounded() / 10
    let text = " \(done)/\(total)  \(tenths) \(unit)/s  \(left / 60):\(seconds) left"
    let width = max(0, min(40, Terminal.columns - text.count - 4))
    let filled = width * done / max(total, 1)
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
    Terminal.raw("\r[\(bar)]\(text)\u{1B}[K")
  }
}
