import Foundation
import Testing

/// convolve train, evaluate, predict, features and search on a small data set of bars.
@Suite struct TrainCommandTests {
  /// 96 training and 32 test images of 28x28: upright or lying bars.
  private static func bars(_ folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    func idx(_ sizes: [Int], _ bytes: [UInt8]) -> Data {
      Data(
        [0, 0, 8, UInt8(sizes.count)] + sizes.flatMap { [0, 0, UInt8($0 >> 8), UInt8($0 & 255)] } + bytes)
    }
    for (prefix, count) in [("train", 96), ("t10k", 32)] {
      var images: [UInt8] = []
      let labels = (0..<count).map { UInt8($0 % 2) }
      for n in 0..<count {
        let place = 4 + n * 7 % 20
        for i in 0..<784 { images.append((n % 2 == 0 ? i % 28 : i / 28) == place ? 255 : UInt8(i * n % 40)) }
      }
      try idx([count, 28, 28], images).write(
        to: URL(fileURLWithPath: "\(folder)/\(prefix)-images-idx3-ubyte"))
      try idx([count], labels).write(to: URL(fileURLWithPath: "\(folder)/\(prefix)-labels-idx1-ubyte"))
    }
  }

  @Test func fromDataToPredictions() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let folder = command.folder.path
    try Self.bars("\(folder)/data")
    let run = "\(folder)/run"
    let trained = try command.run([
      "train", "--model", "lenet5", "--data", "\(folder)/data", "--out", run, "--epochs", "12", "--batch",
      "16", "--json",
    ])
    #expect(trained.status == 0, "\(trained.messages)")
    let epochs = try #require(try JSONSerialization.jsonObject(with: trained.data) as? [[String: Any]])
    #expect(epochs.count == 12)
    #expect(try #require(epochs[11]["testAccuracy"] as? Double) > 0.9)
    for name in [
      "config.json", "network.json", "metrics.jsonl", "curves.svg", "curves.png", "best.safetensors",
    ] {
      #expect(FileManager.default.fileExists(atPath: "\(run)/\(name)"), "\(name)")
    }
    let evaluated = try command.run(["evaluate", run, "--confusion", "\(folder)/confusion.png"])
    #expect(evaluated.status == 0 && evaluated.text.contains("taken for"), "\(evaluated.messages)")
    let drawn = try command.run(["features", run, "--layer", "conv.conv1", "-o", "\(folder)/kernels.png"])
    #expect(drawn.status == 0, "\(drawn.messages)")
    let maps = try command.run([
      "features", run, "\(folder)/kernels.png", "--layer", "conv.conv1", "-o", "\(folder)/maps.png",
    ])
    #expect(maps.status == 0, "\(maps.messages)")
    // One of two images is missing.
    let predicted = try command.run(["predict", run, "\(folder)/kernels.png", "\(folder)/none.png"])
    #expect(predicted.status == 2 && predicted.text.contains("%") && predicted.messages.contains("none.png"))
    let again = try command.run(["train", "--data", "\(folder)/data", "--out", run])
    #expect(again.status == 1 && again.messages.contains("--force"))
    let resumed = try command.run(["train", "--out", run, "--resume"])
    #expect(resumed.status == 0, "\(resumed.messages)")
  }

  @Test func searchFindsTheSameClass() throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let folder = command.folder.path
    try Self.bars("\(folder)/data")
    let index = "\(folder)/index.sqlite"
    let trained = try command.run([
      "train", "--model", "autoencoder", "--sobel", "--data", "\(folder)/data", "--out", "\(folder)/run",
      "--epochs", "2",
      "--batch", "16", "--optimizer", "adam", "--lr", "0.003",
    ])
    #expect(trained.status == 0 && trained.text.contains("test loss"), "\(trained.messages)")
    let made = try command.run([
      "search", "index", "\(folder)/data", "--model", "\(folder)/run", "--index", index,
    ])
    #expect(made.status == 0 && made.text.contains("32 images"), "\(made.messages)")
    let again = try command.run(["search", "index", "\(folder)/data", "--index", index])
    #expect(again.status == 1 && again.messages.contains("--force"))
    let found = try command.run([
      "search", "query", "--item", "0", "--index", index, "--top", "3", "--sheet", "\(folder)/sheet.png",
      "--json",
    ])
    #expect(found.status == 0 && found.text.contains("\"cosine\""), "\(found.messages)")
    let precision = try command.run(["search", "precision", "--index", index, "--at", "5"])
    #expect(precision.status == 0 && precision.text.contains("precision at 5"), "\(precision.messages)")
  }

  @Test(arguments: [
    (["train"], 64, "--data"), (["train", "--data", "/nowhere"], 1, "/nowhere"),
    (["train", "--data", "x", "--model", "resnet19"], 64, "resnet"),
    (["train", "--data", "x", "--schedule", "step:x"], 64, "schedule"),
    (["evaluate", "/nowhere"], 1, "network.json"),
    (["search", "query", "--index", "/nowhere"], 64, "--item"),
    (["search", "precision", "--index", "/nowhere"], 1, "convolve search index"),
    (["features", "/nowhere", "--layer", "x"], 64, "--out"),
  ])
  func wrongUseIsExplained(arguments: [String], code: Int32, word: String) throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    let result = try command.run(arguments)
    #expect(result.status == code)
    #expect((result.messages + result.text).contains(word), "\(result.messages)")
  }
}
