import Foundation
import Imaging
import TestSupport
import Tensors
import Testing

/// convolve match, spectrum, frequency, diffuse, stochastic and series, as a person would call them.
@Suite struct FourierCommandTests {
  private static let photo = packageRoot().appending(path: "Examples/chelsea.png").path

  private func object(_ data: Data) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test func aCutOutIsFound() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let folder = command.folder.path
    let image = try Image(path: Self.photo)
    guard case .uint8(let samples) = image.samples else { return }
    let eye = samples.slice(80..<125, axis: 0).slice(150..<215, axis: 1)
    try Image(.uint8(eye)).write(to: "\(folder)/eye.png", replacing: false)
    let result = try command.run([
      "match", Self.photo, "\(folder)/eye.png", "--json", "-o", "\(folder)/found.png",
    ])
    #expect(result.status == 0, "\(result.messages)")
    let found = try #require(try JSONSerialization.jsonObject(with: result.data) as? [[String: Any]])
    #expect(
      abs((found[0]["x"] as? Double ?? 0) - 150) < 0.1 && abs((found[0]["y"] as? Double ?? 0) - 80) < 0.1)
    #expect(found[0]["width"] as? Int == 65 && (found[0]["score"] as? Double ?? 0) > 0.9999)
    #expect(try Image(path: "\(folder)/found.png").width == image.width)
    let large = try command.run(["match", "\(folder)/eye.png", Self.photo])
    #expect(large.status == 1 && large.messages.contains("does not fit"))
    try Image(.uint8(Tensor(repeating: 9, shape: [5, 5, 1]))).write(
      to: "\(folder)/flat.png", replacing: false)
    let flat = try command.run(["match", Self.photo, "\(folder)/flat.png"])
    #expect(flat.status == 1 && flat.messages.contains("contrast"))
    #expect(try command.run(["match", Self.photo, "\(folder)/eye.png", "--scales", "x"]).status == 64)
  }

  @Test func frequenciesAreDrawnAndFiltered() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let folder = command.folder.path
    let spectrum = try command.run([
      "spectrum", Self.photo, "-o", "\(folder)/s.png", "--profile", "\(folder)/p.svg", "--phase",
      "\(folder)/a.png",
      "--kernel", "gaussian:sigma=2", "--json",
    ])
    #expect(spectrum.status == 0, "\(spectrum.messages)")
    #expect((try object(spectrum.data)["radialProfile"] as? [Double])?.count == 128)
    #expect(try String(contentsOfFile: "\(folder)/p.svg", encoding: .utf8).contains("<svg"))
    let low = try command.run([
      "frequency", Self.photo, "--low-pass", "0.1", "--shape", "ideal", "-o", "\(folder)/low.png", "--json",
      "--explain",
    ])
    #expect(low.status == 0 && low.messages.contains("f <= 0.1"))
    // The share is the circle's area of the square's: pi 0.1^2.
    #expect(abs((try object(low.data)["share"] as? Double ?? 0) - 0.0314) < 0.001)
    let blocks = try command.run([
      "frequency", Self.photo, "--dct-quality", "50", "-o", "\(folder)/d.png", "--json",
    ])
    #expect((try object(blocks.data)["psnr"] as? Double ?? 0) > 30)
    #expect(
      try command.run(["frequency", Self.photo, "--low-pass", "9", "-o", "\(folder)/x.png"]).status == 64)
    #expect(try command.run(["frequency", Self.photo, "-o", "\(folder)/x.png"]).status == 64)
    let mask = try command.run([
      "frequency", Self.photo, "--mask", "\(folder)/s.png", "-o", "\(folder)/x.png",
    ])
    #expect(mask.status == 1 && mask.messages.contains("a mask has"))
  }

  @Test func diffusionAndChance() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let folder = command.folder.path
    for method in ["fourier", "explicit", "perona-malik"] {
      let result = try command.run([
        "diffuse", Self.photo, "--time", "2", "--method", method, "-o", "\(folder)/\(method).png",
        "--explain",
      ])
      #expect(result.status == 0 && result.messages.contains("note"), "\(result.messages)")
    }
    let walk = try command.run([
      "diffuse", Self.photo, "--kernel", "emboss", "--propagator", "square", "--steps", "2", "-o",
      "\(folder)/w.png",
      "--draw", "\(folder)/k.png", "--json",
    ])
    let sums = (try object(walk.data)["propagator"] as? [[Double]])?.joined().reduce(0, +)
    #expect(abs((sums ?? 0) - 1) < 1e-12)
    #expect(try command.run(["diffuse", Self.photo, "-o", "\(folder)/x.png"]).status == 64)
    let chance = try command.run([
      "stochastic", Self.photo, "--kernel", "gaussian:sigma=1", "--samples", "32", "-o", "\(folder)/c.png",
      "--plot",
      "\(folder)/c.svg", "--json",
    ])
    #expect(chance.status == 0, "\(chance.messages)")
    #expect(abs((try object(chance.data)["exponent"] as? Double ?? 0) + 0.5) < 0.02)
    #expect(
      try command.run(["stochastic", Self.photo, "--kernel", "sobel", "-o", "\(folder)/x.png"]).status == 64)
  }

  @Test func seriesOfFiles() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let folder = command.folder.path
    let path = "\(folder)/series.csv"
    let lines = (0..<58).map { "2026-\($0),\($0 % 7 == 3 ? "" : "\(10 + $0 % 12 + $0 / 10)")" }
    try (["day;value".replacingOccurrences(of: ";", with: ",")] + lines).joined(separator: "\n").write(
      toFile: path, atomically: true, encoding: .utf8)
    let gap = try command.run(["series", path, "--ma", "3"])
    #expect(gap.status == 1 && gap.messages.contains("line 5 has a gap in column value"), "\(gap.messages)")
    let average = try command.run(["series", path, "--fill", "linear", "--ma", "3", "--json"])
    let values = try #require(try JSONSerialization.jsonObject(with: average.data) as? [Any])
    #expect(values.count == 58 && values[0] is NSNull && values[2] as? Double == 11)
    let model = try command.run([
      "series", path, "--fill", "linear", "--arima", "1,0,0", "--forecast", "5", "--json", "--plot",
      "\(folder)/f.svg",
      "--explain",
    ])
    #expect(model.status == 0 && model.messages.contains("convolution of noise"), "\(model.messages)")
    #expect((try object(model.data)["forecast"] as? [Any])?.count == 5)
    #expect(try command.run(["series", path, "--fill", "linear", "--arima", "1,0"]).status == 64)
    #expect(
      try command.run(["series", path, "--column", "none", "--ma", "3"]).messages.contains("day, value"))
    #expect(try command.run(["series", path]).status == 64)
    #expect(try command.run(["series", "\(folder)/missing.csv", "--ma", "3"]).status == 1)
  }
}
