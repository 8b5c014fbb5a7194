import Foundation
import Series
import Testing

@Suite struct SeriesTests {
  private struct Vectors: Decodable {
    struct Model: Decodable {
      let series: String
      let order: [Int]
      let seasonal: [Int]
      let ar, ma, seasonalAR, seasonalMA, mean, forecast: [Double]
      let variance, logLikelihood, aic, bic, hqic: Double
      let interval: [[Double]]
    }

    struct Fitted: Decodable {
      let coefficients: [Double]
      let variance: Double

      init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        coefficients = try list.decode([Double].self)
        variance = try list.decode(Double.self)
      }
    }

    let series: [String: [Double]]
    let models: [Model]
    let acf: [Double]
    let yuleWalker: Fitted
    let burg: Fitted
  }

  private static let vectors: Vectors = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
      path: "Vectors/series.json")
    return try! JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file))
  }()

  /// Coefficients, likelihoods, criteria, forecasts and intervals within 1e-3 relative of statsmodels'.
  @Test(arguments: 0..<9) func modelsAreStatsmodels(index: Int) throws {
    let model = Self.vectors.models[index]
    let values = Self.vectors.series[model.series]!
    var order = ARIMAOrder(model.order[0], model.order[1], model.order[2])
    if model.seasonal.count == 4 {
      let s = model.seasonal
      order = ARIMAOrder(
        model.order[0], model.order[1], model.order[2], seasonal: (s[0], s[1], s[2]), period: s[3])
    }
    let fit = try ARIMA(values, order: order)
    func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-3) -> Bool {
      abs(a - b) <= tolerance * max(abs(b), 0.1)
    }
    // A likelihood that is greater than statsmodels' is the better fit; then coefficients need not agree.
    #expect(
      fit.logLikelihood > model.logLikelihood - 1e-3, "\(order): \(fit.logLikelihood), \(model.logLikelihood)"
    )
    #expect(near(fit.logLikelihood, model.logLikelihood))
    #expect(near(fit.aic, model.aic) && near(fit.bic, model.bic) && near(fit.hqic, model.hqic))
    #expect(near(fit.variance, model.variance, 2e-3), "\(fit.variance) \(model.variance)")
    for (ours, theirs) in [
      (fit.ar, model.ar), (fit.ma, model.ma), (fit.seasonalAR, model.seasonalAR),
      (fit.seasonalMA, model.seasonalMA),
      (fit.mean.map { [$0] } ?? [], model.mean),
    ] {
      #expect(ours.count == theirs.count)
      #expect(zip(ours, theirs).allSatisfy { near($0, $1) }, "\(order): \(ours), \(theirs)")
    }
    let forecast = try fit.forecast(12)
    for (i, f) in forecast.enumerated() {
      #expect(near(f.value, model.forecast[i]), "\(order), step \(i + 1): \(f.value), \(model.forecast[i])")
      #expect(
        near(f.lower, model.interval[i][0]) && near(f.upper, model.interval[i][1]), "\(order), step \(i + 1)")
    }
  }

  @Test func autocorrelationsAndAutoregressionsAreStatsmodels() throws {
    let values = Self.vectors.series["sunspots"]!
    for (a, b) in zip(try autocorrelation(values, lags: 20), Self.vectors.acf) { #expect(abs(a - b) < 1e-10) }
    for (method, expected) in [
      (Autoregression.Method.yuleWalker, Self.vectors.yuleWalker), (.burg, Self.vectors.burg),
    ] {
      let fit = try Autoregression(values, order: 4, method: method)
      // statsmodels' variance of Burg's method is that of the residuals that are left at the edges.
      for (a, b) in zip(fit.coefficients, expected.coefficients) { #expect(abs(a - b) < 1e-8, "\(method)") }
      #expect(abs(fit.variance / expected.variance - 1) < (method == .burg ? 1e-2 : 1e-6), "\(method)")
    }
  }

  @Test func averagesFollowTheirDefinitions() throws {
    #expect(try movingAverage([1, 2, 3, 4, 6], window: 3) == [nil, nil, 2, 3, 13.0 / 3])
    #expect(try movingAverage([1, 2, 3, 4], window: 2, isCentred: true) == [nil, 1.5, 2.5, 3.5])
    #expect(try movingAverage([1, 2, 3, 4, 5], window: 3, isCentred: true) == [nil, 2, 3, 4, nil])
    #expect(try weightedMovingAverage([1, 2, 4], weights: [1, 3]) == [nil, 1.75, 3.5])
    #expect(try exponentialSmoothing([1, 3, 3], alpha: 0.5) == [1, 2, 2.5])
    #expect(throws: SeriesError.self) { try movingAverage([1, 2], window: 3) }
    #expect(throws: SeriesError.self) { try movingAverage([1, .nan, 2], window: 2) }
    #expect(throws: SeriesError.self) { try exponentialSmoothing([1], alpha: 0) }
    #expect(throws: SeriesError.self) { try movingAverage([], window: 1) }
  }

  /// The noise convolved with the model's kernel is the series; the series convolved with the whitening kernel is the noise.
  @Test func modelsAreConvolutions() throws {
    let fit = try ARIMA(Self.vectors.series["nile"]!, order: ARIMAOrder(1, 0, 1))
    let (psi, pi) = (fit.convolutionKernel(60), fit.whiteningKernel(60))
    for n in 0..<60 {
      let sum = (0...n).reduce(0.0) { $0 + psi[$1] * pi[n - $1] }
      #expect(abs(sum - (n == 0 ? 1 : 0)) < 1e-12)
    }
    #expect(abs(psi[1] - (fit.ar[0] + fit.ma[0])) < 1e-12)
  }

  @Test(arguments: Whitening.Method.allCases) func whitenedCovariancesAreTheIdentity(method: Whitening.Method)
    throws
  {
    var state: UInt64 = 1
    func uniform() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 11) * 0x1p-53 - 0.5
    }
    let mixing = (0..<6).map { _ in (0..<6).map { _ in uniform() } }
    let rows = (0..<500).map { _ in
      let x = (0..<6).map { _ in uniform() }
      return mixing.map { weights in 3 + zip(weights, x).reduce(0) { $0 + $1.0 * $1.1 } }
    }
    let whitening = try Whitening(rows, method: method)
    let white = whitening(rows)
    for i in 0..<6 {
      for j in 0..<6 {
        let covariance = white.reduce(0) { $0 + $1[i] * $1[j] } / 499
        #expect(abs(covariance - (i == j ? 1 : 0)) < 1e-5)
      }
    }
    if method == .zca {
      for i in 0..<6 {
        for j in 0..<6 { #expect(abs(whitening.matrix[i][j] - whitening.matrix[j][i]) < 1e-9) }
      }
    }
    #expect(throws: SeriesError.self) { try Whitening(rows.map { $0 + [$0[0]] }, method: method) }
    #expect(throws: SeriesError.self) { try Whitening([[1, 2]], method: method) }
    #expect(throws: SeriesError.self) { try Whitening([[1, 2], [3]], method: method) }
  }

  @Test func whatCannotBeFittedIsNamed() {
    func message(_ values: [Double], _ order: ARIMAOrder) -> String {
      do {
        _ = try ARIMA(values, order: order)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message([Double](repeating: 3, count: 50), ARIMAOrder(1, 0, 0)).contains("constant"))
    #expect(message([1, 2, 3], ARIMAOrder(2, 1, 2)).contains("at least"))
    #expect(message([1, .nan, 3, 4, 5, 6, 7, 8], ARIMAOrder(1, 0, 0)).contains("value 2"))
    #expect(message((0..<50).map(Double.init), ARIMAOrder(99, 0, 0)).contains("30"))
    #expect(
      message((0..<50).map { Double($0 % 7) }, ARIMAOrder(1, 0, 0, seasonal: (1, 0, 0), period: 1)).contains(
        "period"))
    #expect(message([], ARIMAOrder(0, 0, 0)).contains("0 values"))
  }
}
