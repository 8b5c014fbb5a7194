import Convolve

/// A network's layers as bars: multiply-adds and parameters, each beside the greatest.
struct SummaryPlot {
  private let title: String
  private let summary: NetworkSummary

  init(_ title: String, _ summary: NetworkSummary) { (self.title, self.summary) = (title, summary) }

  var svg: String {
    let rows = summary.rows.filter { $0.parameters > 0 || $0.multiplyAdds > 0 }
    let (top, step) = (60.0, 16.0)
    var drawing = Drawing(width: 960, height: Int(top + step * Double(rows.count)) + 30)
    drawing.text(
      20, 28, "\(title): \(summary.parameters) parameters, \(summary.multiplyAdds) multiply-adds", size: 15)
    drawing.text(340, 50, "multiply-adds", size: 11, .blue)
    drawing.text(660, 50, "parameters", size: 11, .red)
    let most = (
      Double(max(1, rows.map(\.multiplyAdds).max() ?? 1)), Double(max(1, rows.map(\.parameters).max() ?? 1))
    )
    for (i, row) in rows.enumerated() {
      let y = top + step * Double(i)
      let shape = row.outputShape.map(String.init).joined(separator: "x")
      drawing.text(20, y + 11, row.layer, size: 10)
      drawing.text(330, y + 11, shape, size: 9, anchor: .end)
      drawing.box(340, y + 2, width: 300 * Double(row.multiplyAdds) / most.0, height: step - 5, .blue)
      drawing.box(660, y + 2, width: 280 * Double(row.parameters) / most.1, height: step - 5, .red)
    }
    return drawing.svg
  }
}
