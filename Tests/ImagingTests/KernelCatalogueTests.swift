import Convolution
import Imaging
import TestSupport
import Tensors
import Testing

@Suite struct KernelCatalogueTests {
  private func bank(_ text: String, correlate: Bool = false) throws -> KernelBank {
    try KernelSpecification(text, options: .init(isCorrelation: correlate)).bank
  }

  @Test func everyEntryIsComplete() throws {
    #expect(KernelCatalogue.entries.count == 32)
    #expect(Set(KernelCatalogue.entries.map(\.name)).count == KernelCatalogue.entries.count)
    for entry in KernelCatalogue.entries {
      #expect(!entry.summary.isEmpty && !entry.formula.isEmpty && !entry.source.isEmpty, "\(entry.name)")
      let made = try entry.make()
      #expect(try bank(entry.name) == made)
      #expect(try bank(entry.name, correlate: true) == made, "\(entry.name): named kernels are their effect")
    }
  }

  @Test func sums() throws {
    let keep = [
      "identity", "box:radius=3", "disk:radius=3.3", "gaussian:sigma=2.5", "binomial:radius=4",
      "motion:length=10,angle=33", "sharpen:amount=2", "unsharp:sigma=2", "emboss",
    ]
    for name in keep { #expect(abs(try bank(name).kernels[0].sum - 1) < 1e-12, "\(name)") }
    let zero = [
      "outline", "sobel", "scharr", "prewitt", "roberts", "line-rising", "kirsch", "robinson", "laplacian",
      "laplacian:neighbors=8", "log:sigma=2", "dog",
    ]
    for name in zero { #expect(try bank(name).kernels.allSatisfy(\.isZeroSum), "\(name)") }
  }

  @Test func effects() throws {
    // Brightness grows to the right by 1 a pixel, downwards by 10.
    let ramp = Tensor<Double>((0..<49).map { Double($0 % 7) + 10 * Double($0 / 7) }, shape: [7, 7, 1])
    func middle(_ name: String) throws -> Double {
      referenceCorrelation(ramp, kernel: try bank(name).kernels[0], border: .replicate)[3, 3, 0]
    }
    #expect(try middle("sobel-x") == 8)
    #expect(try middle("sobel-y") == 80)
    #expect(try middle("scharr-x") == 32)
    #expect(try middle("prewitt-y") == 60)
    #expect(try middle("roberts-x") == 11)
    #expect(try middle("roberts-y") == 9)
    #expect(try middle("robinson:angle=180") == 80)
    #expect(try middle("robinson:angle=90") == 8)
    #expect(try middle("kirsch:angle=180") == 8 * 10 * 3)
    #expect(try middle("laplacian") == 0)
    // A bright point darkens its own Laplacian.
    #expect(try bank("log").kernels[0].coefficients.min() == bank("log").kernels[0][6, 6])
  }

  @Test func gaussianIsItsFormula() throws {
    let kernel = try bank("gaussian:sigma=1.5,radius=3").kernels[0]
    #expect(kernel.rows == 7)
    let ratio = kernel[3, 5] / kernel[3, 3]
    #expect(abs(ratio - 0.41111229050718745) < 1e-12)  // exp(-4 / 4.5)
    #expect(try bank("gaussian:sigma=2").kernels[0].rows == 17)
    #expect(
      try bank("motion:length=5").kernels[0].coefficients.filter { $0 != 0 } == [0.2, 0.2, 0.2, 0.2, 0.2])
    #expect(try bank("motion:length=5,angle=90").kernels[0][0, 2] == 0.2)
  }

  @Test func spellings() throws {
    let plus = try Kernel(rows: 3, columns: 3, coefficients: [0, 2, 0, 1, -4, 1, 0, 0, 0])
    for text in [
      "3x3: 0,2,0 1,-4,1 0,0,0", "3: 0,2,0,1,-4,1,0,0,0", "(0,2,0;1,-4,1;0,0,0)",
      "[[0,2,0],[1,-4,1],[0,0,0]]",
      "0 2 0\n1 -4 1\n0 0 0\n", "0,2,0;1,-4,1;0,0,0", "3 3\n0 2 0\n1 -4 1\n0 0 0",
      "# mine\n0 2 0\n1 -4 1 # middle\n0 0 0",
      " 3x3 : -,2,- 1,-4,1 -,-,-",
    ] {
      #expect(try bank(text, correlate: true).kernels[0] == plus, "\(text)")
      #expect(try bank(text).kernels[0] == plus.flipped(), "\(text)")
    }
    let scaled = try KernelSpecification("2 1 4 10\n1 3\n", options: .init(isCorrelation: true))
    #expect(scaled.bank.kernels[0].coefficients == [0.25, 0.75] && scaled.bias == 10)
    #expect(try bank("3x1+0+0: -1,0,1", correlate: true).anchor == .init(row: 0, column: 0))
    #expect(try bank("3x1+0+0: -1,0,1").anchor == .init(row: 0, column: 2))
  }

  @Test func filesAndStandardInput() throws {
    let bytes = Array("1 0 -1\n".utf8)
    for text in ["@edge.txt", "-"] {
      var asked: [String] = []
      let specification = try KernelSpecification(text, options: .init(isCorrelation: true)) {
        (path) throws(FileError) in
        asked.append(path)
        return bytes
      }
      #expect(specification.bank.kernels[0].coefficients == [1, 0, -1])
      #expect(asked == [text == "-" ? "-" : "edge.txt"])
    }
    #expect(throws: KernelSpecificationError.self) { try KernelSpecification("@/does/not/exist") }
  }

  @Test func normalization() throws {
    func coefficients(_ text: String, _ n: KernelSpecification.Normalization) throws -> [Double] {
      try KernelSpecification(text, options: .init(isCorrelation: true, normalization: n)).bank.kernels[0]
        .coefficients
    }
    #expect(try coefficients("1 2 1", .auto) == [0.25, 0.5, 0.25])
    #expect(try coefficients("-1 4 -1", .auto) == [-1, 4, -1])
    #expect(try coefficients("-1 0 1", .auto) == [-1, 0, 1])
    #expect(try coefficients("1 2 1", .none) == [1, 2, 1])
    #expect(try coefficients("-1 4 -1", .sum) == [-0.5, 2, -0.5])
    #expect(try coefficients("1 2 3", .zeroSum) == [-1, 0, 1])
    #expect(throws: KernelSpecificationError.zeroSum) { try coefficients("-1 0 1", .sum) }
    #expect(try KernelSpecification("1 2 1").note != nil)
    #expect(try KernelSpecification("3 1 2 0\n1 2 1").note == nil)
  }

  @Test func wrongSpecificationsSayWhy() {
    func message(_ text: String) -> String {
      do throws(KernelSpecificationError) {
        _ = try KernelSpecification(text)
        return "accepted"
      } catch {
        return error.description
      }
    }
    #expect(message("sobell").contains("did you mean sobel"))
    #expect(message("gaussian:size=3") == "gaussian has no parameter \"size\"; it takes sigma, radius")
    #expect(message("gaussian:sigma=0") == "sigma=0 is out of range: it must be from 0.1 to 250")
    #expect(message("gaussian:sigma=abc").contains("\"abc\" is not a number"))
    #expect(message("motion:length=2.5").contains("a whole number"))
    #expect(message("3x3: 1,2,3") == "a 3x3 kernel has 9 coefficients, but 3 are given")
    #expect(message("3x1: 1,nan,2").contains("row 1, column 2 is nan"))
    #expect(message("nan 1").contains("nan"))
    #expect(message("0x0:").contains("no coefficients"))
    #expect(message("3x-3: 1").contains("no coefficients"))
    #expect(message("99999999999999999999x1: 1").contains("not the size of a kernel"))
    #expect(message("2000x1: 1").contains("larger than"))
    #expect(message("1 2\n3").contains("row 2 of the kernel has 1 numbers"))
    #expect(message("3x3: 1;3x3: 2").contains("a --kernel of its own"))
    #expect(message("").contains("empty"))
    #expect(message("   ").contains("empty"))
    #expect(message("Sobel:1e99").contains("out of range"))
    #expect(message("3x1+5+0: 1,2,3").contains("anchor"))
    #expect(message("kirsch:angle=10").contains("steps of 45"))
  }

  struct MagickVectors: Decodable {
    struct Case: Decodable {
      let kernel: String
      let border: String
      let result: Place
    }
    let image: Place
    let cases: [Case]
  }

  /// What ImageMagick's `-morphology Convolve` makes of a real photo with the same words.
  @Test func imageMagicksWordsMeanTheSame() throws {
    let vectors = try Vectors<MagickVectors>("magick")
    #expect(vectors.cases.cases.count == 81)
    let gray = vectors.tensor(vectors.cases.image)
    let image = Image(
      .uint8(Tensor(gray.scalars.map { UInt8($0) }, shape: [gray.shape[0], gray.shape[1], 1])))
    for item in vectors.cases.cases {
      let border: PaddingMode = ["replicate": .replicate, "circular": .circular, "zeros": .zeros][
        item.border]!
      let bank = try KernelSpecification(item.kernel, options: .init(normalization: .none)).bank
      let result = try image.filtered(FilterRequest(banks: [bank], border: border, range: .clamp)).image
      let expected = vectors.tensor(item.result).scalars
      let worst = zip(CodecTests.floats(result), expected).map { abs($0 - $1) }.max()!
      #expect(worst <= 1, "\(item.kernel) \(item.border): \(worst)")
    }
  }
}
