import Convolution
import Tensors
import Testing

@Suite struct KernelTests {
  @Test func wrongKernelsAreNamed() {
    #expect(throws: KernelError.empty(rows: 0, columns: 3)) {
      try Kernel(rows: 0, columns: 3, coefficients: [])
    }
    #expect(throws: KernelError.wrongCount(rows: 2, columns: 2, count: 3)) {
      try Kernel(rows: 2, columns: 2, coefficients: [1, 2, 3])
    }
    #expect(throws: KernelError.tooLarge(rows: 1, columns: 2000)) {
      try Kernel(rows: 1, columns: 2000, coefficients: [Double](repeating: 1, count: 2000))
    }
    for value in [Double.nan, .infinity, 1e300] {
      #expect(throws: KernelError.self) { try Kernel(rows: 1, columns: 2, coefficients: [1, value]) }
    }
    #expect(throws: KernelError.self) {
      try Kernel(
        rows: 3, columns: 3, coefficients: [Double](repeating: 1, count: 9), anchor: .init(row: 3, column: 0))
    }
  }

  @Test func singularValuesRebuildTheKernel() throws {
    var generator = SeededGenerator(seed: 9)
    for (rows, columns) in [(1, 1), (3, 3), (5, 2), (2, 7), (12, 9), (16, 31)] {
      let kernel = try Kernel(
        rows: rows, columns: columns,
        coefficients: Tensor<Double>.random(in: -1...1, shape: [rows * columns], using: &generator).scalars)
      let terms = kernel.separableTerms()
      #expect(terms.count <= min(rows, columns))
      #expect(kernel.residuals(of: terms).last! < 1e-12 * kernel.absoluteSum)
      // Each further term leaves out less.
      let energies = terms.map { term in
        term.column.reduce(0) { $0 + $1 * $1 } * term.row.reduce(0) { $0 + $1 * $1 }
      }
      #expect(zip(energies, energies.dropFirst()).allSatisfy { $0 >= $1 * (1 - 1e-9) })
    }
    #expect(try Kernel(rows: 2, columns: 2, coefficients: [0, 0, 0, 0]).separableTerms().isEmpty)
  }

  @Test func symmetryIsAboutTheAnchor() throws {
    let cross = [0.0, 1, 0, 1, -4, 1, 0, 1, 0]
    #expect(try Kernel(rows: 3, columns: 3, coefficients: cross).isMirrorSymmetric)
    #expect(
      try !Kernel(rows: 3, columns: 3, coefficients: cross, anchor: .init(row: 0, column: 1))
        .isMirrorSymmetric)
    #expect(try !Kernel(rows: 1, columns: 2, coefficients: [1, 1]).isMirrorSymmetric)
    #expect(try !Kernel(rows: 1, columns: 3, coefficients: [-1, 0, 1]).isMirrorSymmetric)
  }
}
