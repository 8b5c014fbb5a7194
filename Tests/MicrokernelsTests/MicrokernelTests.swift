import CIntrinsics
import Microkernels
import Tensors
import Testing

/// Every kernel of every instruction set that this machine has, on integers, which no order of additions
/// rounds: the results must be exact. Buffers are odd in stride and alignment, poisoned, and guarded.
@Suite struct MicrokernelTests {
  static let cases: [(InstructionSet, Int)] = InstructionSet.available.flatMap { set in
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 13].map { (set, $0) }
  }

  /// A block of small integers with room for whole tiles, and its results.
  private struct Block {
    var input: [Float]
    var output: [Float]
    let inputStride: Int
    let outputStride: Int

    init(rows: Int, columns: Int, reach: (Int, Int), offset: Int, _ generator: inout SeededGenerator) {
      let room = Int(CONVOLVE_TILE_COLUMNS)
      inputStride = columns + reach.1 + room + 5
      outputStride = columns + room + 3
      let inputRows = rows + reach.0 + Int(CONVOLVE_TILE_ROWS)
      input = (0..<inputRows * inputStride + room + offset).map { _ in
        Float(Int.random(in: -8...8, using: &generator))
      }
      output = [Float](
        repeating: .nan, count: (rows + Int(CONVOLVE_TILE_ROWS)) * outputStride + room + offset)
    }
  }

  @Test(arguments: cases)
  func correlationIsExact(set: InstructionSet, kernelRows: Int) {
    let kernels = Microkernels(set)
    var generator = SeededGenerator(seed: UInt64(kernelRows))
    for kernelColumns in [1, 2, 3, 8] {
      for (rows, columns, step, offset) in [
        (1, 1, 1, 0), (5, 7, 1, 1), (24, 96, 3, 0), (17, 131, 2, 3), (48, 400, 1, 2),
      ] {
        let halo = (kernelColumns - 1) * step
        var block = Block(
          rows: rows, columns: columns, reach: (kernelRows - 1, halo), offset: offset, &generator)
        let weights = (0..<kernelRows * kernelColumns).map { _ in
          Float(Int.random(in: -4...4, using: &generator))
        }
        var packed: [Float] = []
        for s in 0..<kernelColumns {
          let column = (0..<kernelRows).map { weights[$0 * kernelColumns + s] }
          packed += column + column
        }
        for accumulate in [0, 1] {
          block.input.withUnsafeMutableBufferPointer { input in
            block.output.withUnsafeMutableBufferPointer { output in
              packed.withUnsafeBufferPointer { packed in
                var call = ConvolveBlock(
                  input: input.baseAddress! + offset, inputStride: block.inputStride,
                  weights: packed.baseAddress!, kernelHeight: kernelRows, kernelWidth: kernelColumns,
                  tapStep: step, output: output.baseAddress! + offset, outputStride: block.outputStride,
                  rows: rows, columns: columns, accumulate: accumulate, tapsTogether: 1)
                kernels.correlate(&call)
              }
            }
          }
          for y in 0..<rows {
            for x in 0..<columns {
              var sum: Float = 0
              for r in 0..<kernelRows {
                for s in 0..<kernelColumns {
                  sum +=
                    block.input[offset + (y + r) * block.inputStride + x + s * step]
                    * weights[r * kernelColumns + s]
                }
              }
              let expected = accumulate == 0 ? sum : 2 * sum
              guard block.output[offset + y * block.outputStride + x] == expected else {
                Issue.record("\(set) \(kernelRows)x\(kernelColumns) step \(step): row \(y), column \(x)")
                return
              }
            }
          }
        }
      }
    }
  }

  @Test(arguments: cases)
  func boxSumsAreExact(set: InstructionSet, size: Int) {
    let kernels = Microkernels(set)
    var generator = SeededGenerator(seed: UInt64(size))
    for (rows, columns, step, together) in [
      (1, 1, 1, size), (9, 33, 3, (size + 1) / 2), (48, 200, 1, min(3, size)),
    ] {
      var block = Block(
        rows: rows, columns: columns, reach: (size - 1, (size - 1) * step), offset: 1, &generator)
      var between = [Float](repeating: .nan, count: (rows + 8) * block.inputStride + 256)
      let original = block.input
      block.input.withUnsafeMutableBufferPointer { input in
        between.withUnsafeMutableBufferPointer { between in
          block.output.withUnsafeMutableBufferPointer { output in
            var down = ConvolveBlock(
              input: input.baseAddress! + 1, inputStride: block.inputStride, weights: input.baseAddress!,
              kernelHeight: size, kernelWidth: size, tapStep: step, output: between.baseAddress!,
              outputStride: block.inputStride, rows: rows, columns: columns + (size - 1) * step,
              accumulate: 0,
              tapsTogether: 1)
            kernels.boxColumns(&down)
            var across = ConvolveBlock(
              input: between.baseAddress!, inputStride: block.inputStride, weights: input.baseAddress!,
              kernelHeight: size, kernelWidth: size, tapStep: step, output: output.baseAddress!,
              outputStride: block.outputStride, rows: rows, columns: columns, accumulate: 0,
              tapsTogether: together)
            kernels.boxRows(&across)
          }
        }
      }
      for y in 0..<rows {
        for x in 0..<columns {
          var sum: Float = 0
          for r in 0..<size {
            for s in 0..<size { sum += original[1 + (y + r) * block.inputStride + x + s * step] }
          }
          guard block.output[y * block.outputStride + x] == sum else {
            Issue.record("\(set) box \(size) step \(step): row \(y), column \(x)")
            return
          }
        }
      }
    }
  }

  @Test(arguments: InstructionSet.available)
  func samplesCrossBothWays(set: InstructionSet) {
    let kernels = Microkernels(set)
    for count in [0, 1, 15, 16, 17, 255, 300] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
      let shorts = (0..<count).map { UInt16(truncatingIfNeeded: $0 * 257 + 3) }
      var floats = [Float](repeating: .nan, count: count + 32)
      var narrowed = [UInt8](repeating: 0xAA, count: count + 1)
      var narrowedShorts = [UInt16](repeating: 0xAAAA, count: count + 1)
      kernels.widen(bytes, &floats, count: count)
      #expect(floats[..<count].elementsEqual(bytes.map { Float($0) }))
      kernels.narrow(floats, &narrowed, count: count, scale: 1, bias: 0, streaming: count % 2 == 0)
      kernels.fence()
      #expect(narrowed[..<count].elementsEqual(bytes))
      #expect(narrowed[count] == 0xAA, "wrote beyond the end")
      kernels.widen(shorts, &floats, count: count)
      kernels.narrow(floats, &narrowedShorts, count: count, scale: 1, bias: 0)
      #expect(narrowedShorts[..<count].elementsEqual(shorts))
      #expect(narrowedShorts[count] == 0xAAAA, "wrote beyond the end")
    }
    // Ties go to even, what lies outside is clamped, and NaN becomes 0.
    let edges: [Float] = [0.5, 1.5, 2.5, -0.5, -7, 254.5, 255.4, 256, 1e30, .infinity, -.infinity, .nan]
    var source = edges + [Float](repeating: 0, count: 32)
    var narrowed = [UInt8](repeating: 9, count: edges.count)
    kernels.narrow(source, &narrowed, count: edges.count, scale: 1, bias: 0, streaming: false)
    #expect(narrowed == [0, 2, 2, 0, 0, 254, 255, 255, 255, 255, 0, 0])
    source = [3, 4, -6, 8] + [Float](repeating: 0, count: 32)
    kernels.hypotenuse(&source, [4, 3, 8, -6] + [Float](repeating: 0, count: 32), count: 4)
    #expect(source[..<4].elementsEqual([5, 5, 10, 10]))
    kernels.maximum(&source, [6, 1, 11, 9] + [Float](repeating: 0, count: 32), count: 4)
    #expect(source[..<4].elementsEqual([6, 5, 11, 10]))
  }

  @Test(arguments: InstructionSet.available)
  func emittedFloatsAreScaledAtEveryAlignment(set: InstructionSet) {
    let kernels = Microkernels(set)
    let source = (0..<200).map { Float($0) }
    for offset in 0..<17 {
      var output = [Float](repeating: -1, count: 200)
      output.withUnsafeMutableBufferPointer {
        kernels.emit(source, $0.baseAddress! + offset, count: 150, scale: 2, bias: 1, streaming: offset != 3)
      }
      kernels.fence()
      #expect(output[offset..<offset + 150].elementsEqual(source[..<150].map { 2 * $0 + 1 }))
      #expect(output[..<offset].allSatisfy { $0 == -1 } && output[(offset + 150)...].allSatisfy { $0 == -1 })
    }
  }

  @Test func instructionSetsByName() throws {
    #expect(try InstructionSet.resolve(nil) == InstructionSet.available[0])
    #expect(try InstructionSet.resolve("baseline") == .baseline)
    #expect(throws: InstructionSetError.unknown("sse9")) { try InstructionSet.resolve("sse9") }
    for set in InstructionSet.allCases where !set.isAvailable {
      #expect(throws: InstructionSetError.unavailable(set)) { try InstructionSet.resolve(set.rawValue) }
    }
  }
}
