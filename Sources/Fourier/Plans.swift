import Synchronization
import Tensors

/// Plans that have been made, kept for the next transform of their length.
enum Plans {
  /// More lengths than these are forgotten together: varying shapes must not fill the memory.
  private static let most = 64
  private static let kept = Mutex<[Key: any Sendable]>([:])

  private struct Key: Hashable {
    let type: ObjectIdentifier
    let count: Int
  }

  static func lanes<Scalar>(_ count: Int) -> LanePlan<Scalar> { plan(count) { LanePlan(count) } }

  static func line<Scalar>(_ count: Int) -> LinePlan<Scalar> { plan(count) { LinePlan(count) } }

  /// cos and sin of 2 pi k / count, for k in 0 ... count / 2.
  static func roots<Scalar: FourierScalar>(_ count: Int) -> Tensor<Scalar> {
    plan(count) {
      let roots = (0...count / 2).flatMap { k in
        let (c, s) = unitRoot(k, count)
        return [Scalar(c), Scalar(s)]
      }
      return Tensor(roots, shape: [roots.count])
    }
  }

  private static func plan<Plan: Sendable>(_ count: Int, _ make: () -> Plan) -> Plan {
    let key = Key(type: ObjectIdentifier(Plan.self), count: count)
    if let plan = kept.withLock({ $0[key] }) as? Plan { return plan }
    let plan = make()
    kept.withLock {
      if $0.count >= most { $0.removeAll() }
      $0[key] = plan
    }
    return plan
  }
}
