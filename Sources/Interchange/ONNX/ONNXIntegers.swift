import Tensors

/// Arithmetic on constants of integers, by which exported networks compute shapes.
struct ONNXIntegers {
  let node: ONNXNode
  let arguments: [ONNXValue?]

  /// Elements that a file of a few bytes may ask for.
  private static let mostElements = 1 << 27

  /// The outputs; nil for an operator, or elements, that are not computed here.
  func callAsFunction() throws(InterchangeError) -> [ONNXValue]? {
    switch node.op {
    case "Cast":
      // 1 and 11 are floats, 6 and 7 integers.
      guard let x = first else { return nil }
      switch node.integer("to") {
      case 1, 10, 11: return [.float(Tensor(x.doubles.map { Float($0) }, shape: x.shape))]
      case 6, 7: return [.int64(Tensor(x.doubles.map { Int64($0) }, shape: x.shape))]
      default: return nil
      }
    case "ConstantOfShape":
      guard let sizes = first?.integers else { return nil }
      var count = 1
      for size in sizes {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard size >= 0, !overflow, product <= Self.mostElements else {
          throw .malformed(
            "\(node.label) asks for the shape \(sizes); \(Self.mostElements) elements are the limit")
        }
        count = product
      }
      let (shape, value) = (Shape(sizes), node.tensor("value"))
      if let number = value?.integers?.first {
        return [.int64(Tensor(repeating: Int64(number), shape: shape))]
      }
      return [.float(Tensor(repeating: Float(value?.doubles.first ?? 0), shape: shape))]
    case "Gather":
      guard let x = first, let places = second?.integers, x.shape.rank == 1, axis(0, rank: 1) == 0 else {
        return nil
      }
      let numbers = x.doubles
      let chosen = places.map { $0 < 0 ? $0 + numbers.count : $0 }
      guard chosen.allSatisfy(numbers.indices.contains) else {
        throw .malformed("\(node.label) beyond its input")
      }
      return [like(x, chosen.map { numbers[$0] }, second!.shape)]
    case "Concat":
      let parts = arguments.compactMap { $0 }
      guard let x = parts.first, parts.allSatisfy({ $0.shape.rank == 1 && $0.integers != nil }) else {
        return nil
      }
      let numbers = parts.flatMap(\.doubles)
      return [like(x, numbers, [numbers.count])]
    case "Slice":
      guard let x = first, x.shape.rank == 1 else { return nil }
      let starts = node.integers("starts") ?? second?.integers
      let ends = node.integers("ends") ?? value(2)?.integers
      guard let start = starts?.first, let end = ends?.first, value(4)?.integers?.first ?? 1 == 1 else {
        return nil
      }
      let numbers = x.doubles
      func clamped(_ i: Int) -> Int { min(max(i < 0 ? i + numbers.count : i, 0), numbers.count) }
      let part = Array(numbers[clamped(start)..<max(clamped(start), clamped(end))])
      return [like(x, part, [part.count])]
    case "Add", "Sub", "Mul", "Div":
      guard let a = first, let b = second, a.integers != nil, b.integers != nil,
        a.shape.count == b.shape.count || a.shape.count == 1 || b.shape.count == 1
      else { return nil }
      let count = max(a.shape.count, b.shape.count)
      let (x, y) = (a.integers!, b.integers!)
      var results: [Double] = []
      for i in 0..<count {
        let (p, q) = (x[x.count == 1 ? 0 : i], y[y.count == 1 ? 0 : i])
        switch node.op {
        case "Add": results.append(Double(p &+ q))
        case "Sub": results.append(Double(p &- q))
        case "Mul": results.append(Double(p &* q))
        default:
          guard q != 0 else { throw .malformed("\(node.label) by zero") }
          results.append(Double(p / q))
        }
      }
      return [like(a, results, a.shape.count == count ? a.shape : b.shape)]
    default: return nil
    }
  }

  private func value(_ i: Int) -> ONNXValue? { i < arguments.count ? arguments[i] : nil }
  private var first: ONNXValue? { value(0) }
  private var second: ONNXValue? { value(1) }

  private func axis(_ fallback: Int, rank: Int) -> Int {
    let axis = node.integer("axis") ?? fallback
    return axis < 0 ? axis + rank : axis
  }

  private func like(_ x: ONNXValue, _ numbers: [Double], _ shape: Shape) -> ONNXValue {
    x.integers == nil
      ? .float(Tensor(numbers.map { Float($0) }, shape: shape))
      : .int64(Tensor(numbers.map { Int64($0) }, shape: shape))
  }
}
