import ArgumentParser
import Convolve
import Foundation

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Says how well a trained network does: accuracy, each class, and what is taken for what.",
    discussion: """
      Examples:
        convolve evaluate run
        convolve evaluate run --data /usr/share/datasets/fashion-mnist --confusion confusion.png
      """)

  @Argument(help: ArgumentHelp("The folder that convolve train made.", valueName: "run")) var folder: String
  @Option(help: ArgumentHelp("The data set; the training's own otherwise.", valueName: "folder")) var data:
    String?
  @Option(help: "The weights: best or last.") var weights = "best"
  @Option(help: ArgumentHelp("Draws the confusion matrix.", valueName: "file")) var confusion: String?
  @Flag(help: "Replaces a picture that exists.") var force = false
  @Flag(help: "As JSON.") var json = false

  private struct Report: Encodable {
    let accuracy: Double
    let loss: Double
    let classes: [Class]
    let confusion: [[Int]]

    struct Class: Encodable {
      let name: String
      let precision: Double
      let recall: Double
    }
  }

  func run() throws {
    do {
      let description = try RunDescription(folder: folder)
      let dataset = try DatasetFolder(data ?? description.data)
      let batch = 100
      let classifier = try description.classifier(folder: folder, weights: weights, batchSize: batch)
      let loader = DataLoader(
        dataset.test, batchSize: batch, mean: description.mean, deviation: description.deviation)
      let bar = ProgressBar(total: dataset.test.count.dividedRoundingUp(by: batch), unit: "batches")
      let evaluation = try classifier.evaluate(loader) { _ in bar.advance() }
      bar.finish()
      if let confusion { try evaluation.picture.write(to: confusion, replacing: force) }
      report(evaluation)
    } catch {
      Terminal.error("\(error)")
      throw ExitCode(1)
    }
  }

  private func report(_ e: Evaluation) {
    if json {
      let classes = e.classNames.enumerated().map {
        Report.Class(name: $1, precision: e.precision($0), recall: e.recall($0))
      }
      Terminal.print(
        jsonText(Report(accuracy: e.accuracy, loss: e.loss, classes: classes, confusion: e.confusion)))
      return
    }
    let width = max(6, e.classNames.map(\.count).max() ?? 0)
    func padded(_ text: String) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
    Terminal.print(String(format: "accuracy %.2f %%, loss %.4f", e.accuracy * 100, e.loss))
    Terminal.print("")
    Terminal.print(padded("class") + "  precision  recall  taken for")
    for (c, name) in e.classNames.enumerated() {
      let others = e.confusion[c].enumerated().filter { $0.offset != c && $0.element > 0 }
        .sorted { ($1.element, $0.offset) < ($0.element, $1.offset) }.prefix(3)
        .map { "\(e.classNames[$0.offset]) \($0.element)" }
      Terminal.print(
        padded(name) + String(format: "  %8.1f%%  %5.1f%%  ", e.precision(c) * 100, e.recall(c) * 100)
          + others.joined(separator: ", "))
    }
    Terminal.print("")
    let cell = 5
    func right(_ text: String) -> String { String(repeating: " ", count: max(1, cell - text.count)) + text }
    Terminal.print(padded("true \\ predicted") + e.classNames.indices.map { right("\($0)") }.joined())
    for (c, row) in e.confusion.enumerated() {
      let label = "\(c) \(e.classNames[c])"
      let column = max(width, "true \\ predicted".count)
      Terminal.print(
        label + String(repeating: " ", count: max(0, column - label.count))
          + row.map { right("\($0)") }.joined())
    }
  }
}
