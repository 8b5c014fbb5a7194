import Convolution
import Testing

@Suite struct ReceptiveFieldTests {
  private typealias Layer = (kernel: Int, stride: Int, padding: Int)

  private func field(_ layers: [Layer], from start: ReceptiveField = .input) throws -> ReceptiveField {
    var field = start
    for layer in layers {
      field = try field.after(Window(kernel: layer.kernel, stride: layer.stride), padBegin: layer.padding)
    }
    return field
  }

  private func residual(
    _ start: ReceptiveField, _ layers: [Layer], _ shortcut: [Layer]
  ) throws -> ReceptiveField {
    try .union([field(layers, from: start), field(shortcut, from: start)])
  }

  /// The networks of torchvision.
  @Test func knownNetworks() throws {
    let alexNet = try field([
      (11, 4, 2), (3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 1, 1), (3, 1, 1), (3, 1, 1), (3, 2, 0),
    ])
    #expect(alexNet.size == 195 && alexNet.jump == 32)
    var vgg: [Layer] = []
    for count in [2, 2, 3, 3, 3] { vgg += [Layer](repeating: (3, 1, 1), count: count) + [(2, 2, 0)] }
    let vgg16 = try field(vgg)
    #expect(vgg16.size == 212 && vgg16.jump == 32)
    let stem: [Layer] = [(7, 2, 3), (3, 2, 1)]
    var resNet18 = try field(stem)
    var resNet50 = resNet18
    for (stage, (basic, bottleneck)) in [(2, 3), (2, 4), (2, 6), (2, 3)].enumerated() {
      for block in 0..<basic {
        let stride = block == 0 && stage > 0 ? 2 : 1
        resNet18 = try residual(resNet18, [(3, stride, 1), (3, 1, 1)], stride == 2 ? [(1, 2, 0)] : [])
      }
      for block in 0..<bottleneck {
        let stride = block == 0 && stage > 0 ? 2 : 1
        resNet50 = try residual(resNet50, [(1, 1, 0), (3, stride, 1), (1, 1, 0)], [(1, stride, 0)])
      }
    }
    #expect(resNet18.size == 435 && resNet18.jump == 32)
    #expect(resNet50.size == 427 && resNet50.jump == 32)
    // Padding by half the kernel keeps the fields in line: all start in the middle of the first sample.
    #expect(resNet18.center == 0.5 && resNet50.center == 0.5)
  }

  @Test func dilationAndWrongStacks() throws {
    let dilated = try ReceptiveField.input.after(Window(kernel: 3, dilation: 4), padBegin: 4)
    #expect(dilated.size == 9 && dilated.jump == 1 && dilated.center == 0.5)
    #expect(throws: GeometryError.self) { try ReceptiveField.input.after(Window(kernel: 0)) }
    #expect(throws: GeometryError.self) { try ReceptiveField.input.after(Window(kernel: 3), padBegin: -1) }
    #expect(throws: GeometryError.self) {
      try ReceptiveField.union([.input, ReceptiveField.input.after(Window(kernel: 1, stride: 2))])
    }
    #expect(throws: GeometryError.self) {
      var field = ReceptiveField.input
      for _ in 0..<40 { field = try field.after(Window(kernel: 3, stride: 2)) }
    }
  }
}
