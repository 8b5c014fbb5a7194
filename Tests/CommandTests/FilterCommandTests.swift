import Foundation
import Imaging
import Testing

@Suite struct FilterCommandTests {
  private func withCommand(_ body: (CommandLine) throws -> Void) throws {
    let command = try CommandLine()
    defer { command.cleanUp() }
    try body(command)
  }

  private let photo = CommandLine.examples.appendingPathComponent("chelsea.png").path

  @Test func thePhotoOfTheReadme() throws {
    try withCommand { command in
      let output = try command.run(["filter", photo, "--kernel", "sobel", "-o", "edges.png"])
      #expect(output.status == 0, "\(output.messages)")
      #expect(output.data.isEmpty)
      #expect(output.messages.contains("range minmax"))
      let image = try Image(path: command.path("edges.png"))
      #expect(image.width == 451 && image.height == 300 && image.channels == 3)
    }
  }

  @Test func existingFilesAndInputsAreSafe() throws {
    try withCommand { command in
      try FileManager.default.copyItem(atPath: photo, toPath: command.path("in.png"))
      let before = try Data(contentsOf: URL(fileURLWithPath: command.path("in.png")))
      #expect(try command.run(["filter", "in.png", "-k", "box", "-o", "out.png"]).status == 0)
      let again = try command.run(["filter", "in.png", "-k", "box", "-o", "out.png"])
      #expect(again.status == 1 && again.messages.contains("out.png: exists already; --force replaces it"))
      #expect(try command.run(["filter", "in.png", "-k", "box", "-o", "out.png", "--force"]).status == 0)
      // An input is never overwritten, not through another name either.
      try FileManager.default.createSymbolicLink(
        atPath: command.path("link.png"), withDestinationPath: "in.png")
      for name in ["in.png", "./in.png", "link.png"] {
        let output = try command.run(["filter", "in.png", "-k", "box", "-o", name, "--force"])
        #expect(output.status == 1 && output.messages.contains("is an input"), "\(name)")
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: command.path("in.png"))) == before)
      #expect(try command.files() == ["in.png", "link.png", "out.png"])
    }
  }

  @Test func batchesGoOnAfterABadFile() throws {
    try withCommand { command in
      try FileManager.default.createDirectory(
        atPath: command.path("photos"), withIntermediateDirectories: true)
      for name in ["rgb.png", "gray.jpg", "lossy.webp", "raw16.ppm"] {
        try FileManager.default.copyItem(
          at: CommandLine.corpus.appendingPathComponent(name),
          to: URL(fileURLWithPath: command.path("photos/\(name)")))
      }
      try Data([0x89, 0x50, 0x4E, 0x47, 1, 2, 3]).write(
        to: URL(fileURLWithPath: command.path("photos/bad.png")))
      try Data("notes".utf8).write(to: URL(fileURLWithPath: command.path("photos/notes.txt")))
      let output = try command.run(["filter", "photos", "-k", "gaussian", "--out-dir", "new/out"])
      #expect(output.status == 2)
      #expect(output.messages.contains("1 of 5 inputs failed"))
      #expect(output.messages.contains("photos/bad.png: the PNG file"))
      #expect(try command.files("new/out") == ["gray.jpg", "lossy.webp", "raw16.ppm", "rgb.png"])
      let globbed = try command.run([
        "filter", "photos/*.png", "-k", "box", "--out-dir", "glob", "--format", "jpg", "--json",
      ])
      #expect(globbed.status == 2 && globbed.text.contains("\"output\" : \"glob/rgb.jpg\""))
      let all = try command.run(["filter", "photos/bad.png", "missing.png", "-k", "box", "--out-dir", "x"])
      #expect(
        all.status == 1 && all.messages.contains("missing.png: cannot be opened: No such file or directory"))
    }
  }

  @Test func pipesCarryDataAlone() throws {
    try withCommand { command in
      let input = try Data(contentsOf: URL(fileURLWithPath: photo))
      let output = try command.run(["filter", "-", "-k", "sharpen"], input: input)
      #expect(output.status == 0)
      #expect(try Image(decoding: [UInt8](output.data)).width == 451)
      let raw = try command.run(
        ["filter", "-", "-k", "sobel-x", "--range", "raw", "--channels", "luma", "-o", "-"], input: input)
      let image = try Image(decoding: [UInt8](raw.data))
      #expect(image.type == .float32 && image.channels == 1)
      let kernel = try command.run(
        ["filter", photo, "-k", "-", "-o", "piped.png"], input: Data("0 1 0\n1 1 1\n0 1 0\n".utf8))
      #expect(kernel.status == 0 && kernel.messages.contains("divided by its sum, 5"))
    }
  }

  @Test func convolutionFlipsAndCorrelationDoesNot() throws {
    try withCommand { command in
      try Data("P2 5 1 255 0 0 8 0 0".utf8).write(to: URL(fileURLWithPath: command.path("point.pgm")))
      func samples(_ options: [String]) throws -> [UInt8] {
        _ = try command.run(
          ["filter", "point.pgm", "-o", "out.pgm", "--force", "--normalize", "none", "--border", "zeros"]
            + options)
        return Array(try Data(contentsOf: URL(fileURLWithPath: command.path("out.pgm"))).suffix(5))
      }
      #expect(try samples(["-k", "3x1: 1,2,3", "--range", "clamp"]) == [0, 8, 16, 24, 0])
      #expect(try samples(["-k", "3x1: 1,2,3", "--range", "clamp", "--correlate"]) == [0, 24, 16, 8, 0])
      #expect(try samples(["-k", "3x1: 1,2,3", "--range", "clamp", "--anchor", "0,0"]) == [0, 0, 8, 16, 24])
    }
  }

  @Test func sameFileForAnyThreadsAndThePlanIsExplained() throws {
    try withCommand { command in
      for threads in ["1", "2", "5"] {
        let output = try command.run([
          "filter", photo, "-k", "unsharp:sigma=2", "-o", "t\(threads).png", "--threads", threads,
          "--explain",
        ])
        #expect(output.status == 0 && output.text.contains("step 1: 17x17 kernel"), "\(output.messages)")
      }
      let files = try ["1", "2", "5"].map {
        try Data(contentsOf: URL(fileURLWithPath: command.path("t\($0).png")))
      }
      #expect(files[0] == files[1] && files[0] == files[2])
      let plan = try command.run(["filter", photo, "-k", "gaussian:sigma=3", "--explain"])
      #expect(plan.status == 0 && plan.text.contains("two passes"))
      let set = try command.run(
        ["filter", photo, "-k", "box", "--explain"],
        environment: ["CONVOLVE_ISA": "baseline", "CONVOLVE_THREADS": "1"])
      #expect(set.text.contains("kernels for baseline"))
    }
  }

  @Test func wrongUsageIs64AndSaysTheRemedy() throws {
    try withCommand { command in
      let wrong: [([String], String)] = [
        (["filter", photo, "-o", "x.png"], "no --kernel"),
        (["filter", photo, "-k", "sobel"], "no output"),
        (["filter", photo, "-k", "sobell", "-o", "x.png"], "did you mean sobel"),
        (["filter", photo, "-k", "3x3: 1,2", "-o", "x.png"], "9 coefficients"),
        (["filter", photo, "-k", "2x1: nan,1", "-o", "x.png"], "nan"),
        (["filter", photo, "-k", "0x3:", "-o", "x.png"], "no coefficients"),
        (["filter", photo, "-k", "box", "-o", "x.tiff"], "format of \"x.tiff\""),
        (["filter", photo, "-k", "sobel", "-o", "x.png", "--range", "raw"], ".npy"),
        (["filter", photo, "-k", "box", "-o", "x.png", "--border", "mirror"], "--border mirror"),
        (["filter", photo, "-k", "box", "-o", "x.png", "--anchor", "1"], "--anchor 1"),
        (["filter", photo, "-k", "box", "-o", "x.png", "--anchor", "9,9"], "outside"),
        (["filter", photo, "-k", "box", "-o", "x.png", "--channels", "x"], "--channels x"),
        (["filter", photo, "-k", "box", "-o", "x.png", "--threads", "0"], "--threads 0"),
        (["filter", photo, photo, "-k", "box", "-o", "x.png"], "--out-dir"),
        (["filter", "nothing*.png", "-k", "box", "--out-dir", "x"], "nothing matches"),
        (["size", "--input", "3x4", "--kernel", "a"], "--kernel a"),
      ]
      for (arguments, text) in wrong {
        let output = try command.run(arguments)
        #expect(output.status == 64, "\(arguments): \(output.status)")
        #expect(output.messages.contains(text), "\(arguments): \(output.messages)")
      }
      for (name, value) in [("CONVOLVE_ISA", "mmx"), ("CONVOLVE_THREADS", "many")] {
        let output = try command.run(
          ["size", "--input", "3x4x4", "--kernel", "1"], environment: [name: value])
        #expect(output.status == 64 && output.messages.contains(value), "\(output.messages)")
      }
      #expect(try command.files() == [])
    }
  }

  @Test func badFilesAreOneLineAndLeaveNothing() throws {
    try withCommand { command in
      try Data().write(to: URL(fileURLWithPath: command.path("empty.png")))
      try Data("hello, world".utf8).write(to: URL(fileURLWithPath: command.path("text.png")))
      try FileManager.default.createDirectory(
        atPath: command.path("folder.png"), withIntermediateDirectories: true)
      let half = try Data(contentsOf: URL(fileURLWithPath: photo)).prefix(100_000)
      try half.write(to: URL(fileURLWithPath: command.path("half.png")))
      let bad: [([String], String)] = [
        (["empty.png", "-o", "x.png"], "empty.png: is empty"),
        (["text.png", "-o", "x.png"], "text.png: not an image of a known format"),
        (["half.png", "-o", "x.png"], "half.png: the PNG file ends early"),
        (["missing.jpg", "-o", "x.png"], "missing.jpg: cannot be opened: No such file"),
        ([photo, "-o", "no/such/folder/x.png"], "no/such/folder/x.png: cannot be written: No such file"),
        ([photo, "-o", "text.png/x.png"], "cannot be written: Not a directory"),
        ([photo, "-o", "folder.png", "--force"], "folder.png: cannot be written: Is a directory"),
        ([photo, "-o", "/dev/full", "--format", "png", "--force"], "the disk is full"),
        ([photo, "-o", "x.png", "--max-pixels", "1000"], "raise it with --max-pixels"),
        ([photo, "-o", "x.png", "--max-bytes", "1000"], "raise it with --max-bytes"),
      ]
      for (arguments, text) in bad {
        let output = try command.run(["filter", "-k", "box"] + arguments)
        #expect(output.status == 1, "\(arguments): \(output.status)")
        #expect(
          output.messages.hasPrefix("error: ") && output.messages.contains(text),
          "\(arguments): \(output.messages)")
        #expect(output.messages.split(separator: "\n").count == 1, "\(output.messages)")
      }
      let valid = try command.run([
        "filter", photo, "-k", "box:radius=300", "--border", "valid", "-o", "x.png",
      ])
      #expect(valid.status == 1 && valid.messages.contains("601x601"))
      #expect(try command.files() == ["empty.png", "folder.png", "half.png", "text.png"])
    }
  }
}
