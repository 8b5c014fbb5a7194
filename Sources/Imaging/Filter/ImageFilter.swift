import Convolution
import Tensors

/// A filtered image, and what was decided on the way.
public struct FilterResult: Sendable {
  public let image: Image
  /// What `auto` chose, and what a person should know about the result; a line each.
  public let notes: [String]
  public let plan: FilterPlan
  /// How the filter was planned, for a person to read.
  public let explanation: String
}

extension Image {
  /// Filters an image.
  ///
  /// With ``FilterRequest/Range/auto``: kernels that keep brightness (they sum to 1) are clamped; magnitudes
  /// and compass operators are stretched to black ... white; kernels that sum to zero are shown as signed
  /// colours; anything else is clamped, with the share of samples that were cut off.
  ///
  /// Alpha is filtered along when the kernels keep brightness: colours are multiplied by alpha before, and
  /// divided by the filtered alpha after. Otherwise alpha stays as it is.
  /// - Throws: ``FilterError``.
  public func filtered(_ request: FilterRequest) throws(FilterError) -> FilterResult {
    var run = try FilterRun(self, request)
    return try run.result()
  }
}

/// One filtering of one image.
private struct FilterRun {
  let image: Image
  let request: FilterRequest
  /// Whether every step is linear and sums to one.
  let keepsBrightness: Bool
  let range: FilterRequest.Range
  var notes: [String] = []

  init(_ image: Image, _ request: FilterRequest) throws(FilterError) {
    self.image = image
    self.request = request
    keepsBrightness = request.banks.allSatisfy { $0.isLinear && abs($0.kernels[0].sum - 1) < 1e-3 }
    if case .some(let channels) = request.channels {
      for channel in channels.sorted() where channel >= image.colorChannels {
        throw .noSuchChannel(channel, channels: image.colorChannels)
      }
    }
    if request.isValid {
      let rows = 1 + request.banks.reduce(0) { $0 + $1.rows - 1 }
      let columns = 1 + request.banks.reduce(0) { $0 + $1.columns - 1 }
      guard rows <= image.height, columns <= image.width else {
        throw .kernelLargerThanImage(
          kernel: "\(columns)x\(rows)", image: "\(image.width)x\(image.height)")
      }
    }
    let last = request.banks.last!
    if request.range != .auto {
      range = request.range
    } else if keepsBrightness {
      range = .clamp
      if request.banks.contains(where: { $0.kernels[0].hasNegativeCoefficients }) {
        notes.append("range clamp: the kernel keeps brightness; what overshoots black or white is cut off")
      }
    } else if !last.isLinear {
      range = .minmax
    } else if request.banks.contains(where: { $0.isLinear && $0.kernels[0].isZeroSum }) {
      range = .signed
    } else {
      range = .clamp
    }
  }

  /// The units of results: 255, 65535 or 1 is white.
  private var white: Double { image.type.maximum }

  mutating func result() throws(FilterError) -> FilterResult {
    let isPlain = !request.isLinearLight && !needsAlpha && request.channels == .all
    if isPlain, range == .clamp, request.range == .clamp || keepsBrightness, image.type != .float32 {
      // Straight from the stored samples to stored samples.
      let color = image.hasAlpha ? image.colorOnly() : image
      let (filtered, plan) = run(color, outputType: image.type, bias: request.bias)
      let result = image.hasAlpha ? filtered.withOpaqueAlpha() : filtered
      return FilterResult(
        image: result, notes: notes, plan: plan, explanation: plan.explanation(magnitude: white))
    }
    let (color, alpha, plan) = floatResult()
    return FilterResult(
      image: try finished(color, alpha: alpha), notes: notes, plan: plan,
      explanation: plan.explanation(magnitude: white))
  }

  /// Whether there is an alpha channel that is not opaque everywhere.
  private var needsAlpha: Bool { image.hasAlpha && !image.isOpaque }

  private func run(_ input: Image, outputType: SampleType, bias: Double, border: PaddingMode? = nil)
    -> (Image, FilterPlan)
  {
    // Half a grey level is what rounding to 8 bits may change anyway.
    let precision: FilterPlan.Precision = outputType == .uint8 ? .truncation(0.45 / 255) : .exact
    do throws(GeometryError) {
      let plan = try FilterPlan(
        request.banks, input: input.layout, outputType: outputType, border: border ?? request.border,
        isValid: request.isValid, precision: precision, forcing: request.method)
      let output = Image.uninitialized(plan.output, iccProfile: image.iccProfile) { destination in
        input.withUnsafeBytes { plan.run($0, into: destination, bias: bias) }
      }
      return (output, plan)
    } catch {
      preconditionFailure("the sizes were checked before: \(error)")
    }
  }

