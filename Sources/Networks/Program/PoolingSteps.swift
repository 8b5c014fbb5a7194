import Tensors

// Windows of 2x2 side by side, plane by plane; a last odd row or column is in none.

private struct Squares {
  let planes: Int
  let height: Int
  let width: Int

  init(_ shape: Shape) {
    planes = shape.dimensions[..<(shape.rank - 2)].reduce(1, *)
    (height, width) = (shape[shape.rank - 2], shape[shape.rank - 1])
  }
}

func SquarePoolStep(_ site: StepSite) -> (any Step)? {
  guard site.inputs[0].shape.rank == 4 else { return nil }
  let squares = Squares(site.inputs[0].shape)
  let (x, y) = (site.pointer(0), site.outputPointer)
  let (rows, columns) = (squares.height / 2, squares.width / 2)
  return PointerStep {
    ThreadPool.shared.parallelFor(squares.planes) { plane in
      for row in 0..<rows {
        let a = x + (plane * squares.height + 2 * row) * squares.width
        let b = a + squares.width
        let out = y + (plane * rows + row) * columns
        for i in 0..<columns {
          // NaN wins, as in PyTorch.
          let top = a[2 * i + 1] <= a[2 * i] ? a[2 * i] : a[2 * i + 1]
          let low = b[2 * i + 1] <= b[2 * i] ? b[2 * i] : b[2 * i + 1]
          out[i] = low <= top ? top : low
        }
      }
    }
  }
}

func SquarePoolGradientStep(_ site: StepSite) -> (any Step)? {
  guard site.output.shape.rank == 4 else { return nil }
  let squares = Squares(site.output.shape)
  let (u, x, y) = (site.pointer(0), site.pointer(1), site.outputPointer)
  let (rows, columns) = (squares.height / 2, squares.width / 2)
  return PointerStep {
    ThreadPool.shared.parallelFor(squares.planes) { plane in
      let start = plane * squares.height * squares.width
      if squares.height % 2 == 1 {
        (y + start + 2 * rows * squares.width).update(repeating: 0, count: squares.width)
      }
      for row in 0..<rows {
        let offset = start + 2 * row * squares.width
        let (a, b) = (x + offset, x + offset + squares.width)
        let (ya, yb) = (y + offset, y + offset + squares.width)
        let from = u + (plane * rows + row) * columns
        for i in 0..<columns {
          // The first greatest in reading order.
          let (x0, x1, x2, x3) = (a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1])
          let right = !(x1 <= x0)
          let top = right ? x1 : x0
          let right2 = !(x3 <= x2)
          let below = !((right2 ? x3 : x2) <= top)
          let v = from[i]
          ya[2 * i] = !below && !right ? v : 0
          ya[2 * i + 1] = !below && right ? v : 0
          yb[2 * i] = below && !right2 ? v : 0
          yb[2 * i + 1] = below && right2 ? v : 0
        }
        if squares.width % 2 == 1 {
          ya[squares.width - 1] = 0
          yb[squares.width - 1] = 0
        }
      }
    }
  }
}
