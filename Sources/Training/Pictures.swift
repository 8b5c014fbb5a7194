import Foundation
import Imaging

/// The loss and the accuracy of every epoch, drawn.
struct TrainingCurves {
  private let epochs: [Trainer.Epoch]

  init(_ epochs: [Trainer.Epoch]) { self.epochs = epochs }

  var svg: String { drawing.svg }
  var image: Image { drawing.image }

  private var drawing: Drawing {
    var drawing = Drawing(width: 960, height: 400)
    let losses = epochs.flatMap { [$0.trainLoss, $0.testLoss] }
    panel(
      &drawing, left: 60, title: "loss", range: 0...max(1e-6, losses.max() ?? 1) * 1.05,
      [("training", .blue, epochs.map(\.trainLoss)), ("test", .red, epochs.map(\.testLoss))]
    ) { String(format: $0 < 0.1 ? "%.4f" : "%.2f", $0) }
    let accuracies = epochs.flatMap { [$0.trainAccuracy, $0.testAccuracy] }.compactMap(\.self)
    if accuracies.isEmpty { return drawing }
    let least = max(0, ((accuracies.min() ?? 0) * 20).rounded(.down) / 20 - 0.05)
    panel(
      &drawing, left: 540, title: "accuracy", range: least...1,
      [
        ("training", .blue, epochs.compactMap(\.trainAccuracy)),
        ("test", .red, epochs.compactMap(\.testAccuracy)),
      ]
    ) { String(format: "%.0f%%", $0 * 100) }
    return drawing
  }

  private func panel(
    _ drawing: inout Drawing, left: Double, title: String, range: ClosedRange<Double>,
    _ series: [(name: String, color: Drawing.Color, values: [Double])], _ label: (Double) -> String
  ) {
    let (top, width, height) = (50.0, 390.0, 290.0)
    func y(_ value: Double) -> Double {
      top + height * (1 - (value - range.lowerBound) / (range.upperBound - range.lowerBound))
    }
    let last = Double(max(2, epochs.count))
    func x(_ epoch: Int) -> Double { left + width * Double(epoch - 1) / (last - 1) }
    for i in 0...5 {
      let value = range.lowerBound + (range.upperBound - range.lowerBound) * Double(i) / 5
      drawing.line([(left, y(value)), (left + width, y(value))], .grey)
      drawing.text(left - 6, y(value) + 4, label(value), size: 11, anchor: .end)
    }
    let step = max(1, epochs.count / 8)
    for epoch in stride(from: 1, through: Int(last), by: step) {
      drawing.text(x(epoch), top + height + 18, "\(epoch)", size: 11, anchor: .middle)
    }
    drawing.text(left + width / 2, top + height + 38, "epoch", size: 12, anchor: .middle)
    drawing.text(left, 30, title, size: 16)
    for (i, line) in series.enumerated() {
      let points = line.values.enumerated().map {
        (x($0 + 1), y(min(max($1, range.lowerBound), range.upperBound)))
      }
      drawing.line(
        points.count == 1 ? [points[0], (points[0].0 + 4, points[0].1)] : points, line.color, width: 2)
      let place = left + 150 + Double(i) * 120
      drawing.line([(place, 26), (place + 22, 26)], line.color, width: 2)
      drawing.text(place + 28, 30, line.name, size: 12)
    }
  }
}

extension Evaluation {
  /// The confusion matrix as a picture: true classes down, predicted classes across, darker for more.
  public var picture: Image {
    let (cell, left, top) = (46.0, 130.0, 60.0)
    let count = Double(classNames.count)
    var drawing = Drawing(width: Int(left + cell * count + 30), height: Int(top + cell * count + 50))
    drawing.text(left, 24, String(format: "accuracy %.2f%%", accuracy * 100), size: 16)
    drawing.text(left + cell * count / 2, top + cell * count + 36, "predicted", size: 12, anchor: .middle)
    for (r, row) in confusion.enumerated() where r < classNames.count {
      let total = max(1, row.reduce(0, +))
      let y = top + Double(r) * cell
      drawing.text(left - 8, y + cell / 2 + 4, classNames[r], size: 11, anchor: .end)
      drawing.text(
        left + (Double(r) + 0.5) * cell, top + cell * count + 16, "\(r)", size: 11, anchor: .middle)
      for (c, value) in row.enumerated() where c < classNames.count {
        let share = Double(value) / Double(total)
        func tint(_ end: Double) -> UInt8 { UInt8(255 + (end - 255) * share.squareRoot()) }
        let x = left + Double(c) * cell
        drawing.box(
          x + 1, y + 1, width: cell - 2, height: cell - 2, Drawing.Color(tint(27), tint(108), tint(168)))
        drawing.text(
          x + cell / 2, y + cell / 2 + 4, "\(value)", size: 11, anchor: .middle, share > 0.4 ? .white : .black
        )
      }
    }
    return drawing.image
  }
}
