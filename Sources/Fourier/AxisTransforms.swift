import Tensors

/// Transforms of all lines of an axis, sixteen at a time; the groups are shared out among threads.
struct AxisTransforms<Scalar: FourierScalar> {
  let plan: LanePlan<Scalar>
  let lines: Int

  init(count: Int, lines: Int) {
    plan = Plans.lanes(count)
    self.lines = lines
  }

  /// Complex to complex; target and source may be the same memory, of the same layout.
  func complex(
    _ x: (real: LineAccess<Scalar>, imaginary: LineAccess<Scalar>),
    into y: (real: LineAccess<Scalar>, imaginary: LineAccess<Scalar>), scale: Scalar
  ) {
    let count = plan.count
    ThreadPool.shared.parallelFor((lines + 15) / 16) { group in
      let lines = group * 16..<min(self.lines, group * 16 + 16)
      withScratch(64 * count + plan.workCount) { (area: UnsafeMutablePointer<Scalar>) in
        let (second, work) = (area + 32 * count, area + 64 * count)
        var source = _Lanes(real: area, imaginary: area + 16, step: 32)
        if lines.count == 16, x.real.isAdjacent(lines) {
          let offset = x.real.offset(lines.lowerBound)
          source = _Lanes(
            real: x.real.base + offset, imaginary: x.imaginary.base + offset, step: x.real.inner)
        } else {
          x.real.load(lines, count: count, into: area, step: 32)
          x.imaginary.load(lines, count: count, into: area + 16, step: 32)
        }
        let passWork = plan.worksInSource ? area : work
        if lines.count == 16, y.real.isAdjacent(lines) {
          let offset = y.real.offset(lines.lowerBound)
          let target = _Lanes(
            real: y.real.base + offset, imaginary: y.imaginary.base + offset, step: y.real.inner)
          plan.run(source, into: target, work: passWork, scale: scale)
        } else {
          plan.run(
            source, into: _Lanes(real: second, imaginary: second + 16, step: 32), work: passWork, scale: scale
          )
          y.real.store(lines, count: count, from: second, step: 32)
          y.imaginary.store(lines, count: count, from: second + 16, step: 32)
        }
      }
    }
  }

  /// Real to the first count / 2 + 1 elements of the transform: two lines as one complex line.
  func real(
    _ x: LineAccess<Scalar>, into y: (real: LineAccess<Scalar>, imaginary: LineAccess<Scalar>), scale: Scalar
  ) {
    let count = plan.count
    ThreadPool.shared.parallelFor((lines + 31) / 32) { group in
      let (a, b) = (self.lines(group, 0), self.lines(group, 1))
      withScratch(64 * (count + 2) + plan.workCount) { (area: UnsafeMutablePointer<Scalar>) in
        let (second, work) = (area + 32 * (count + 2), area + 64 * (count + 2))
        var source = _Lanes(real: area, imaginary: area + 16, step: 32)
        if a.count == 16, b.count == 16, x.isAdjacent(a.lowerBound..<b.upperBound) {
          source = _Lanes(
            real: x.base + x.offset(a.lowerBound), imaginary: x.base + x.offset(b.lowerBound), step: x.inner)
        } else {
          // Lanes without a second line hold what was there: what is great would not cancel out.
          if b.count < 16 { area.update(repeating: 0, count: 32 * count) }
          x.load(a, count: count, into: area, step: 32)
          if !b.isEmpty { x.load(b, count: count, into: area + 16, step: 32) }
        }
        plan.run(
          source, into: _Lanes(real: second, imaginary: second + 16, step: 32),
          work: plan.worksInSource ? area : work, scale: scale)
        Scalar._separate(second, count: count)
        let half = count / 2 + 1
        y.real.store(a, count: half, from: second, step: 32)
        y.imaginary.store(a, count: half, from: second + 16, step: 32)
        if !b.isEmpty {
          let last = second + 32 * (count + 1)
          y.real.store(b, count: half, from: last, step: -32)
          y.imaginary.store(b, count: half, from: last + 16, step: -32)
        }
      }
    }
  }

  /// The inverse of `real`, times count.
  func inverseReal(
    _ x: (real: LineAccess<Scalar>, imaginary: LineAccess<Scalar>), into y: LineAccess<Scalar>, scale: Scalar
  ) {
    let count = plan.count
    ThreadPool.shared.parallelFor((lines + 31) / 32) { group in
      let (a, b) = (self.lines(group, 0), self.lines(group, 1))
      withScratch(64 * (count + 2) + plan.workCount) { (area: UnsafeMutablePointer<Scalar>) in
        let (second, work) = (area + 32 * (count + 2), area + 64 * (count + 2))
        let half = count / 2 + 1
        if b.count < 16 { area.update(repeating: 0, count: 32 * (count + 2)) }
        x.real.load(a, count: half, into: area, step: 32)
        x.imaginary.load(a, count: half, into: area + 16, step: 32)
        let last = area + 32 * (count + 1)
        if !b.isEmpty {
          x.real.load(b, count: half, into: last, step: -32)
          x.imaginary.load(b, count: half, into: last + 16, step: -32)
        }
        Scalar._join(area, count: count)
        let source = _Lanes(real: area, imaginary: area + 16, step: 32)
        let target = _Lanes(real: second, imaginary: second + 16, step: 32)
        plan.run(
          source.swapped, into: target.swapped, work: plan.worksInSource ? area : work, scale: scale)
        y.store(a, count: count, from: second, step: 32)
        if !b.isEmpty { y.store(b, count: count, from: second + 16, step: 32) }
      }
    }
  }

  private func lines(_ group: Int, _ half: Int) -> Range<Int> {
    let first = min(lines, group * 32 + half * 16)
    return first..<min(lines, first + 16)
  }
}