  /// Colour in the input's units, filtered; and alpha from 0 to 1 where it is not opaque.
  private func floatResult() -> (Tensor<Float>, Tensor<Float>?, FilterPlan) {
    var color = image.colorOnly()
    let isConverted = request.isLinearLight || request.channels == .luma || needsAlpha
    if isConverted { color = Image(.float32(color.floats()), iccProfile: image.iccProfile) }
    if request.isLinearLight { color = color.mappedFloats { linearized($0, white: white) } }
    if request.channels == .luma, color.channels == 3 {
      color = color.luma(isLinear: request.isLinearLight)
    }
    let alpha = needsAlpha ? image.alpha() : nil
    if let alpha { color = color.multiplied(by: alpha) }
    let bias = request.isLinearLight || alpha != nil ? 0 : request.bias
    let (filtered, plan) = run(color, outputType: .float32, bias: bias, border: colorBorder)
    guard case .float32(var result) = filtered.samples else { preconditionFailure("asked for float32") }
    var resultAlpha: Tensor<Float>?
    if let alpha {
      resultAlpha = keepsBrightness ? filteredAlpha(alpha) : cropped(alpha, to: result.shape)
      result = result.divided(by: resultAlpha!)
    }
    if request.isLinearLight { result = result.mapped { encoded($0, white: white) } }
    if bias != request.bias { result = result.mapped { $0 + Float(request.bias) } }
    return (result, resultAlpha, plan)
  }

  /// A constant border is a colour too, and takes its way.
  private var colorBorder: PaddingMode {
    guard request.isLinearLight, case .constant(let value) = request.border else { return request.border }
    return .constant(Double(linearized(Float(value), white: white)))
  }

  /// Beyond the edge, a constant colour is opaque and zeros are transparent.
  private func filteredAlpha(_ alpha: Tensor<Float>) -> Tensor<Float> {
    var border = request.border
    if case .constant = border { border = .constant(1) }
    let (filtered, _) = run(Image(.float32(alpha)), outputType: .float32, bias: 0, border: border)
    guard case .float32(let result) = filtered.samples else { preconditionFailure("asked for float32") }
    return result.mapped { min(max($0, 0), 1) }
  }

  /// Of a tensor of the image's size, the pixels that a result of a valid filter keeps.
  private func cropped(_ tensor: Tensor<Float>, to shape: Shape) -> Tensor<Float> {
    guard request.isValid else { return tensor }
    let top = request.banks.reduce(0) { $0 + $1.anchor.row }
    let left = request.banks.reduce(0) { $0 + $1.anchor.column }
    return tensor.slice(top..<top + shape[0], axis: 0).slice(left..<left + shape[1], axis: 1)
  }

  /// Results as an image in the range that was chosen.
  private mutating func finished(_ color: Tensor<Float>, alpha: Tensor<Float>?) throws(FilterError) -> Image {
    var color = color
    if range == .raw {
      let kept = keepingUnfiltered(color)
      let result = alpha.map { kept.appending($0.mapped { $0 * Float(white) }) }
      return Image(.float32(result ?? (image.hasAlpha ? kept.appendingConstant(Float(white)) : kept)))
    }
    let extremes = color.extremes()
    guard extremes.notFinite == 0 else { throw .notFinite(count: extremes.notFinite) }
    let type = image.type
    let full = Float(white)
    switch range {
    case .auto, .raw: preconditionFailure("decided before")
    case .clamp:
      if request.range == .auto, !keepsBrightness, extremes.least < 0 || extremes.greatest > full {
        let cut = color.count { $0 < 0 || $0 > full }
        let percent = (1000 * Double(cut) / Double(color.shape.count)).rounded() / 10
        notes.append(
          "range clamp: \(plain(percent)) % of the results lie outside 0 ... \(plain(white)) and are cut off; "
            + "--range minmax shows them all")
      }
    case .abs:
      color = color.mapped { Swift.abs($0) }
      if max(-extremes.least, extremes.greatest) > full {
        notes.append("range abs: magnitudes above \(plain(white)) are cut off; --range minmax shows them all")
      }
    case .minmax:
      let (least, greatest) = (extremes.least, extremes.greatest)
      let factor = greatest > least ? full / (greatest - least) : 0
      color = color.mapped { ($0 - least) * factor }
      notes.append("range minmax: \(rounded(least)) ... \(rounded(greatest)) became 0 ... \(plain(white))")
    case .signed:
      let greatest = max(-extremes.least, extremes.greatest)
      notes.append(
        "range signed: -\(rounded(greatest)) is blue, 0 white, \(rounded(greatest)) red"
          + (request.range == .auto ? "; --range abs or minmax gives grey" : ""))
      let shown = color.shape[2] == 3 ? Image(.float32(color)).luma(isLinear: false).floats() : color
      color = divergingColors(shown, greatest: greatest, white: full)
      let result = alpha.map { color.appending($0.mapped { $0 * full }) } ?? color
      return Image(.float32(result)).stored(as: type, white: full, iccProfile: nil)
    }
    color = keepingUnfiltered(color)
    var result = alpha.map { color.appending($0.mapped { $0 * full }) } ?? color
    if alpha == nil, image.hasAlpha { result = result.appendingConstant(full) }
    let profile = request.channels == .luma ? nil : image.iccProfile
    return Image(.float32(result)).stored(as: type, white: full, iccProfile: profile)
  }

  /// The channels that were not asked for, as they were.
  private func keepingUnfiltered(_ color: Tensor<Float>) -> Tensor<Float> {
    guard case .some(let channels) = request.channels, color.shape[2] == 3 else { return color }
    let original = cropped(image.colorOnly().floats(), to: color.shape)
    return color.merging(original) { channel in !channels.contains(channel) }
  }
}

/// One decimal.
private func rounded(_ value: Float) -> String { plain((Double(value) * 10).rounded() / 10) }
