import RealModule

/// What operators compute with: `Float` and `Double`.
public typealias FloatingScalar = BinaryFloatingPoint & Real & TensorScalar
