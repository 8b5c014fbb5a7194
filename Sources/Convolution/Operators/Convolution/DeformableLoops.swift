import RealModule
import Tensors

/// The plain algorithms of deformable convolution. Forward, every row of outputs is one piece of work; backward,
/// every offset group of a sample (which owns its channels' gradients), and every input channel's weights.
struct DeformableLoops<Scalar: FloatingScalar> {
  let geometry: ConvolutionGeometry
  private let offsetGroups: Int

  init(
    _ input: Shape, _ weight: Shape, _ offset: Shape, _ mask: Shape?, _ options: ConvolutionGeometry.Options,
    _ offsetGroups: Int
  ) throws(GeometryError) {
    guard input.rank == 4 else {
      throw .invalid("an input of shape \(input): a deformable convolution takes [N, C, H, W]")
    }
    guard options.padding.mode == .zeros else {
      throw .invalid("\(options.padding.mode) padding: a deformable convolution is padded with zeros alone")
    }
    geometry = try ConvolutionGeometry(input: input, weight: weight, options)
    guard offsetGroups >= 1, geometry.inChannels % offsetGroups == 0 else {
      throw .indivisible("\(geometry.inChannels) channels cannot be split into \(offsetGroups) offset groups")
    }
    self.offsetGroups = offsetGroups
    let taps = geometry.kernel.reduce(1, *)
    let (batch, sizes) = (geometry.batch, Array(geometry.output.suffix(2)))
    func check(_ name: String, _ shape: Shape, channels: Int) throws(GeometryError) {
      let expected = Shape([batch, channels] + sizes)
      guard shape == expected else { throw .invalid("\(name) of shape \(shape): it must be \(expected)") }
    }
    try check("offset", offset, channels: 2 * offsetGroups * taps)
    if let mask { try check("mask", mask, channels: offsetGroups * taps) }
  }

  private var taps: Int { geometry.kernel[1] * geometry.kernel[2] }
  private var height: Int { geometry.input[1] }
  private var width: Int { geometry.input[2] }
  private var outputs: Int { geometry.output[1] * geometry.output[2] }
  private var perOffsetGroup: Int { geometry.inChannels / offsetGroups }
  private var inPerGroup: Int { geometry.inChannels / geometry.groups }
  private var outPerGroup: Int { geometry.outChannels / geometry.groups }

  /// Where a tap reads: four samples and their weights, and the weights' slopes along rows and columns.
  private struct Place {
    var samples: (Int, Int, Int, Int) = (0, 0, 0, 0)
    var weights: (Scalar, Scalar, Scalar, Scalar) = (0, 0, 0, 0)
    var rowSlopes: (Scalar, Scalar, Scalar, Scalar) = (0, 0, 0, 0)
    var columnSlopes: (Scalar, Scalar, Scalar, Scalar) = (0, 0, 0, 0)

    func value(_ x: UnsafePointer<Scalar>) -> Scalar { dot(x, weights) }

    func dot(_ x: UnsafePointer<Scalar>, _ w: (Scalar, Scalar, Scalar, Scalar)) -> Scalar {
      w.0 * x[samples.0] + w.1 * x[samples.1] + w.2 * x[samples.2] + w.3 * x[samples.3]
    }

    func add(_ value: Scalar, to dx: UnsafeMutablePointer<Scalar>) {
      dx[samples.0] += value * weights.0
      dx[samples.1] += value * weights.1
      dx[samples.2] += value * weights.2
      dx[samples.3] += value * weights.3
    }
  }

