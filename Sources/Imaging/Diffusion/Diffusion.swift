import Convolution
import Fourier
import RealModule
import Tensors

/// How a diffusion is computed.
public enum DiffusionMethod: Sendable, Equatable {
  /// The heat equation's exact solution: each frequency f of the cosine transform decays by e^(-D t (2 pi f)^2).
  case fourier
  /// The heat equation step by step: u += D dt (sum of four neighbours - 4 u), steps as few as are stable.
  case explicit
  /// Edges stay: what flows falls with the difference d to a neighbour, as e^(-(d / contrast)^2).
  case peronaMalik(contrast: Double)
}

/// Planes after heat has flowed for a time, nothing through the edges: du/dt = D (d2u/dx2 + d2u/dy2).
///
/// By `fourier` this is the convolution with a Gaussian of sigma sqrt(2 D t).
/// - Parameters:
///   - planes: `[C, H, W]`
///   - time: t, 0 or more.
///   - diffusivity: D, above 0.
///   - method: how it is computed.
///   - progress: told the steps that are done, and all.
/// - Returns: the planes, and the steps that were taken.
/// - Throws: ``ImagingError`` for other times and diffusivities, numbers that are not finite, and millions of steps.
/// - Source: Perona and Malik (1990), "Scale-space and edge detection using anisotropic diffusion".
public func diffuse(
  _ planes: Tensor<Float>, time: Double, diffusivity: Double = 1, method: DiffusionMethod = .fourier,
  progress: (Int, Int) -> Void = { _, _ in }
) throws(ImagingError) -> (planes: Tensor<Float>, steps: Int) {
  guard planes.shape.rank == 3, planes.shape.count > 0, planes.scalars.allSatisfy(\.isFinite) else {
    throw ImagingError("planes of shape \(planes.shape): they are [C, H, W], of finite numbers")
  }
  guard time >= 0, time.isFinite, diffusivity > 0, diffusivity.isFinite else {
    throw ImagingError("time \(time), diffusivity \(diffusivity): a time of 0 or more, a diffusivity above 0")
  }
  if case .fourier = method { return (try decayed(planes, diffusivity * time), 1) }
  // A quarter is the limit of stability; a fifth damps the fastest checkerboard as well.
  let count = (diffusivity * time / 0.2).rounded(.up)
  guard count <= 1e6 else {
    throw ImagingError("\(count) steps: at most a million; use the method fourier, or less time")
  }
  let steps = Int(count)
  var (now, next) = (planes, planes)
  var conductance: (Float) -> Float = { _ in 1 }
  if case .peronaMalik(let contrast) = method {
    guard contrast > 0, contrast.isFinite else { throw ImagingError("contrast \(contrast): above 0") }
    let scale = Float(-1 / (contrast * contrast))
    conductance = { Float.exp($0 * $0 * scale) }
  }
  let isLinear = method == .explicit
  for step in 0..<steps {
    let rate = Float(diffusivity * time / count)
    flow(from: now, to: &next, rate: rate, isLinear ? nil : conductance)
    swap(&now, &next)
    progress(step + 1, steps)
  }
  return (now, steps)
}

private func decayed(_ planes: Tensor<Float>, _ strength: Double) throws(ImagingError) -> Tensor<Float> {
  do throws(FourierError) {
    let (height, width) = (planes.shape[1], planes.shape[2])
    func decay(_ count: Int) -> [Float] {
      (0..<count).map {
        let angle = Double.pi * Double($0) / Double(count)
        return Float(Double.exp(-strength * angle * angle))
      }
    }
    let (rows, columns) = (decay(height), decay(width))
    let spectrum = try dct(dct(planes, axis: 1, isOrthonormal: true), axis: 2, isOrthonormal: true)
    let scaled = spectrum.scalars.enumerated().map { $1 * rows[$0 / width % height] * columns[$0 % width] }
    return try inverseDCT(
      inverseDCT(Tensor(scaled, shape: planes.shape), axis: 2, isOrthonormal: true), axis: 1,
      isOrthonormal: true)
  } catch {
    throw ImagingError("\(error)")
  }
}

/// One explicit step.
private func flow(
  from now: Tensor<Float>, to next: inout Tensor<Float>, rate: Float, _ conductance: ((Float) -> Float)?
) {
  let (channels, height, width) = (now.shape[0], now.shape[1], now.shape[2])
  next.withUnsafeMutableBufferPointer { out in
    let out = out.baseAddress!
    now.withUnsafeBufferPointer { x in
      let x = x.baseAddress!
      ThreadPool.shared.parallelFor(channels * height) { line in
        let (row, y) = (x + line * width, line % height)
        // A neighbour beyond the edge is the pixel itself: nothing flows.
        let (above, below) = (y > 0 ? row - width : row, y < height - 1 ? row + width : row)
        let to = out + line * width
        for i in 0..<width {
          let u = row[i]
          let (a, b) = (above[i] - u, below[i] - u)
          let (c, d) = (row[max(0, i - 1)] - u, row[min(width - 1, i + 1)] - u)
          if let g = conductance {
            to[i] = u + rate * (g(a) * a + g(b) * b + g(c) * c + g(d) * d)
          } else {
            to[i] = u + rate * (a + b + c + d)
          }
        }
      }
    }
  }
}
