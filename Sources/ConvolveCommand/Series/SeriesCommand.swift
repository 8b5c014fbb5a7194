import ArgumentParser
import Convolve
import Foundation

extension Autoregression.Method: ExpressibleByArgument {}
extension Whitening.Method: ExpressibleByArgument {}

struct SeriesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "series",
    abstract: "Smooths, models and forecasts a series: convolution in one dimension.",
    discussion: """
      Reads a column of a CSV file. Moving averages convolve the series with their
      weights; AR, MA and ARIMA models are convolutions of noise, fitted by exact
      likelihood, and --explain prints their kernels.

      Examples:
        convolve series sales.csv --ma 7 -o smooth.csv
        convolve series nile.csv --acf 20 --plot acf.svg
        convolve series nile.csv --arima 1,1,1 --forecast 12 --plot forecast.svg
        convolve series co2.csv --column co2 --fill linear --arima 0,1,1 --seasonal 0,1,1,12 --forecast 24 --json
        convolve series sunspots.csv --ar 4 --ar-method burg --explain
        convolve series sensors.csv --whiten zca -o white.csv
      """)

  @Argument(help: "A CSV file.") var file: String
  @Option(help: ArgumentHelp("A column, by name or number (the last one with numbers).", valueName: "name"))
  var column: String?
  @Option(help: "How gaps are filled: none (an error) or linear.") var fill = "none"
  @Option(help: ArgumentHelp("A moving average over so many values.", valueName: "window")) var ma: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "A weighted moving average, the last weight for the latest value.", valueName: "weights"))
  var weights: String?
  @Flag(help: "Averages stand at their window's middle.") var centred = false
  @Option(help: ArgumentHelp("Exponential smoothing.", valueName: "alpha")) var smooth: Double?
  @Option(help: ArgumentHelp("Autocorrelations up to a lag.", valueName: "lags")) var acf: Int?
  @Option(help: ArgumentHelp("An autoregression.", valueName: "order")) var ar: Int?
  @Option(help: "yule-walker or burg.") var arMethod = Autoregression.Method.yuleWalker
  @Option(help: ArgumentHelp("An ARIMA model.", valueName: "p,d,q")) var arima: String?
  @Option(help: ArgumentHelp("Its seasonal part.", valueName: "P,D,Q,period")) var seasonal: String?
  @Option(help: ArgumentHelp("Values to forecast by the ARIMA model.", valueName: "steps")) var forecast = 0
  @Option(help: "The probability of the forecast's intervals.") var level = 0.95
  @Option(help: "Makes the columns of numbers uncorrelated, of variance 1: pca or zca.") var whiten:
    Whitening.Method?
  @Option(name: .shortAndLong, help: ArgumentHelp("The result as CSV.", valueName: "file")) var out: String?
  @Option(help: ArgumentHelp("The result as a plot (.svg or .png).", valueName: "file")) var plot: String?
  @OptionGroup var options: PictureOptions

  func validate() throws {
    let ways = [ma != nil, weights != nil, smooth != nil, acf != nil, ar != nil, arima != nil, whiten != nil]
    guard ways.filter(\.self).count == 1 else {
      throw ValidationError("Give one of --ma, --weights, --smooth, --acf, --ar, --arima, --whiten.")
    }
    guard CSVTable.Filling(rawValue: fill) != nil else {
      throw ValidationError("--fill \(fill): none or linear.")
    }
    if let weights, numberList(weights) == nil {
      throw ValidationError("--weights \(weights): numbers with commas.")
    }
    guard arima != nil || (seasonal == nil && forecast == 0) else {
      throw ValidationError("--seasonal and --forecast go with --arima.")
    }
    if arima != nil { _ = try order() }
    guard (0...10_000).contains(forecast), level > 0, level < 1 else {
      throw ValidationError("--forecast 0 to 10000, --level between 0 and 1.")
    }
  }

  private func order() throws -> ARIMAOrder {
    func whole(_ text: String, _ count: Int, _ name: String) throws -> [Int] {
      let numbers = text.split(separator: ",", omittingEmptySubsequences: false).compactMap { Int($0) }
      guard numbers.count == count, numbers.allSatisfy({ $0 >= 0 }),
        text.split(separator: ",", omittingEmptySubsequences: false).count == count
      else { throw ValidationError("\(name) \(text): \(count) whole numbers with commas.") }
      return numbers
    }
    let a = try whole(arima!, 3, "--arima")
    guard let seasonal else { return ARIMAOrder(a[0], a[1], a[2]) }
    let s = try whole(seasonal, 4, "--seasonal")
    return ARIMAOrder(a[0], a[1], a[2], seasonal: (s[0], s[1], s[2]), period: s[3])
  }

  func run() throws { try reporting { try work() } }

  private func work() throws {
    let table = try CSVTable(path: file)
    let filling = CSVTable.Filling(rawValue: fill)!
    if let whiten { return try whitened(table, whiten, filling) }
    let (name, values) = try table.column(column, filling: filling)
    if let ma {
      explain("y(t) = 1/\(ma) sum over j < \(ma) of x(t - j): the convolution with a box")
      try smoothed(name, values, movingAverage(values, window: ma, isCentred: centred), "mean of \(ma)")
    } else if let weights {
      let numbers = numberList(weights)!
      let sum = numbers.reduce(0, +)
      let kernel = numbers.reversed().map { plain($0 / sum) }.joined(separator: ", ")
      explain("y(t) = sum over j of k(j) x(t - j), k = \(kernel)")
      try smoothed(
        name, values, weightedMovingAverage(values, weights: numbers, isCentred: centred), "weighted mean")
    } else if let smooth {
      explain(
        "s(t) = \(smooth) x(t) + \(plain(1 - smooth)) s(t - 1): the convolution with \(smooth) * \(plain(1 - smooth))^j"
      )
      try smoothed(name, values, exponentialSmoothing(values, alpha: smooth).map { $0 }, "smoothed")
    } else if let acf {
      try correlations(name, values, acf)
    } else if let ar {
      try autoregression(name, values, ar)
    } else {
      try model(name, values)
    }
  }

  private func explain(_ text: String) { if options.explain { Terminal.note(text) } }

  private func smoothed(_ name: String, _ values: [Double], _ result: [Double?], _ title: String) throws {
    if options.json {
      Terminal.print(jsonText(result))
    } else if out == nil, plot == nil {
      for value in result { Terminal.print(value.map { plain($0) } ?? "") }
    }
    let lines = zip(values, result).map { "\(plain($0)),\($1.map { plain($0) } ?? "")" }
    try write(["\(name),\(title)"] + lines)
    try draw(
      name,
      [
        .init(name, points(values), Drawing.Color(150, 150, 150)),
        .init(title, result.enumerated().compactMap { i, v in v.map { (Double(i + 1), $0) } }, .red),
      ])
  }

  private func correlations(_ name: String, _ values: [Double], _ lags: Int) throws {
    let r = try autocorrelation(values, lags: lags)
    explain("r(k) = sum (x(t) - m)(x(t - k) - m) / sum (x(t) - m)^2 over \(values.count) values")
    if options.json {
      Terminal.print(jsonText(r))
    } else {
      for (lag, value) in r.enumerated() { Terminal.print(String(format: "%4d  %8.4f", lag, value)) }
    }
    try write(["lag,autocorrelation"] + r.enumerated().map { "\($0),\(plain($1))" })
    guard let plot else { return }
    let bound = 1.96 / Double(values.count).squareRoot()
    var chart = Chart(
      "autocorrelation of \(name)", xLabel: "lag", yLabel: "r",
      r.enumerated().map { .init("", [(Double($0), 0), (Double($0), $1)], .blue) })
    for sign in [-1.0, 1] {
      chart.curves.append(.init("", [(0, sign * bound), (Double(lags), sign * bound)], .red))
    }
    try chart.drawing().write(to: plot, replacing: options.force)
  }

  private func autoregression(_ name: String, _ values: [Double], _ order: Int) throws {
    let fit = try Autoregression(values, order: order, method: arMethod)
    if options.json {
      Terminal.print(jsonText(fit))
    } else {
      for (i, value) in fit.coefficients.enumerated() {
        Terminal.print(String(format: "ar.L%d  %10.6f", i + 1, value))
      }
      Terminal.print(String(format: "mean %.6g, variance of the noise %.6g", fit.mean, fit.variance))
    }
    let terms = fit.coefficients.enumerated().map { String(format: "%+.4f x(t - %d)", $1, $0 + 1) }
    explain("x(t) = \(terms.joined(separator: " ")) + e(t), x less its mean \(plain(fit.mean))")
    let kernel = [1] + fit.coefficients.map { -$0 }
    explain(
      "whitening kernel, e = k * x: \(kernel.map { String(format: "%.4f", $0) }.joined(separator: ", "))")
    let whitened = values.indices.map { t in
      kernel.indices.reduce(0.0) { t >= $1 ? $0 + kernel[$1] * (values[t - $1] - fit.mean) : $0 }
    }
    try write(["\(name),noise"] + zip(values, whitened).map { "\(plain($0)),\(plain($1))" })
    try draw(name, [.init("noise", points(whitened), .red)])
  }

  private struct Report: Encodable {
    let model: String
    let ar, ma, seasonalAR, seasonalMA: [Double]
    let mean: Double?
    let variance, logLikelihood, aic, aicc, bic, hqic: Double
    let hasConverged: Bool
    let kernel: [Double]
    let forecast: [ARIMA.Forecast]
  }

  private func model(_ name: String, _ values: [Double]) throws {
    let fit = try ARIMA(values, order: order())
    if !fit.hasConverged {
      Terminal.note("the search ended before the likelihood was flat: take lower orders")
    }
    let coming = forecast > 0 ? try fit.forecast(forecast, level: level) : []
    let kernel = fit.convolutionKernel(12)
    if options.json {
      Terminal.print(
        jsonText(
          Report(
            model: "\(fit.order)", ar: fit.ar, ma: fit.ma, seasonalAR: fit.seasonalAR,
            seasonalMA: fit.seasonalMA,
            mean: fit.mean, variance: fit.variance, logLikelihood: fit.logLikelihood, aic: fit.aic,
            aicc: fit.aicc,
            bic: fit.bic, hqic: fit.hqic, hasConverged: fit.hasConverged, kernel: kernel, forecast: coming)))
    } else {
      Terminal.print("\(fit.order) of \(name), \(values.count) values")
      if let mean = fit.mean { Terminal.print(String(format: "mean       %12.6g", mean)) }
      for (title, numbers) in [
        ("ar.L", fit.ar), ("ma.L", fit.ma), ("ar.S.L", fit.seasonalAR), ("ma.S.L", fit.seasonalMA),
      ] {
        let step = title.contains("S") ? fit.order.period : 1
        for (i, value) in numbers.enumerated() {
          let label = "\(title)\((i + 1) * step)"
          Terminal.print(
            label + String(repeating: " ", count: max(1, 11 - label.count)) + String(format: "%12.6f", value))
        }
      }
      Terminal.print(String(format: "sigma2     %12.6g", fit.variance))
      Terminal.print(
        String(
          format: "log-likelihood %.4f  AIC %.3f  AICc %.3f  BIC %.3f  HQIC %.3f", fit.logLikelihood, fit.aic,
          fit.aicc,
          fit.bic, fit.hqic))
      for (i, f) in coming.enumerated() {
        Terminal.print(String(format: "%+4d  %12.6g  [%.6g, %.6g]", i + 1, f.value, f.lower, f.upper))
      }
    }
    explain(
      "as a convolution of noise: y = \(fit.mean.map { plain($0) } ?? "0") + k * e, k = \(kernel.map { String(format: "%.4f", $0) }.joined(separator: ", ")), ...; y is the series\(fit.order.d + fit.order.seasonalD > 0 ? ", differenced" : "")"
    )
    explain(
      "its whitening kernel: \(fit.whiteningKernel(12).map { String(format: "%.4f", $0) }.joined(separator: ", ")), ..."
    )
    try write(
      ["step,value,lower,upper"]
        + coming.enumerated().map { "\($0 + 1),\(plain($1.value)),\(plain($1.lower)),\(plain($1.upper))" })
    guard let plot else { return }
    var chart = Chart(
      "\(fit.order) of \(name)", xLabel: "value", yLabel: name, [.init("series", points(values), .blue)])
    let start = Double(values.count)
    if !coming.isEmpty {
      chart.curves.append(
        .init(
          "forecast",
          [(start, values[values.count - 1])]
            + coming.enumerated().map { (start + Double($0 + 1), $1.value) },
          .red))
      chart.band = coming.enumerated().map { (x: start + Double($0 + 1), low: $1.lower, high: $1.upper) }
    }
    try chart.drawing().write(to: plot, replacing: options.force)
  }

  private func whitened(_ table: CSVTable, _ method: Whitening.Method, _ filling: CSVTable.Filling) throws {
    let columns = try (column.map { $0.split(separator: ",").map(String.init) } ?? table.names).map {
      try table.column($0, filling: filling)
    }
    let rows = columns[0].values.indices.map { i in columns.map { $0.values[i] } }
    let whitening = try Whitening(rows, method: method)
    explain(
      "w = W (x - mean), W = \(method == .pca ? "L^-1/2 V'" : "V L^-1/2 V'"), V the covariance's eigenvectors, L its eigenvalues: \(whitening.eigenvalues.map { String(format: "%.6g", $0) }.joined(separator: ", "))"
    )
    let white = whitening(rows)
    if options.json {
      Terminal.print(jsonText(white))
    } else if out == nil {
      for row in white { Terminal.print(row.map { plain($0) }.joined(separator: ",")) }
    }
    try write(
      [columns.map(\.name).joined(separator: ",")] + white.map { $0.map { plain($0) }.joined(separator: ",") }
    )
  }

  private func points(_ values: [Double]) -> [(Double, Double)] {
    values.enumerated().map { (Double($0 + 1), $1) }
  }

  private func write(_ lines: [String]) throws {
    guard let out else { return }
    try writeFile(Array((lines.joined(separator: "\n") + "\n").utf8), to: out, replacing: options.force)
  }

  private func draw(_ name: String, _ curves: [Chart.Curve]) throws {
    guard let plot else { return }
    try Chart(name, xLabel: "value", yLabel: "", curves).drawing().write(to: plot, replacing: options.force)
  }
}
