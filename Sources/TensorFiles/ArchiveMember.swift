import Files

/// One file out of a zip file, as a wheel is.
public struct ArchiveMember: Sendable {
  public let name: String
  public let content: [UInt8]

  /// - Parameters:
  ///   - path: of the zip file.
  ///   - suffix: how the name of the first member that is wanted ends.
  /// - Throws: `FileError` for a file that is missing or damaged, or has no such member.
  public init(path: String, suffix: String) throws(FileError) {
    self = try withMappedFile(path) { (bytes) throws(FileError) in
      let archive = try ZipArchive(bytes, path: path)
      guard let member = archive.members.first(where: { $0.name.hasSuffix(suffix) }) else {
        throw FileError(path, "has no file that ends in \(suffix)")
      }
      return ArchiveMember(
        name: member.name,
        content: try archive.withContent(member) { (bytes) throws(FileError) in Array(bytes) })
    }
  }

  private init(name: String, content: [UInt8]) { (self.name, self.content) = (name, content) }
}
