import Convolution
import Tensors
import Testing

@testable import Networks

/// Sums of two 1x1 convolutions as one, and tensors put out side by side, against the definitions of the same graphs.
@Suite struct JoinedConvolutionTests {
  /// Two branches, each from its own input, to their sum, as at the head of a ResNet's stage.
  final class Head: Module {
    let left: Conv2d
    let right: Conv2d
    let norm = BatchNorm2d(12)
    let after = Conv2d(12, 4, kernelSize: 3, padding: .symmetric(1))

    init(_ channels: (Int, Int), stride: PerAxis, bias: (Bool, Bool), kernel: Int = 1, groups: Int = 1) {
      left = Conv2d(channels.0, 12, kernelSize: 1, bias: bias.0)
      right = Conv2d(
        channels.1, 12, kernelSize: PerAxis([kernel]), stride: stride,
        padding: .symmetric(kernel / 2), groups: groups, bias: bias.1)
    }

    /// - Returns: the sum, further on, and the input of the right branch.
    func callAsFunction(_ graph: Graph, batch: Int, size: [Int], stride: [Int]) throws -> [Value] {
      let x = graph.input("x", Shape([batch, right.inChannels] + size))
      let small = zip(size, stride).map { ($0 + $1 - 1) / $1 }
      let y = graph.input("y", Shape([batch, left.inChannels] + small))
      let shifted = try x.scaled(by: 2, adding: 1)
      let sum = try left(y.scaled(by: 0.5)) + norm(right(shifted))
      return [try after(sum.activated(.relu)), shifted]
    }
  }

  private static func count(_ program: Program, _ operation: String) -> Int {
    program.listing.count { $0.contains(operation) }
  }

  @Test(arguments: [
    ([1, 1], [7, 9], 1), ([1, 1], [8, 8], 3), ([2, 2], [7, 9], 1), ([2, 2], [16, 16], 2),
    ([3, 1], [5, 11], 1),
    ([1, 2], [1, 23], 2), ([2, 3], [1, 1], 1), ([2, 2], [56, 57], 1), ([2, 1], [12, 40], 0),
  ])
  func sumsOfPointwiseConvolutionsAreOne(stride: [Int], size: [Int], batch: Int) throws {
    for bias in [(true, true), (false, true), (false, false)] {
      let head = Head((5, 7), stride: PerAxis(stride), bias: bias)
      let graph = Graph(head)
      let values = try head(graph, batch: batch, size: size, stride: stride)
      let tensors = ProgramTests.tensors(graph, values, seed: 5)
      try ProgramTests.check(graph, values, tensors)
      try ProgramTests.check(graph, [values[0]], tensors)
      let program = try Program(graph, outputs: values)
      #expect(Self.count(program, "convolution") == 2)
      #expect(Self.count(program, "subsample") == (stride == [1, 1] ? 0 : 1))
    }
  }

  @Test func otherSumsStayAsTheyAre() throws {
    let heads = [
      // More channels than the sum has.
      Head((5, 8), stride: 2, bias: (true, true)),
      Head((5, 7), stride: 2, bias: (true, true), kernel: 3),
      Head((5, 6), stride: 2, bias: (true, true), groups: 2),
    ]
    for head in heads {
      let graph = Graph(head)
      let values = try head(graph, batch: 2, size: [9, 8], stride: [2, 2])
      try ProgramTests.check(graph, values, ProgramTests.tensors(graph, values, seed: 6))
      #expect(Self.count(try Program(graph, outputs: values), "convolution") == 3)
    }
    // A sum whose terms are asked for, and weights that change.
    let head = Head((5, 7), stride: 2, bias: (true, true))
    for mode in [Graph.Mode.inference, .training] {
      let graph = Graph(head, mode: mode)
      let (x, y) = (graph.input("x", [2, 7, 9, 8]), graph.input("y", [2, 5, 5, 4]))
      let (left, right) = (try head.left(y), try head.right(x))
      let values = try mode == .training ? [left + right] : [left + right, right]
      try ProgramTests.check(graph, values, ProgramTests.tensors(graph, values, seed: 7))
      #expect(Self.count(try Program(graph, outputs: values), "convolution") == 2)
    }
  }

  /// Parts of whole vectors and others, parts of parts, views, one part in two places, parts that are asked for.
  @Test(arguments: [1, 2], [[4, 4], [3, 5]])
  func concatenationsAreTheDefinition(batch: Int, size: [Int]) throws {
    final class Dense: Module {
      let convolutions = (0..<4).map { Conv2d(8 * ($0 + 1), 8, kernelSize: 3, padding: .symmetric(1)) }
    }
    let dense = Dense()
    let graph = Graph(dense)
    var x = graph.input("x", Shape([batch, 8] + size))
    var (values, parts) = ([Value](), [Value]())
    for conv in dense.convolutions {
      let part = try conv(x).activated(.relu)
      parts.append(part)
      x = try Value.concatenated([x, part], axis: 1)
    }
    values.append(try x.activated(.tanh))
    values.append(parts[1])
    values.append(try Value.concatenated([parts[2], parts[0], parts[2]], axis: 1).scaled(by: 3))
    let flat = try parts[3].scaled(by: -1).reshaped([batch, 8 * size[0] * size[1]])
    values.append(try Value.concatenated([flat, flat.scaled(by: 2)], axis: 1).activated(.sigmoid))
    values.append(try Value.concatenated([parts[0], parts[1]], axis: 0).scaled(by: 2))
    let tensors = ProgramTests.tensors(graph, values, seed: 8)
    try ProgramTests.check(graph, values, tensors)
    for value in values { try ProgramTests.check(graph, [value], tensors) }
  }

  /// At batch 1 a chain of concatenations is one tensor.
  @Test func partsArePutOutSideBySide() throws {
    let conv = Conv2d(3, 16, kernelSize: 3, padding: .symmetric(1))
    func bytes(batch: Int) throws -> Int {
      let graph = Graph(conv)
      let x = graph.input("x", [batch, 3, 32, 32])
      let (a, b) = (try conv(x), try conv(x.scaled(by: 2)))
      let both = try Value.concatenated([a.activated(.relu), b.activated(.tanh)])
      return try Program(graph, outputs: [both]).peakBytes
    }
    let plane = 32 * 32 * MemoryLayout<Float>.stride
    #expect(try bytes(batch: 1) == (32 + 2 * 3) * plane)
    #expect(try bytes(batch: 2) > 2 * (32 + 2 * 3) * plane)
  }
}
