import Tensors

/// Puts samples back at the places that a max pooling took them from; zeros elsewhere.
///
/// Of several samples for one place the last is kept.
/// - Parameters:
///   - input: `[N, C, spatial...]`
///   - indices: of the input's shape: for each sample its place in its plane, as ``maxPool(_:_:)`` gives it.
///   - outputSize: spatial sizes; those of the pooling's input, which several sizes can lead to.
/// - Returns: `[N, C, outputSize...]`. Its gradient is ``gather(_:indices:)``.
/// - Throws: ``GeometryError``, also for an index outside the output's plane.
/// - Source: PyTorch `max_unpool1d` to `3d`; ONNX `MaxUnpool`, whose indices count through all planes.
public func maxUnpool<Scalar: TensorScalar>(
  _ input: Tensor<Scalar>, indices: Tensor<Int64>, outputSize: [Int]
) throws(GeometryError) -> Tensor<Scalar> {
  try check(upstream: indices.shape, output: input.shape)
  guard (3...5).contains(input.shape.rank), outputSize.count == input.shape.rank - 2 else {
    throw .invalid(
      "\(outputSize.count) output sizes for an input of shape \(input.shape), which must be [N, C] and one to "
        + "three spatial sizes")
  }
  for size in outputSize { try OutputSize.check(output: size) }
  let sizes = [input.shape[0], input.shape[1]] + outputSize
  try OutputSize.check(elements: sizes)
  let plane = outputSize.reduce(1, *)
  try check(indices, plane: plane)
  let samples = input.shape.dimensions[2...].reduce(1, *)
  var result = Tensor<Scalar>(zeros: Shape(sizes))
  result.withUnsafeMutableBufferPointer { result in
    input.withUnsafeBufferPointer { input in
      indices.withUnsafeBufferPointer { indices in
        for i in input.indices { result[i / samples * plane + Int(indices[i])] = input[i] }
      }
    }
  }
  return result
}

/// The default output size of ``maxUnpool(_:indices:outputSize:)`` along each axis:
/// (in - 1) * stride - padBegin - padEnd + kernel.
/// - Parameters:
///   - input: spatial sizes of the pooled tensor.
///   - options: as they were given to the pooling, without dilation.
/// - Throws: ``GeometryError`` where nothing would come out.
public func maxUnpoolSize(
  input: [Int], _ options: PoolingGeometry.Options
) throws(GeometryError) -> [Int] {
  let windows = try Window.windows(
    kernel: options.kernel, stride: options.stride ?? options.kernel, dilation: [1], rank: input.count)
  let amounts = try options.padding.amounts(input, windows)
  var sizes: [Int] = []
  for axis in input.indices {
    sizes.append(
      try OutputSize.transposed(
        input: input[axis], window: windows[axis], padding: amounts[axis],
        dimension: OutputSize.dimension(axis, of: input.count)
      ).size)
  }
  return sizes
}

/// Takes from each plane the samples at the given places: the gradient of ``maxUnpool(_:indices:outputSize:)``,
/// and of max pooling's gradient.
/// - Parameters:
///   - input: `[N, C, spatial...]`
///   - indices: `[N, C, ...]`, places in planes.
/// - Returns: of the indices' shape.
/// - Throws: ``GeometryError``, also for an index outside its plane.
public func gather<Scalar: TensorScalar>(
  _ input: Tensor<Scalar>, indices: Tensor<Int64>
) throws(GeometryError) -> Tensor<Scalar> {
  guard input.shape.rank >= 3, indices.shape.rank >= 3,
    input.shape.dimensions[..<2] == indices.shape.dimensions[..<2]
  else {
    throw .invalid(
      "indices of shape \(indices.shape) into an input of \(input.shape): both must be [N, C, spatial...]")
  }
  let plane = input.shape.dimensions[2...].reduce(1, *)
  try check(indices, plane: plane)
  let samples = indices.shape.dimensions[2...].reduce(1, *)
  return input.withUnsafeBufferPointer { input in
    indices.withUnsafeBufferPointer { indices in
      Tensor(unsafeUninitializedShape: [indices.count]) { output in
        for i in indices.indices {
          output.initializeElement(at: i, to: input[i / samples * plane + Int(indices[i])])
        }
      }
    }
  }.reshaped(indices.shape)
}

/// - Parameters:
///   - indices: places in planes.
///   - plane: the samples of a plane.
///   - lowest: -1 where a window may have no sample.
/// - Throws: for a place outside its plane.
func check(_ indices: Tensor<Int64>, plane: Int, lowest: Int64 = 0) throws(GeometryError) {
  if let wrong = indices.scalars.first(where: { $0 < lowest || $0 >= plane }) {
    throw .outOfRange("index", Int(wrong), "from \(lowest) to below \(plane), the samples of a plane")
  }
}
