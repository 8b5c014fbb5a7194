import Tensors

/// What happens to a convolution's sums before they are stored.
struct Epilogue: Sendable {
  /// One number an output channel.
  var bias: [Float]?
  var limits: (lower: Float, upper: Float) = (-.infinity, .infinity)
}
