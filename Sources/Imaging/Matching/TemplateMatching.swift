import Convolution
import Fourier
import RealModule
import Tensors

/// How alike a template and each window of an image are.
public enum MatchMethod: String, Sendable, CaseIterable {
  /// Sums of products: bright windows score high. OpenCV's `TM_CCORR`.
  case correlation
  /// Zero-mean normalised cross-correlation, -1 to 1: free of brightness and contrast. OpenCV's `TM_CCOEFF_NORMED`.
  case normalized
  /// The inverse transform of the spectra's phases alone: a sharp peak, for a template that was cut out of the image.
  case phase
}

/// The score of a template at every place where it lies inside the image, over all channels together.
///
/// Sums of products go by Fourier transforms where those are cheaper; means and deviations of windows by running sums in
/// float64.
/// - Parameters:
///   - image: `[C, H, W]`
///   - template: `[C, h, w]`
///   - mask: `[h, w]`, the weight of each of the template's pixels, 0 or more.
///   - method: what is scored.
/// - Returns: `[H - h + 1, W - w + 1]`; 0 where a window has no contrast.
/// - Throws: ``ImagingError`` for shapes that do not fit, a template without contrast, or numbers that are not finite.
/// - Source: Lewis (1995), "Fast normalized cross-correlation"; Kuglin and Hines (1975), for phase correlation.
public func matchTemplate(
  _ image: Tensor<Float>, _ template: Tensor<Float>, mask: Tensor<Float>? = nil,
  method: MatchMethod = .normalized
) throws(ImagingError) -> Tensor<Float> {
  guard image.shape.rank == 3, template.shape.rank == 3, image.shape[0] == template.shape[0] else {
    throw ImagingError(
      "a template of shape \(template.shape) for an image of shape \(image.shape): both are [C, H, W] with the same channels"
    )
  }
  let (h, w) = (template.shape[1], template.shape[2])
  guard h > 0, w > 0, h <= image.shape[1], w <= image.shape[2] else {
    throw ImagingError(
      "the template of \(w)x\(h) pixels does not fit into the image of \(image.shape[2])x\(image.shape[1]): cut it, or scale it down"
    )
  }
  if let mask,
    mask.shape != [h, w] || mask.scalars.contains(where: { !($0 >= 0) })
      || !mask.scalars.contains(where: { $0 > 0 })
  {
    throw ImagingError(
      "a mask of shape \(mask.shape) for a template of \(w)x\(h): one weight of 0 or more a pixel, not all 0")
  }
  for (name, tensor) in [("image", image), ("template", template)] {
    guard tensor.withUnsafeBufferPointer({ $0.allSatisfy(\.isFinite) }) else {
      throw ImagingError("the \(name) has values that are not finite: replace them before matching")
    }
  }
  switch method {
  case .correlation: return try sumsOfProducts(image, weighted(template, mask))
  case .normalized: return try normalizedCorrelation(image, template, mask)
  case .phase:
    guard mask == nil else {
      throw ImagingError("phase correlation takes no mask: use the method normalized")
    }
    return try phaseCorrelation(image, template)
  }
}

/// The template's pixels times their weights.
private func weighted(_ template: Tensor<Float>, _ mask: Tensor<Float>?) -> Tensor<Float> {
  guard let mask else { return template }
  let (weights, pixels) = (mask.scalars, template.scalars)
  return Tensor(pixels.indices.map { pixels[$0] * weights[$0 % weights.count] }, shape: template.shape)
}

/// Sums over windows and channels of image times kernel.
private func sumsOfProducts(
  _ image: Tensor<Float>, _ kernel: Tensor<Float>
) throws(ImagingError) -> Tensor<Float> {
  let (c, h, w) = (kernel.shape[0], kernel.shape[1], kernel.shape[2])
  do throws(GeometryError) {
    let planes = try conv(
      image.reshaped(Shape([1] + image.shape.dimensions)), weight: kernel.reshaped([c, 1, h, w]),
      .init(groups: c))
    let size: Shape = [planes.shape[2], planes.shape[3]]
    guard c > 1 else { return planes.reshaped(size) }
    return Tensor(unsafeUninitializedShape: size) { out in
      planes.withUnsafeBufferPointer { planes in
        for i in 0..<size.count {
          out.initializeElement(at: i, to: (0..<c).reduce(0) { $0 + planes[$1 * size.count + i] })
        }
      }
    }
  } catch {
    throw ImagingError("\(error)")
  }
}

