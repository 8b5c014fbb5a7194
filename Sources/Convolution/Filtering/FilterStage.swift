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
      height: layout.height, width: layout.width, channels: layout.channels,
      kernelRows: rows, kernelColumns: columns)
    job.pool.parallelFor(blocks.count) { index in
      let (rows, pixels) = blocks.region(index, height: layout.height, width: layout.width)
      run(job, rows: rows, pixels: pixels)
    }
  }

  /// One block: load, filter, combine, store.
  private func run(_ job: Job, rows outputRows: Range<Int>, pixels: Range<Int>) {
    let channels = job.outputLayout.channels
    let samples = pixels.count * channels
    let halo = (columns - 1) * channels
    // Tiles write whole; an odd number of cache lines keeps rows from competing for the same cache sets.
    let room = Int(CONVOLVE_TILE_COLUMNS)
    let stride = (samples + halo + room + 15) / 16 * 16 + 16
    let paddedRows = outputRows.count + Int(CONVOLVE_TILE_ROWS)
    let loadedRows = paddedRows + rows - 1
    let buffers = plans.count > 1 ? 2 : 1
    let needed = stride * (loadedRows + paddedRows * (1 + buffers)) + room
    Scratch.withFloats(needed) { scratch in
      let input = scratch
      let between = input + stride * loadedRows
      let result = between + stride * paddedRows
      let loader = BlockLoader(
        base: job.input, layout: job.inputLayout, border: job.border, microkernels: job.microkernels)
      let top = outputRows.lowerBound - (job.isValid ? 0 : anchor.row)
      let left = pixels.lowerBound - (job.isValid ? 0 : anchor.column)
      loader.load(
        rows: top..<top + outputRows.count + rows - 1, pixels: left..<left + pixels.count + columns - 1,
        into: input, stride: stride)
      let block = BlockPass(
        stride: stride, tapStep: channels, rows: outputRows.count, columns: samples,
        microkernels: job.microkernels)
      for (index, plan) in plans.enumerated() {
        let target = index == 0 ? result : result + stride * paddedRows
        // A box's row sums overwrite what lies between, never the input: every kernel reads the same one.
        plan.run(block, from: input, between: between, to: target)
        if index > 0 { combine(result, target, count: outputRows.count * stride, job.microkernels) }
      }
      store(job, result, stride: stride, rows: outputRows, pixels: pixels)
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
    // A box sums; its one coefficient is multiplied in here.
    let scale = job.scale * Float(plans[0].outputScale)
    for y in rows {
      let source = result + (y - rows.lowerBound) * stride
      let offset = (y * layout.width + pixels.lowerBound) * layout.channels
      switch layout.type {
      case .uint8:
        job.microkernels.narrow(
          source, job.output.assumingMemoryBound(to: UInt8.self) + offset, count: samples,
          scale: scale, bias: job.bias)
      case .uint16:
        job.microkernels.narrow(
          source, job.output.assumingMemoryBound(to: UInt16.self) + offset, count: samples,
          scale: scale, bias: job.bias)
      case .float32:
        job.microkernels.emit(
          source, job.output.assumingMemoryBound(to: Float.self) + offset, count: samples,
          scale: scale, bias: job.bias)
      }
    }
    job.microkernels.fence()
  }
}