  /// Of one sample's offsets, the place that tap `t` of group `g` reads for output `o`.
  private func place(_ offsets: UnsafePointer<Scalar>, _ g: Int, _ t: Int, _ o: Int) -> Place {
    let (row, column) = (o / geometry.output[2], o % geometry.output[2])
    let (tapRow, tapColumn) = (t / geometry.kernel[2], t % geometry.kernel[2])
    let base = 2 * (g * taps + t) * outputs + o
    let y =
      Scalar(row * geometry.stride[1] + tapRow * geometry.dilation[1] - geometry.padding[1].begin)
      + offsets[base]
    let x =
      Scalar(column * geometry.stride[2] + tapColumn * geometry.dilation[2] - geometry.padding[2].begin)
      + offsets[base + outputs]
    var place = Place()
    // Not "y <= -1 ||", so that a NaN reads nothing.
    guard y > -1, y < Scalar(height), x > -1, x < Scalar(width) else { return place }
    let (top, left) = (y.rounded(.down), x.rounded(.down))
    let (fy, fx) = (y - top, x - left)
    let (r, c) = (Int(top), Int(left))
    func corner(_ dr: Int, _ dc: Int) -> (sample: Int, weight: Scalar, down: Scalar, right: Scalar) {
      guard (0..<height).contains(r + dr), (0..<width).contains(c + dc) else { return (0, 0, 0, 0) }
      let (wy, wx) = (dr == 1 ? fy : 1 - fy, dc == 1 ? fx : 1 - fx)
      return ((r + dr) * width + c + dc, wy * wx, dr == 1 ? wx : -wx, dc == 1 ? wy : -wy)
    }
    let (a, b, d, e) = (corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1))
    place.samples = (a.sample, b.sample, d.sample, e.sample)
    place.weights = (a.weight, b.weight, d.weight, e.weight)
    place.rowSlopes = (a.down, b.down, d.down, e.down)
    place.columnSlopes = (a.right, b.right, d.right, e.right)
    return place
  }

  func forward(
    _ x: Tensor<Scalar>, _ w: Tensor<Scalar>, _ offset: Tensor<Scalar>, _ mask: Tensor<Scalar>?,
    _ bias: Tensor<Scalar>?
  ) -> Tensor<Scalar> {
    let biases = bias?.scalars
    let pointers = Pointers(x, w, offset, mask)
    return withExtendedLifetime(pointers) {
      Tensor(unsafeUninitializedShape: geometry.outputShape) { y in
        nonisolated(unsafe) let y = y.baseAddress!
        ThreadPool.shared.parallelFor(geometry.batch * geometry.output[1]) { piece in
          row(piece / geometry.output[1], piece % geometry.output[1], pointers, biases, into: y)
        }
      }
    }
  }

  /// The arguments' elements, kept alive together.
  private final class Pointers: @unchecked Sendable {
    let x: [Scalar]
    let w: [Scalar]
    let offset: [Scalar]
    let mask: [Scalar]?

    init(_ x: Tensor<Scalar>, _ w: Tensor<Scalar>, _ offset: Tensor<Scalar>, _ mask: Tensor<Scalar>?) {
      (self.x, self.w, self.offset, self.mask) = (x.scalars, w.scalars, offset.scalars, mask?.scalars)
    }
  }

  /// One row of outputs of one sample: its columns, then their products with the weights.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func row(
    _ n: Int, _ oy: Int, _ arguments: Pointers, _ biases: [Scalar]?, into y: UnsafeMutablePointer<Scalar>
  ) {
    let g = geometry
    let wide = g.output[2]
    var columns = [Scalar](repeating: 0, count: g.inChannels * taps * wide)
    arguments.offset.withUnsafeBufferPointer { offsets in
      arguments.x.withUnsafeBufferPointer { x in
        let offsets = offsets.baseAddress! + n * 2 * offsetGroups * taps * outputs
        for group in 0..<offsetGroups {
          for t in 0..<taps {
            for ox in 0..<wide {
              let o = oy * wide + ox
              let place = place(offsets, group, t, o)
              let mask = arguments.mask.map { $0[((n * offsetGroups + group) * taps + t) * outputs + o] } ?? 1
              for c in group * perOffsetGroup..<(group + 1) * perOffsetGroup {
                let plane = x.baseAddress! + (n * g.inChannels + c) * height * width
                columns[(c * taps + t) * wide + ox] = mask * place.value(plane)
              }
            }
          }
        }
      }
    }
    for k in 0..<g.outChannels {
      let out = y + (n * g.outChannels + k) * outputs + oy * wide
      out.initialize(repeating: biases?[k] ?? 0, count: wide)
      let first = k / outPerGroup * inPerGroup * taps
      for i in 0..<inPerGroup * taps {
        let value = arguments.w[k * inPerGroup * taps + i]
        for ox in 0..<wide { out[ox] += value * columns[(first + i) * wide + ox] }
      }
    }
  }

  func gradients(
    _ dy: Tensor<Scalar>, _ x: Tensor<Scalar>, _ w: Tensor<Scalar>, _ offset: Tensor<Scalar>,
    _ mask: Tensor<Scalar>?
  ) -> DeformConvGradients<Scalar> {
    let pointers = Pointers(x, w, offset, mask)
    let upstream = dy.scalars
    var dx = Tensor<Scalar>(zeros: x.shape)
    var dOffset = Tensor<Scalar>(zeros: offset.shape)
    var dMask = Tensor<Scalar>(zeros: mask?.shape ?? [0])
    var dw = Tensor<Scalar>(zeros: w.shape)
    dx.withUnsafeMutableBufferPointer { dx in
      dOffset.withUnsafeMutableBufferPointer { dOffset in
        dMask.withUnsafeMutableBufferPointer { dMask in
          nonisolated(unsafe) let (dx, dOffset, dMask) = (dx, dOffset, dMask)
          ThreadPool.shared.parallelFor(geometry.batch * offsetGroups) { piece in
            samples(piece / offsetGroups, piece % offsetGroups, pointers, upstream, dx, dOffset, dMask)
          }
        }
      }
    }
    dw.withUnsafeMutableBufferPointer { dw in
      nonisolated(unsafe) let dw = dw
      ThreadPool.shared.parallelFor(geometry.inChannels) { weights($0, pointers, upstream, dw) }
    }
    return DeformConvGradients(
      input: dx, weight: dw, offset: dOffset, mask: mask == nil ? nil : dMask, bias: dy.sumPerChannel())
  }

  /// The gradients of one offset group's channels, offsets and mask, for one sample.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func samples(
    _ n: Int, _ group: Int, _ arguments: Pointers, _ upstream: [Scalar],
    _ dx: UnsafeMutableBufferPointer<Scalar>, _ dOffset: UnsafeMutableBufferPointer<Scalar>,
    _ dMask: UnsafeMutableBufferPointer<Scalar>
  ) {
    let g = geometry
    arguments.offset.withUnsafeBufferPointer { offsets in
      arguments.x.withUnsafeBufferPointer { x in
        let own = n * 2 * offsetGroups * taps * outputs
        for t in 0..<taps {
          for o in 0..<outputs {
            let place = place(offsets.baseAddress! + own, group, t, o)
            let m = ((n * offsetGroups + group) * taps + t) * outputs + o
            let mask = arguments.mask?[m] ?? 1
            var (byMask, byRow, byColumn): (Scalar, Scalar, Scalar) = (0, 0, 0)
            for c in group * perOffsetGroup..<(group + 1) * perOffsetGroup {
              // What this column's value is worth.
              let first = c / inPerGroup * outPerGroup
              var worth: Scalar = 0
              for k in first..<first + outPerGroup {
                worth +=
                  arguments.w[(k * inPerGroup + c % inPerGroup) * taps + t]
                  * upstream[(n * g.outChannels + k) * outputs + o]
              }
              let plane = (n * g.inChannels + c) * height * width
              byMask += worth * place.value(x.baseAddress! + plane)
              byRow += worth * place.dot(x.baseAddress! + plane, place.rowSlopes)
              byColumn += worth * place.dot(x.baseAddress! + plane, place.columnSlopes)
              place.add(worth * mask, to: dx.baseAddress! + plane)
            }
            let base = own + 2 * (group * taps + t) * outputs + o
            dOffset[base] = mask * byRow
            dOffset[base + outputs] = mask * byColumn
            if !dMask.isEmpty { dMask[m] = byMask }
          }
        }
      }
    }
  }

  /// The gradients of the weights of one input channel.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func weights(
    _ c: Int, _ arguments: Pointers, _ upstream: [Scalar], _ dw: UnsafeMutableBufferPointer<Scalar>
  ) {
    let g = geometry
    let first = c / inPerGroup * outPerGroup
    let group = c / perOffsetGroup
    arguments.offset.withUnsafeBufferPointer { offsets in
      arguments.x.withUnsafeBufferPointer { x in
        for n in 0..<g.batch {
          let plane = x.baseAddress! + (n * g.inChannels + c) * height * width
          for t in 0..<taps {
            for o in 0..<outputs {
              let place = place(offsets.baseAddress! + n * 2 * offsetGroups * taps * outputs, group, t, o)
              let mask = arguments.mask?[((n * offsetGroups + group) * taps + t) * outputs + o] ?? 1
              let value = mask * place.value(plane)
              for k in first..<first + outPerGroup {
                dw[(k * inPerGroup + c % inPerGroup) * taps + t] +=
                  value * upstream[(n * g.outChannels + k) * outputs + o]
              }
            }
          }
        }
      }
    }
  }
}