/// sum M T' I / sqrt(sum M T'^2 · sum M (I - mean)^2), the template's weighted mean taken off it: then the window's mean falls
/// out of the sum of products.
private func normalizedCorrelation(
  _ image: Tensor<Float>, _ template: Tensor<Float>, _ mask: Tensor<Float>?
) throws(ImagingError) -> Tensor<Float> {
  let (channels, h, w) = (template.shape[0], template.shape[1], template.shape[2])
  let weights = (mask ?? Tensor(repeating: 1, shape: [h, w])).scalars.map(Double.init)
  let total = weights.reduce(0, +)
  let pixels = template.scalars
  var (kernel, energy) = ([Float](), 0.0)
  for c in 0..<channels {
    let plane = pixels[c * h * w..<(c + 1) * h * w].map(Double.init)
    let mean = zip(plane, weights).reduce(0) { $0 + $1.0 * $1.1 } / total
    for (value, weight) in zip(plane, weights) {
      kernel.append(Float(weight * (value - mean)))
      energy += weight * (value - mean) * (value - mean)
    }
  }
  let greatest = pixels.reduce(0) { max($0, abs($1)) }
  guard energy > 1e-12 * total * Double(greatest * greatest) else {
    throw ImagingError(
      "the template has no contrast: every pixel is the same, and so is every score; choose one with an edge in it"
    )
  }
  // A constant taken off the image changes nothing but the roundings.
  let centred = image.withoutMeans
  let products = try sumsOfProducts(centred, Tensor(kernel, shape: template.shape))
  let deviations =
    mask == nil
    ? windowEnergies(centred, height: h, width: w)
    : try maskedEnergies(centred, weights: weights, total: total, height: h, width: w)
  return Tensor(unsafeUninitializedShape: products.shape) { out in
    products.withUnsafeBufferPointer { products in
      deviations.withUnsafeBufferPointer { deviations in
        let floor = 1e-9 * greatestOf(deviations)
        let (scale, to) = (Float(1 / energy.squareRoot()), out.baseAddress!)
        parallelRanges(products.count) { piece in
          for i in piece {
            let score = products[i] * scale / max(deviations[i], floor).squareRoot()
            to[i] = deviations[i] > floor ? min(1, max(-1, score)) : 0
          }
        }
      }
    }
  }
}

private func greatestOf(_ values: UnsafeBufferPointer<Float>) -> Float {
  // Eight at a time, which do not wait for one another.
  var best = SIMD8<Float>(repeating: 0)
  var i = 0
  while i + 8 <= values.count {
    let next = UnsafeRawPointer(values.baseAddress! + i).loadUnaligned(as: SIMD8<Float>.self)
    best.replace(with: next, where: next .> best)
    i += 8
  }
  return values[i...].reduce(best.max()) { max($0, $1) }
}

/// sum M I^2 - (sum M I)^2 / sum M of every window, over all channels.
private func maskedEnergies(
  _ image: Tensor<Float>, weights: [Double], total: Double, height: Int, width: Int
) throws(ImagingError) -> Tensor<Float> {
  let mask = Tensor(weights.map { Float($0) }, shape: [1, height, width])
  let (rows, columns) = (image.shape[1], image.shape[2])
  var energies: [Double] = []
  for c in 0..<image.shape[0] {
    let plane = image.slice(c..<c + 1, axis: 0)
    let squares = Tensor(plane.scalars.map { $0 * $0 }, shape: [1, rows, columns])
    let (a, b) = (try sumsOfProducts(squares, mask).scalars, try sumsOfProducts(plane, mask).scalars)
    if energies.isEmpty { energies = [Double](repeating: 0, count: a.count) }
    for i in a.indices { energies[i] += max(0, Double(a[i]) - Double(b[i]) * Double(b[i]) / total) }
  }
  return Tensor(energies.map { Float($0) }, shape: [rows - height + 1, columns - width + 1])
}

