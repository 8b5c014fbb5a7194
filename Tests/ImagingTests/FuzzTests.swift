import Foundation
import Imaging
import Tensors
import Testing

/// Real files with bytes changed, cut and repeated: errors are fine, crashes and hangs are not.
///
/// `CONVOLVE_FUZZ=20000 swift test --filter FuzzTests` runs more than the few of every day.
@Suite struct FuzzTests {
  static let rounds = ProcessInfo.processInfo.environment["CONVOLVE_FUZZ"].flatMap { Int($0) } ?? 400

  private func mutated(_ bytes: [UInt8], _ g: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...6, using: &g) where !bytes.isEmpty {
      let at = Int.random(in: 0..<bytes.count, using: &g)
      // Headers are where the decisions are.
      let place = Bool.random(using: &g) ? at : at % min(bytes.count, 64)
      switch Int.random(in: 0..<6, using: &g) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &g)
      case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &g)
      case 2: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &g)!
      case 3: bytes.removeSubrange(at...)
      case 4: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...16, using: &g)))
      default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 16)], at: place)
      }
    }
    return bytes
  }

  @Test func decodersSurvive() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Corpus")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    let files = try names.map { try [UInt8](Data(contentsOf: folder.appendingPathComponent($0))) }
    try #require(files.count >= 41)
    var g = SeededGenerator(seed: 20261121)
    var (decoded, refused) = (0, 0)
    for round in 0..<Self.rounds {
      let bytes = mutated(files[round % files.count], &g)
      do throws(ImageError) {
        let image = try Image(decoding: bytes, limits: .init(pixels: 1 << 20, bytes: 1 << 24))
        #expect(image.shape.count > 0)
        decoded += 1
      } catch {
        #expect(!error.description.isEmpty && !error.description.contains(where: \.isNewline))
        refused += 1
      }
    }
    print("decoders: \(decoded) mutations decoded, \(refused) refused")
    // Both ends of the road were travelled.
    #expect(decoded > 0 && refused > 0)
  }

  @Test func kernelParserSurvives() throws {
    let kernels = [
      "gaussian:sigma=2,radius=5", "Gaussian:0x2", "Sobel:90", "3x3: -1,0,1 -2,0,2 -1,0,1",
      "3x3+1+1: 1,-,nan 1 2 3 4 5 6",
      "3 3 9 0\n1 1 1\n1 1 1\n1 1 1\n", "(0,1,0;1,-4,1;0,1,0)", "[[1, 2], [3, 4]]", "0 1 0\n1 -4 1\n0 1 0\n",
      "motion:length=9,angle=30",
      "gabor:sigma=3,theta=45,wavelength=8,gamma=0.5,psi=90", "DoG:0,1,2", "Blur:0x2+90", "5: 1",
      "kirsch:angle=90", "disk:radius=1e2",
    ]
    var g = SeededGenerator(seed: 7)
    var (made, refused) = (0, 0)
    for round in 0..<Self.rounds {
      let text = String(decoding: mutated(Array(kernels[round % kernels.count].utf8), &g), as: UTF8.self)
      let options = KernelSpecification.Options(
        isCorrelation: round % 2 == 0, normalization: KernelSpecification.Normalization.allCases[round % 4],
        anchor: round % 7 == 0 ? .init(row: 1, column: 0) : nil)
      do throws(KernelSpecificationError) {
        let specification = try KernelSpecification(text, options: options) { (path) throws(FileError) in
          throw FileError(path, "no files here")
        }
        #expect(
          specification.bank.kernels.allSatisfy { $0.coefficients.allSatisfy { Float($0).isFinite } },
          "\(text)")
        made += 1
      } catch {
        #expect(!error.description.isEmpty && !error.description.contains(where: \.isNewline))
        refused += 1
      }
    }
    print("kernel parser: \(made) mutations understood, \(refused) refused")
    #expect(made > 0 && refused > 0)
  }
}
