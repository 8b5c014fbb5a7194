import ArgumentParser
import Convolve

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The files that a person means by paths, folders and globs.
enum InputFiles {
  struct List {
    var paths: [String]
    /// Whether many files were meant, however many there are.
    var isBatch: Bool
  }

  /// Folders stand for the images in them (not in their own folders), globs for what they match; both sorted.
  static func expand(_ inputs: [String]) throws -> List {
    var paths: [String] = []
    var isBatch = inputs.count > 1
    for input in inputs {
      if input != "-", isFolder(input) {
        isBatch = true
        let images = try imagesIn(input)
        guard !images.isEmpty else { throw ValidationError("\(input): there are no images in this folder") }
        paths += images
      } else if input != "-", input.contains(where: { "*?[".contains($0) }), access(input, F_OK) != 0 {
        isBatch = true
        let matches = matches(of: input)
        guard !matches.isEmpty else { throw ValidationError("\(input): nothing matches") }
        paths += matches
      } else {
        paths.append(input)
      }
    }
    guard paths.count(where: { $0 == "-" }) <= 1 else {
      throw ValidationError("- is given twice; standard input can be read once")
    }
    return List(paths: paths, isBatch: isBatch)
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func imagesIn(_ folder: String) throws -> [String] {
    guard let directory = opendir(folder) else {
      throw ValidationError("\(folder): cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.first != ".", (try? ImageFormat(path: name)) != nil { names.append(name) }
    }
    let base = folder.hasSuffix("/") ? folder : folder + "/"
    return names.sorted().map { base + $0 }.filter { !isFolder($0) }
  }

  private static func matches(of pattern: String) -> [String] {
    var result = glob_t()
    defer { globfree(&result) }
    guard glob(pattern, 0, nil, &result) == 0 else { return [] }
    return (0..<Int(result.gl_pathc)).compactMap { i in
      result.gl_pathv[i].map { String(cString: $0) }
    }.filter { !isFolder($0) }
  }
}