/// sum (I - mean)^2 of every window, over all channels, by running sums in float64.
private func windowEnergies(_ image: Tensor<Float>, height: Int, width: Int) -> Tensor<Float> {
  let (channels, rows, columns) = (image.shape[0], image.shape[1], image.shape[2])
  let (outRows, outColumns) = (rows - height + 1, columns - width + 1)
  // Bands begin anew, always at the same rows, so that results do not depend on the number of threads.
  let band = 64
  let count = Double(height * width)
  return Tensor(unsafeUninitializedShape: [outRows, outColumns]) { out in
    let out = out.baseAddress!
    image.withUnsafeBufferPointer { image in
      let image = image.baseAddress!
      ThreadPool.shared.parallelFor((outRows + band - 1) / band) { piece in
        let first = piece * band
        let last = min(outRows, first + band)
        withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * columns) { memory in
          let (sums, squares) = (memory.baseAddress!, memory.baseAddress! + columns)
          for c in 0..<channels {
            let plane = image + c * rows * columns
            sums.update(repeating: 0, count: 2 * columns)
            for y in first..<first + height - 1 { addRow(plane + y * columns, sums, squares, columns) }
            for y in first..<last {
              addRow(plane + (y + height - 1) * columns, sums, squares, columns)
              var (sum, square) = (0.0, 0.0)
              for x in 0..<width - 1 { (sum, square) = (sum + sums[x], square + squares[x]) }
              let to = out + y * outColumns
              for x in 0..<outColumns {
                sum += sums[x + width - 1]
                square += squares[x + width - 1]
                let energy = Float(max(0, square - sum * sum / count))
                to[x] = c == 0 ? energy : to[x] + energy
                sum -= sums[x]
                square -= squares[x]
              }
              subtractRow(plane + y * columns, sums, squares, columns)
            }
          }
        }
      }
    }
  }
}

private func addRow(
  _ row: UnsafePointer<Float>, _ sums: UnsafeMutablePointer<Double>, _ squares: UnsafeMutablePointer<Double>,
  _ count: Int
) {
  for x in 0..<count {
    let value = Double(row[x])
    sums[x] += value
    squares[x] += value * value
  }
}

private func subtractRow(
  _ row: UnsafePointer<Float>, _ sums: UnsafeMutablePointer<Double>, _ squares: UnsafeMutablePointer<Double>,
  _ count: Int
) {
  for x in 0..<count {
    let value = Double(row[x])
    sums[x] -= value
    squares[x] -= value * value
  }
}

private func phaseCorrelation(
  _ image: Tensor<Float>, _ template: Tensor<Float>
) throws(ImagingError) -> Tensor<Float> {
  let (channels, rows, columns) = (image.shape[0], image.shape[1], image.shape[2])
  let (h, w) = (template.shape[1], template.shape[2])
  let (height, width) = (fastLength(atLeast: rows), fastLength(atLeast: columns))
  func padded(_ planes: Tensor<Float>) -> Tensor<Float> {
    let centred = planes.withoutMeans
    let (h, w) = (planes.shape[1], planes.shape[2])
    var result = Tensor<Float>(zeros: [channels, height, width])
    result.withUnsafeMutableBufferPointer { out in
      centred.withUnsafeBufferPointer { x in
        for c in 0..<channels {
          for y in 0..<h {
            (out.baseAddress! + (c * height + y) * width).update(
              from: x.baseAddress! + (c * h + y) * w, count: w)
          }
        }
      }
    }
    return result
  }
  do throws(FourierError) {
    let product = try rfft(padded(image), axes: [1, 2]) * rfft(padded(template), axes: [1, 2]).conjugate
    let (re, im) = (product.real.scalars, product.imaginary.scalars)
    let half = re.count / channels
    // Channels add up before their phase is taken.
    var (sumR, sumI) = ([Float](repeating: 0, count: half), [Float](repeating: 0, count: half))
    for i in re.indices {
      sumR[i % half] += re[i]
      sumI[i % half] += im[i]
    }
    for i in 0..<half {
      let size = Float.hypot(sumR[i], sumI[i])
      (sumR[i], sumI[i]) = size > .leastNormalMagnitude ? (sumR[i] / size, sumI[i] / size) : (0, 0)
    }
    let shape: Shape = [height, half / height]
    let response = try irfft(
      ComplexTensor(real: Tensor(sumR, shape: shape), imaginary: Tensor(sumI, shape: shape)), count: width)
    return response.slice(0..<rows - h + 1, axis: 0).slice(0..<columns - w + 1, axis: 1)
  } catch {
    throw ImagingError("\(error)")
  }
}

extension Tensor where Scalar == Float {
  /// Planes `[C, H, W]`, each less its mean.
  fileprivate var withoutMeans: Tensor {
    let count = shape[1] * shape[2]
    return Tensor(unsafeUninitializedShape: shape) { out in
      withUnsafeBufferPointer { x in
        for c in 0..<shape[0] {
          let plane = UnsafeBufferPointer(rebasing: x[c * count..<(c + 1) * count])
          let mean = Float(plane.reduce(0.0) { $0 + Double($1) } / Double(count))
          let (from, to) = (plane.baseAddress!, out.baseAddress! + c * count)
          parallelRanges(count) { for i in $0 { to[i] = from[i] - mean } }
        }
      }
    }
  }
}
