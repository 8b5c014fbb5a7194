/// A number for a person to read: whole ones without a needless ".0".
package func plain(_ value: Double) -> String {
  value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
}

extension Int {
  /// The quotient rounded up, for a number that is not negative.
  package func dividedRoundingUp(by divisor: Int) -> Int { (self + divisor - 1) / divisor }
}

extension [Int] {
  /// For each element, the sum of those before it.
  package var sumsBefore: [Int] {
    var sum = 0
    return map { element in
      defer { sum += element }
      return sum
    }
  }
}
