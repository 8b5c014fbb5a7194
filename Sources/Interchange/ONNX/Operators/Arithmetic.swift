import RealModule
import Tensors

extension ONNXOperators {
  /// Functions of one number, and arithmetic of two tensors spread to one shape.
  func arithmetic() throws -> [ONNXValue]? {
    if let function = try function() { return [wrap(map { Scalar(function(Double($0))) })] }
    guard let operation else { return nil }
    var result = x
    for i in 1..<max(2, node.inputs.count) {
      var other = try required(i)
      // Up to opset 6 a slope for each channel was a row.
      if node.op == "PRelu", node.opset < 7, other.shape.rank == 1, x.shape.rank > 2 {
        other = other.reshaped(Shape([other.shape.count] + [Int](repeating: 1, count: x.shape.rank - 2)))
      }
      result = try spread(result, other, operation)
    }
    return [wrap(result)]
  }

  private func map(_ body: (Scalar) -> Scalar) -> Tensor<Scalar> {
    Tensor(x.scalars.map(body), shape: x.shape)
  }

  private func function() throws(InterchangeError) -> ((Double) -> Double)? {
    func number(_ name: String, _ fallback: Double) -> Double { node.float(name) ?? fallback }
    switch node.op {
    case "Abs": return { $0.magnitude }
    case "Neg": return { -$0 }
    case "Exp": return { Double.exp($0) }
    case "Log": return { Double.log($0) }
    case "Sqrt": return { $0.squareRoot() }
    case "Reciprocal": return { 1 / $0 }
    case "Sign": return { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }
    case "Floor": return { $0.rounded(.down) }
    case "Ceil": return { $0.rounded(.up) }
    case "Round": return { $0.rounded(.toNearestOrEven) }
    case "Erf": return { Double.erf($0) }
    case "Softsign": return { $0 / (1 + $0.magnitude) }
    case "Mish": return { $0 * Double.tanh(Double.log(onePlus: Double.exp($0))) }
    case "HardSigmoid":
      let (alpha, beta) = (number("alpha", 0.2), number("beta", 0.5))
      return { max(0, min(1, alpha * $0 + beta)) }
    case "Selu":
      let (alpha, gamma) = (
        number("alpha", 1.67326319217681884765625), number("gamma", 1.05070102214813232421875)
      )
      return { gamma * ($0 > 0 ? $0 : alpha * Double.expMinusOne($0)) }
    case "Celu":
      let alpha = number("alpha", 1)
      return { max(0, $0) + min(0, alpha * Double.expMinusOne($0 / alpha)) }
    case "ThresholdedRelu":
      let alpha = number("alpha", 1)
      return { $0 > alpha ? $0 : 0 }
    case "Gelu":
      return { 0.5 * $0 * (1 + Double.tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
    case "Clip":
      let (least, greatest) = (try optional(1)?.scalars.first, try optional(2)?.scalars.first)
      let low = node.float("min") ?? least.map { Double($0) } ?? -.infinity
      let high = node.float("max") ?? greatest.map { Double($0) } ?? .infinity
      return { min(max($0, low), high) }
    default: return nil
    }
  }

  private var operation: ((Scalar, Scalar) -> Scalar)? {
    switch node.op {
    case "Add", "Sum": { $0 + $1 }
    case "Sub": { $0 - $1 }
    case "Mul": { $0 * $1 }
    case "Div": { $0 / $1 }
    case "Pow": { Scalar(Double.pow(Double($0), Double($1))) }
    case "Min": { min($0, $1) }
    case "Max": { max($0, $1) }
    case "PRelu": { $0 < 0 ? $0 * $1 : $0 }
    default: nil
    }
  }

  /// Element by element, after the sizes of 1 are repeated.
  private func spread(
    _ a: Tensor<Scalar>, _ b: Tensor<Scalar>, _ body: (Scalar, Scalar) -> Scalar
  ) throws(InterchangeError) -> Tensor<Scalar> {
    let rank = max(a.shape.rank, b.shape.rank)
    func sizes(_ shape: Shape) -> [Int] { [Int](repeating: 1, count: rank - shape.rank) + shape.dimensions }
    let (left, right) = (sizes(a.shape), sizes(b.shape))
    guard zip(left, right).allSatisfy({ $0 == $1 || $0 == 1 || $1 == 1 }) else {
      throw .malformed("\(node.label) of \(a.shape) and \(b.shape), which do not go together")
    }
    let shape = Shape(zip(left, right).map { $0 == 1 ? $1 : $0 })
    func places(_ own: [Int]) -> [Int] {
      // Places in a tensor of the own sizes, for every place of the result, the innermost axis fastest.
      var (places, step) = ([0], 1)
      for axis in (0..<rank).reversed() {
        let stride = own[axis] == 1 ? 0 : step
        places = (0..<shape[axis]).flatMap { i in places.map { $0 + i * stride } }
        step *= own[axis]
      }
      return places
    }
    let (x, y) = (a.scalars, b.scalars)
    return Tensor(zip(places(left), places(right)).map { body(x[$0], y[$1]) }, shape: shape)
  }
}
