import CIntrinsics
import Microkernels
import Tensors

/// One step of a filter, planned: every kernel of a bank, and how their results are combined.
public struct FilterStage: Sendable {
  public let plans: [LinearPlan]
  public let combination: KernelBank.Combination

  var rows: Int { plans[0].kernel.rows }
  var columns: Int { plans[0].kernel.columns }
  var anchor: Kernel.Anchor { plans[0].kernel.anchor }

  /// The greatest difference to the exact result, for inputs of magnitude 1.
  public var errorBound: Double {
    let greatest = plans.map(\.errorBound).max()!
    return combination == .magnitude ? greatest * 2.0.squareRoot() : greatest
  }

  /// The greatest output, for inputs of magnitude 1.
  var gain: Double {
    let greatest = plans.map(\.kernel.absoluteSum).max()!
    return combination == .magnitude ? greatest * 2.0.squareRoot() : greatest
  }

  /// What runs a stage: the images, the border, and the map from results to stored samples.
  struct Job {
    var input: UnsafeRawPointer
    var inputLayout: SampleLayout
    var output: UnsafeMutableRawPointer
    var outputLayout: SampleLayout
    var border: PaddingMode
    /// Whether the output leaves out pixels whose window does not lie inside the input.
    var isValid: Bool
    var scale: Float
    var bias: Float
    var microkernels: Microkernels
    var pool: ThreadPool
  }

  func run(_ job: Job) {
    let layout = job.outputLayout
    let blocks = FilterBlocks(
      layout,
      FilterBlocks.Needs(
        kernelRows: rows, kernelColumns: columns, tileRows: job.microkernels.tileRows(kernelRows: rows),
        buffers: buffers, isMemoryBound: isMemoryBound(job.inputLayout.type), isBox: isBox,
        fourierTile: plans.compactMap(\.fourier).first.map { ($0.rows, $0.columns) }))
    job.pool.parallelFor(blocks.count) { index in
      let (rows, pixels) = blocks.region(index, height: layout.height, width: layout.width)
      run(job, rows: rows, pixels: pixels, together: min(blocks.rowsTogether, rows.count))
    }
  }

  private var isBox: Bool { plans.contains { $0.method == .box } }

  /// Whether moving four bytes in and out for a sample takes longer than filtering it.
  private func isMemoryBound(_ type: SampleType) -> Bool {
    type == .float32 && !isBox && plans.reduce(0) { $0 + $1.operationsPerSample } <= 64
  }

  /// Rows held for each output row: between two passes, the result, and a second result to combine.
  private var buffers: Int { plans.count > 1 ? 3 : 2 }

  /// One block, a few rows at a time: load what is new, filter, combine, store, and keep what the next rows
  /// need too.
  private func run(_ job: Job, rows outputRows: Range<Int>, pixels: Range<Int>, together: Int) {
    let channels = job.outputLayout.channels
    let samples = pixels.count * channels
    let halo = (columns - 1) * channels
    // Tiles write whole; an odd number of cache lines keeps rows from competing for the same cache sets.
    let room = Int(CONVOLVE_TILE_COLUMNS)
    let stride = (samples + halo + room + 31) / 32 * 32 + 16
    let resultRows = together + Int(CONVOLVE_TILE_ROWS)
    let inputRows = resultRows + rows - 1
    Scratch.withFloats(stride * (inputRows + resultRows * buffers) + room) { scratch in
      let input = scratch
      let between = input + stride * inputRows
      let result = between + stride * resultRows
      let top = outputRows.lowerBound - (job.isValid ? 0 : anchor.row)
      let left = pixels.lowerBound - (job.isValid ? 0 : anchor.column)
      let loader = BlockLoader(
        base: job.input, layout: job.inputLayout, pixels: left..<left + pixels.count + columns - 1,
        border: job.border, microkernels: job.microkernels)
      var loaded = 0
      for start in Swift.stride(from: 0, to: outputRows.count, by: together) {
        let count = min(together, outputRows.count - start)
        let needed = count + rows - 1
        let first = top + start
        loader.load(rows: first + loaded..<first + needed, into: input + loaded * stride, stride: stride)
        let next = min(together, outputRows.count - start - count)
        loader.prefetch(rows: first + needed..<first + needed + next)
        let block = BlockPass(
          stride: stride, tapStep: channels, rows: count, columns: samples, microkernels: job.microkernels)
        for (index, plan) in plans.enumerated() {
          let target = index == 0 ? result : result + stride * resultRows
          plan.run(block, from: input, between: between, to: target)
          if index > 0 { combine(result, target, count: count * stride, job.microkernels) }
        }
        let line = outputRows.lowerBound + start
        store(job, result, stride: stride, rows: line..<line + count, pixels: pixels)
        loaded = rows - 1
        input.update(from: input + count * stride, count: loaded * stride)
      }
      job.microkernels.fence()
    }
  }

  private func combine(
    _ result: UnsafeMutablePointer<Float>, _ other: UnsafePointer<Float>, count: Int,
    _ microkernels: Microkernels
  ) {
    switch combination {
    case .single: preconditionFailure("a single kernel has nothing to combine")
    case .magnitude: microkernels.hypotenuse(result, other, count: count)
    case .maximum: microkernels.maximum(result, other, count: count)
    }
  }

  private func store(
    _ job: Job, _ result: UnsafePointer<Float>, stride: Int, rows: Range<Int>, pixels: Range<Int>
  ) {
    let layout = job.outputLayout
    let samples = pixels.count * layout.channels
    // A large image is not read again before it has left the caches.
    let isStreaming = layout.byteCount >= 4 << 20
    // A box sums; its one coefficient is multiplied in here.
    let scale = job.scale * Float(plans[0].outputScale)
    for y in rows {
      let source = result + (y - rows.lowerBound) * stride
      let offset = (y * layout.width + pixels.lowerBound) * layout.channels
      switch layout.type {
      case .uint8:
        job.microkernels.narrow(
          source, job.output.assumingMemoryBound(to: UInt8.self) + offset, count: samples,
          scale: scale, bias: job.bias, streaming: isStreaming)
      case .uint16:
        job.microkernels.narrow(
          source, job.output.assumingMemoryBound(to: UInt16.self) + offset, count: samples,
          scale: scale, bias: job.bias)
      case .float32:
        job.microkernels.emit(
          source, job.output.assumingMemoryBound(to: Float.self) + offset, count: samples,
          scale: scale, bias: job.bias, streaming: isStreaming)
      }
    }
  }
}
