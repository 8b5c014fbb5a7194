/// What a tensor can hold: plain numbers without references.
public protocol TensorScalar: BitwiseCopyable, Sendable, Equatable, AdditiveArithmetic {}

extension UInt8: TensorScalar {}
extension UInt16: TensorScalar {}
extension Int32: TensorScalar {}
extension Int64: TensorScalar {}
extension Float: TensorScalar {}
extension Double: TensorScalar {}

/// An n-dimensional array, contiguous in row-major order, with value semantics.
///
/// Copies share their storage until one of them is written to.
public struct Tensor<Scalar: TensorScalar>: Sendable {
  public let shape: Shape
  private var storage: AlignedStorage

  private init(shape: Shape, storage: AlignedStorage) {
    self.shape = shape
    self.storage = storage
  }

  /// A tensor whose elements `initialize` writes: every one of them, in row-major order.
  public init<Failure: Error>(
    unsafeUninitializedShape shape: Shape,
    initializingWith initialize: (UnsafeMutableBufferPointer<Scalar>) throws(Failure) -> Void
  ) throws(Failure) {
    let (byteCount, overflow) = shape.count.multipliedReportingOverflow(by: MemoryLayout<Scalar>.stride)
    precondition(!overflow, "a tensor of shape \(shape) cannot be addressed")
    storage = AlignedStorage(byteCount: byteCount)
    self.shape = shape
    try initialize(
      UnsafeMutableBufferPointer(
        start: storage.base.assumingMemoryBound(to: Scalar.self), count: shape.count))
  }

  /// A tensor of memory that somebody else keeps and frees: for programs, whose tensors share one block.
  ///
  /// Copies read the same memory, and get their own when they are written to; this one writes where it is.
  package init(borrowing memory: UnsafeMutablePointer<Scalar>, shape: Shape) {
    storage = AlignedStorage(borrowing: memory, byteCount: shape.count * MemoryLayout<Scalar>.stride)
    self.shape = shape
  }

  /// A tensor where a file is in memory, which is held as long as the tensor is, and not written to. ``slack`` bytes after it
  /// can be read.
  package init(
    borrowing memory: UnsafeMutablePointer<Scalar>, shape: Shape, from file: any AnyObject & Sendable
  ) {
    storage = AlignedStorage(
      borrowing: memory, byteCount: shape.count * MemoryLayout<Scalar>.stride, from: file)
    self.shape = shape
  }

  /// Bytes after a tensor's last that can be read.
  package static var slack: Int { AlignedStorage.slack }

  /// A tensor filled with one value.
  @specialized(where Scalar == Float)
  public init(repeating value: Scalar, shape: Shape) {
    self.init(unsafeUninitializedShape: shape) { $0.initialize(repeating: value) }
  }

  /// A tensor of zeros.
  public init(zeros shape: Shape) { self.init(repeating: .zero, shape: shape) }

  /// A tensor of the given elements in row-major order.
  /// - Precondition: there are exactly `shape.count` of them.
  public init(_ scalars: some Collection<Scalar>, shape: Shape) {
    precondition(
      scalars.count == shape.count,
      "a tensor of shape \(shape) has \(shape.count) elements, not \(scalars.count)")
    self.init(unsafeUninitializedShape: shape) { _ = $0.initialize(fromContentsOf: scalars) }
  }

  /// The elements in row-major order.
  public var scalars: [Scalar] { withUnsafeBufferPointer { Array($0) } }

  /// Calls `body` with the elements in row-major order.
  public func withUnsafeBufferPointer<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<Scalar>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(storage) {} }
    return try body(
      UnsafeBufferPointer(start: storage.base.assumingMemoryBound(to: Scalar.self), count: shape.count))
  }

  /// Calls `body` with the elements to write to, after making the storage this tensor's own.
  public mutating func withUnsafeMutableBufferPointer<Result, Failure: Error>(
    _ body: (UnsafeMutableBufferPointer<Scalar>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if storage.isReadOnly || !isKnownUniquelyReferenced(&storage) {
      let copy = AlignedStorage(byteCount: shape.count * MemoryLayout<Scalar>.stride)
      copy.base.copyMemory(
        from: storage.base, byteCount: shape.count * MemoryLayout<Scalar>.stride)
      storage = copy
    }
    defer { withExtendedLifetime(storage) {} }
    return try body(
      UnsafeMutableBufferPointer(
        start: storage.base.assumingMemoryBound(to: Scalar.self), count: shape.count))
  }

  /// Gives the memory of elements that nobody reads again to the system at once, where no other tensor shares it.
  package mutating func discard() {
    if isKnownUniquelyReferenced(&storage) { storage.discard() }
  }

  /// The same elements under another shape of the same count.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(
      shape.count == self.shape.count,
      "\(self.shape) has \(self.shape.count) elements, \(shape) has \(shape.count)")
    return Tensor(shape: shape, storage: storage)
  }

  /// The element at one index per dimension.
  public subscript(indices: Int...) -> Scalar {
    get { withUnsafeBufferPointer { $0[offset(of: indices)] } }
    set {
      let offset = offset(of: indices)
      withUnsafeMutableBufferPointer { $0[offset] = newValue }
    }
  }

  private func offset(of indices: [Int]) -> Int {
    precondition(
      indices.count == shape.rank, "\(indices.count) indices into a tensor of rank \(shape.rank)")
    var offset = 0
    for (axis, index) in indices.enumerated() {
      precondition(
        index >= 0 && index < shape[axis], "index \(index) of dimension \(axis), which has \(shape[axis])")
      offset = offset * shape[axis] + index
    }
    return offset
  }

  /// A copy of the part that lies in `range` along `axis`.
  public func slice(_ range: Range<Int>, axis: Int) -> Tensor {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "\(range) of dimension \(axis), which has \(shape[axis])")
    let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
    let outer = shape.dimensions[..<axis].reduce(1, *)
    var dimensions = shape.dimensions
    dimensions[axis] = range.count
    return withUnsafeBufferPointer { source in
      Tensor(unsafeUninitializedShape: Shape(dimensions)) { destination in
        for i in 0..<outer {
          let from = (i * shape[axis] + range.lowerBound) * inner
          let part = source[from..<from + range.count * inner]
          _ = destination[(i * range.count * inner)...].initialize(fromContentsOf: part)
        }
      }
    }
  }
}

extension Tensor: Equatable {
  /// Equal shapes and equal elements; a NaN equals nothing.
  public static func == (a: Tensor, b: Tensor) -> Bool {
    guard a.shape == b.shape else { return false }
    return a.withUnsafeBufferPointer { a in b.withUnsafeBufferPointer { b in a.elementsEqual(b) } }
  }
}
