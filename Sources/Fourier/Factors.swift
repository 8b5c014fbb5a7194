/// The radices of a length's passes: 8, 4, 2, and odd primes up to 13.
///
/// - Returns: nil where another prime divides it.
func radices(of count: Int) -> [Int]? {
  var (rest, odd) = (count, [Int]())
  for prime in [13, 11, 7, 5, 3] {
    while rest % prime == 0 {
      odd.append(prime)
      rest /= prime
    }
  }
  guard rest > 0, rest & (rest - 1) == 0 else { return nil }
  let twos = rest.trailingZeroBitCount
  // The last pass needs no twiddles, so that the greatest radix is best there.
  let even =
    switch (twos, twos % 3) {
    case (1, _): [2]
    case (_, 0): [Int](repeating: 8, count: twos / 3)
    case (_, 1): [4, 4] + [Int](repeating: 8, count: twos / 3 - 1)
    default: [4] + [Int](repeating: 8, count: twos / 3)
    }
  return odd + even
}

/// The least length from `count` on whose transform is fast: 2^a 3^b 5^c with few odd factors.
public func fastLength(atLeast count: Int) -> Int {
  precondition(count >= 0 && count < 1 << 60, "a transform of \(count) elements")
  var best = 1
  while best < count { best *= 2 }
  for odd in [3, 5, 9, 15, 25, 27, 45, 75, 81, 125, 135, 225] {
    var length = odd
    while length < count { length *= 2 }
    // Odd radices are a little slower: they pay where they save more than a twentieth.
    if length >= 8 * odd, length * 20 < best * 19 { best = length }
  }
  return best
}

/// Two factors of a length, as near to each other as can be, each with passes of its own; nil where there are none.
func balancedFactors(of count: Int) -> (Int, Int)? {
  var first = Int(Double(count).squareRoot())
  while first >= 16 {
    if count % first == 0, radices(of: first) != nil, radices(of: count / first) != nil {
      return (first, count / first)
    }
    first -= 1
  }
  return nil
}
