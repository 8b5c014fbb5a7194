import Convolution
import Tensors
import Testing

/// What must hold of learned convolutions whatever the numbers: with small integers, bit for bit, in float32 (register
/// tiles) and float64 (plain loops), for every rank.
@Suite struct ConvAlgebraTests {
  /// A convolution of random rank, sizes and options, tall enough for the tiles.
  private struct Sample<Scalar: FloatingScalar> {
    let rank: Int
    let x: Tensor<Scalar>
    let w: Tensor<Scalar>
    var options: ConvolutionGeometry.Options

    init(_ g: inout SeededGenerator, groups: Int = 1) {
      rank = Int.random(in: 1...3, using: &g)
      let (c, k) = (groups * Int.random(in: 1...5, using: &g), groups * Int.random(in: 4...13, using: &g))
      let largest = [90, 19, 7][rank - 1]
      let sizes = (0..<rank).map { _ in Int.random(in: 5...largest, using: &g) }
      let kernel = (0..<rank).map { _ in Int.random(in: 1...3, using: &g) }
      options = .init(
        stride: (0..<rank).map { _ in Int.random(in: 1...3, using: &g) },
        padding: Padding(.explicit((0..<rank).map { _ in .init(Int.random(in: 0...2, using: &g), 1) })),
        dilation: (0..<rank).map { _ in Int.random(in: 1...2, using: &g) }, groups: groups)
      x = integers(Shape([2, c] + sizes), &g)
      w = integers(Shape([k, c / groups] + kernel), &g)
    }
  }

  private static func integers<Scalar: FloatingScalar>(
    _ shape: Shape, _ g: inout SeededGenerator
  ) -> Tensor<Scalar> {
    Tensor((0..<shape.count).map { _ in Scalar(Int.random(in: -4...4, using: &g)) }, shape: shape)
  }

  private static func sum<Scalar: FloatingScalar>(_ a: Tensor<Scalar>, _ b: Tensor<Scalar>) -> Tensor<Scalar>
  {
    Tensor(zip(a.scalars, b.scalars).map { $0 + $1 }, shape: a.shape)
  }

  private static func dot<Scalar: FloatingScalar>(_ a: Tensor<Scalar>, _ b: Tensor<Scalar>) -> Double {
    zip(a.scalars, b.scalars).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }

  /// Parts side by side along an axis.
  private static func joined<Scalar: FloatingScalar>(_ parts: [Tensor<Scalar>], axis: Int) -> Tensor<Scalar> {
    let first = parts[0].shape.dimensions
    let inner = first[(axis + 1)...].reduce(1, *)
    var dimensions = first
    dimensions[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
    let outer = first[..<axis].reduce(1, *)
    return Tensor(
      (0..<outer).flatMap { i in
        parts.flatMap { part in
          let run = part.shape[axis] * inner
          return part.scalars[i * run..<(i + 1) * run]
        }
      }, shape: Shape(dimensions))
  }

  private static func both(
    _ seed: UInt64, _ body: (inout SeededGenerator, any FloatingScalar.Type) throws -> Void
  )
    rethrows
  {
    for type in [Float.self, Double.self] as [any FloatingScalar.Type] {
      var g = SeededGenerator(seed: seed)
      try body(&g, type)
    }
  }

  static let seeds = Array(UInt64(0)..<30)

  @Test(arguments: seeds) func linear(seed: UInt64) throws {
    func check<S: FloatingScalar>(_: S.Type, _ g: inout SeededGenerator) throws {
      let s = Sample<S>(&g)
      let (x, w): (Tensor<S>, Tensor<S>) = (Self.integers(s.x.shape, &g), Self.integers(s.w.shape, &g))
      let y = try conv(s.x, weight: s.w, s.options)
      #expect(
        try conv(Self.sum(s.x, x), weight: s.w, s.options) == Self.sum(y, try conv(x, weight: s.w, s.options))
      )
      #expect(
        try conv(s.x, weight: Self.sum(s.w, w), s.options) == Self.sum(y, try conv(s.x, weight: w, s.options))
      )
    }
    try Self.both(seed) { g, type in try check(type, &g) }
  }

  /// <conv(x), y> = <x, dx(y)> = <w, dw(y)>, and convTranspose is dx.
  @Test(arguments: seeds) func adjoint(seed: UInt64) throws {
    func check<S: FloatingScalar>(_: S.Type, _ g: inout SeededGenerator) throws {
      let s = Sample<S>(&g, groups: Int.random(in: 1...2, using: &g))
      let y = try conv(s.x, weight: s.w, s.options)
      let dy: Tensor<S> = Self.integers(y.shape, &g)
      let gradients = try convGradients(upstream: dy, input: s.x, weight: s.w, s.options)
      #expect(Self.dot(y, dy) == Self.dot(s.x, gradients.input))
      #expect(Self.dot(y, dy) == Self.dot(s.w, gradients.weight))
      let transposed = try convTranspose(
        dy, weight: s.w,
        .init(
          stride: s.options.stride,
          padding: Padding(.transposed(outputSize: Array(s.x.shape.dimensions[2...]), moreAtEnd: true)),
          dilation: s.options.dilation, groups: s.options.groups))
      #expect(transposed.shape == s.x.shape)
      if case .explicit(let amounts) = s.options.padding.extent {
        // The same margins, the rest at the end.
        let padded = try pad(s.x, amounts.map { Padding.Amount($0.begin, $0.end) })
        let whole = try conv(
          padded, weight: s.w,
          .init(stride: s.options.stride, dilation: s.options.dilation, groups: s.options.groups))
        #expect(whole == y)
      }
    }
    try Self.both(seed) { g, type in try check(type, &g) }
  }

  @Test(arguments: seeds) func shiftEquivariant(seed: UInt64) throws {
    func check<S: FloatingScalar>(_: S.Type, _ g: inout SeededGenerator) throws {
      var s = Sample<S>(&g)
      s.options.padding = .valid
      // A margin of zeros of a whole stride moves the output by one.
      let amounts = s.options.stride.map { Padding.Amount($0, 0) }
      guard let y = try? conv(s.x, weight: s.w, s.options) else { return }
      var moved = try conv(try pad(s.x, amounts), weight: s.w, s.options)
      for axis in 0..<s.rank { moved = moved.slice(1..<moved.shape[2 + axis], axis: 2 + axis) }
      #expect(moved == y)
    }
    try Self.both(seed) { g, type in try check(type, &g) }
  }

  /// A dilated kernel is one with zeros between its taps.
  @Test(arguments: seeds) func dilationIsAKernelWithHoles(seed: UInt64) throws {
    func check<S: FloatingScalar>(_: S.Type, _ g: inout SeededGenerator) throws {
      let s = Sample<S>(&g)
      guard let y = try? conv(s.x, weight: s.w, s.options) else { return }
      let kernel = Array(s.w.shape.dimensions[2...])
      let wide = zip(kernel, s.options.dilation).map { ($0 - 1) * $1 + 1 }
      var holes = [S](repeating: 0, count: s.w.shape[0] * s.w.shape[1] * wide.reduce(1, *))
      for (i, value) in s.w.scalars.enumerated() {
        var (rest, place, step) = (i, 0, 1)
        for axis in (0..<s.rank).reversed() {
          place += rest % kernel[axis] * s.options.dilation[axis] * step
          rest /= kernel[axis]
          step *= wide[axis]
        }
        holes[rest * step + place] = value
      }
      let weight = Tensor(holes, shape: Shape([s.w.shape[0], s.w.shape[1]] + wide))
      var plain = s.options
      plain.dilation = [1]
      #expect(try conv(s.x, weight: weight, plain) == y)
    }
    try Self.both(seed) { g, type in try check(type, &g) }
  }

  @Test(arguments: seeds) func groupsAreConvolutionsSideBySide(seed: UInt64) throws {
    func check<S: FloatingScalar>(_: S.Type, _ g: inout SeededGenerator) throws {
      let groups = Int.random(in: 2...3, using: &g)
      let s = Sample<S>(&g, groups: groups)
      guard let y = try? conv(s.x, weight: s.w, s.options) else { return }
      let (c, k) = (s.x.shape[1] / groups, s.w.shape[0] / groups)
      var alone = s.options
      alone.groups = 1
      let parts = try (0..<groups).map { i in
        try conv(
          s.x.slice(i * c..<(i + 1) * c, axis: 1), weight: s.w.slice(i * k..<(i + 1) * k, axis: 0), alone)
      }
      #expect(Self.joined(parts, axis: 1) == y)
    }
    try Self.both(seed) { g, type in try check(type, &g) }
  }

  @Test(arguments: seeds) func lowerRanksAreVolumesWithUnitAxes(seed: UInt64) throws {
    func check<S: FloatingScalar>(_: S.Type, _ g: inout SeededGenerator) throws {
      let s = Sample<S>(&g)
      guard let y = try? conv(s.x, weight: s.w, s.options),
        case .explicit(let amounts) = s.options.padding.extent
      else { return }
      let missing = 3 - s.rank
      let ones = [Int](repeating: 1, count: missing)
      func volume(_ t: Tensor<S>) -> Tensor<S> {
        let d = t.shape.dimensions
        return t.reshaped(Shape(d[..<2] + ones + d[2...]))
      }
      let deep = try conv(
        volume(s.x), weight: volume(s.w),
        .init(
          stride: ones + s.options.stride,
          padding: Padding(.explicit([Padding.Amount](repeating: .init(0, 0), count: missing) + amounts)),
          dilation: ones + s.options.dilation))
      #expect(deep == volume(y))
    }
    try Self.both(seed) { g, type in try check(type, &g) }
  }

  /// One kernel after another is their true convolution, in the full mode and everywhere inside.
  @Test(arguments: seeds) func kernelsCompose(seed: UInt64) throws {
    func check<S: FloatingScalar>(_: S.Type, _ g: inout SeededGenerator) throws {
      let rank = Int.random(in: 1...3, using: &g)
      func shape(_ range: ClosedRange<Int>) -> Shape {
        Shape((0..<rank).map { _ in Int.random(in: range, using: &g) })
      }
      let (a, b): (Tensor<S>, Tensor<S>) = (Self.integers(shape(1...3), &g), Self.integers(shape(1...3), &g))
      let x: Tensor<S> = Self.integers(shape(7...9), &g)
      let together = try convolve(a, b)
      #expect(try convolve(b, a) == together)
      for mode in [ConvolutionMode.full, .valid] {
        #expect(
          try convolve(convolve(x, a, mode: mode), b, mode: mode) == convolve(x, together, mode: mode))
      }
      // A batch, and one kernel for each channel, are the same plane by plane.
      let sizes = x.shape.dimensions
      let batch: Tensor<S> = Self.integers(Shape([2, 3] + sizes), &g)
      let planes = try convolve(batch, a, mode: .same)
      let kernels = Self.joined([a, a, a].map { $0.reshaped(Shape([1] + a.shape.dimensions)) }, axis: 0)
      #expect(try convolveChannels(batch, kernels: kernels, mode: .same) == planes)
      #expect(planes.shape == batch.shape)
    }
    try Self.both(seed) { g, type in try check(type, &g) }
  }

  /// One three-dimensional kernel over all channels of each sample of a batch is one call.
  @Test func oneKernelOverAllChannels() throws {
    var g = SeededGenerator(seed: 3)
    let x: Tensor<Float> = Self.integers([2, 3, 9, 8], &g)
    let kernel: Tensor<Float> = Self.integers([3, 3, 3], &g)
    let y = try correlate(x, kernel, mode: .valid)
    #expect(y.shape == [2, 1, 7, 6])
    #expect(y == (try conv(x, weight: kernel.reshaped([1, 3, 3, 3]))))
    #expect(throws: GeometryError.self) { try convolve(Tensor<Float>(zeros: [3]), Tensor(zeros: [3, 3])) }
    #expect(throws: GeometryError.self) {
      try convolve(Tensor<Float>(zeros: [2]), Tensor(zeros: [3]), mode: .valid)
    }
  }

  @Test func ranksByName() throws {
    var g = SeededGenerator(seed: 4)
    let x: Tensor<Float> = Self.integers([1, 3, 9, 8], &g)
    let w: Tensor<Float> = Self.integers([8, 3, 3, 3], &g)
    #expect(
      try conv2d(x, weight: w, stride: [2, 1], padding: .symmetric(1))
        == conv(x, weight: w, .init(stride: [2, 1], padding: .symmetric(1))))
    #expect(try conv2d(x.reshaped([3, 9, 8]), weight: w) == conv2d(x, weight: w).reshaped([8, 7, 6]))
    #expect(throws: GeometryError.self) { try conv1d(x, weight: w) }
    #expect(throws: GeometryError.self) { try conv3d(x.reshaped([3, 72]), weight: w) }
    let up: Tensor<Float> = Self.integers([3, 4, 2, 2], &g)
    #expect(try convTranspose2d(x, weight: up, stride: 2).shape == [1, 4, 18, 16])
    #expect(try convTranspose2d(x, weight: up, stride: 2, padding: .same).shape == [1, 4, 18, 16])
  }
}
