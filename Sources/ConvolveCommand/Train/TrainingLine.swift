import Convolve
import Foundation
import Synchronization

/// A live line of a training on standard error; silent when that is not a terminal.
final class TrainingLine {
  private var drawn = ContinuousClock.now - .seconds(1)

  func draw(_ p: Trainer.Progress) {
    guard Terminal.isErrorTerminal, ContinuousClock.now - drawn > .milliseconds(100) || p.batch == p.batches
    else {
      return
    }
    drawn = ContinuousClock.now
    let left = Int(p.secondsLeft.rounded(.up))
    let accuracy = p.accuracy.map { String(format: "  accuracy %.2f %%", $0 * 100) } ?? ""
    let text =
      String(format: " epoch %d/%d  loss %.4f", p.epoch, p.epochs, p.loss) + accuracy
      + String(format: "  %.0f images/s  %d:%02d left", p.imagesPerSecond, left / 60, left % 60)
    let width = max(0, min(30, Terminal.columns - text.count - 4))
    let filled = width * p.batch / max(1, p.batches)
    Terminal.raw(
      "\r[\(String(repeating: "#", count: filled))\(String(repeating: ".", count: width - filled))]\(text)\u{1B}[K"
    )
  }

  func draw(batch: Int, of batches: Int, discriminator: Double, generator: Double) {
    guard Terminal.isErrorTerminal, ContinuousClock.now - drawn > .milliseconds(100) || batch == batches
    else { return }
    drawn = ContinuousClock.now
    Terminal.raw(
      String(
        format: "\r%d/%d  discriminator %.4f  generator %.4f\u{1B}[K", batch, batches, discriminator,
        generator))
  }

  func clear() {
    if Terminal.isErrorTerminal { Terminal.raw("\r\u{1B}[K") }
  }
}

/// Whether Ctrl-C was pressed. The first is answered when work can be saved, the second ends the process at once.
enum Interruption {
  private static let count = Atomic<Int>(0)

  static var isWanted: Bool { count.load(ordering: .relaxed) > 0 }

  static func catchSignal() {
    signal(SIGINT) { _ in
      if Interruption.count.add(1, ordering: .relaxed).newValue > 1 { _exit(130) }
    }
  }
}
