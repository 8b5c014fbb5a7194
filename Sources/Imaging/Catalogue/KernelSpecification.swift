import Convolution
import Tensors

/// A kernel as a person asks for it: `sobel`, `gaussian:sigma=2`, `Gaussian:0x2`, `3x3: 0,1,0 ...`, `@file`.
public struct KernelSpecification: Sendable {
  /// What was asked for.
  public let text: String
  /// As correlation uses them.
  public let bank: KernelBank
  /// What the specification itself adds to every result.
  public let bias: Double
  /// What was done to the coefficients that the person may not expect.
  public let note: String?

  /// How coefficients are scaled.
  public enum Normalization: String, Sendable, CaseIterable {
    /// Kernels that are written as numbers, none of them negative, are divided by their sum; all others are
    /// taken as they are.
    case auto
    /// Every kernel is divided by its sum.
    case sum
    /// The mean is taken off, so that flat areas give zero.
    case zeroSum = "zero-sum"
    case none
  }

  /// How a specification is understood.
  public struct Options: Sendable {
    /// Kernels that are written as numbers are laid over the image as they stand; otherwise they are
    /// flipped, as convolution does. Named kernels are defined by their effect either way.
    public var isCorrelation: Bool
    public var normalization: Normalization
    /// The place of the output pixel in the kernel as it is written.
    public var anchor: Kernel.Anchor?

    public init(
      isCorrelation: Bool = false, normalization: Normalization = .auto, anchor: Kernel.Anchor? = nil
    ) {
      self.isCorrelation = isCorrelation
      self.normalization = normalization
      self.anchor = anchor
    }
  }

  /// - Parameters:
  ///   - text: the specification.
  ///   - options: how it is understood.
  ///   - read: the bytes of a file, or of standard input for `-`.
  public init(
    _ text: String, options: Options = Options(),
    read: (String) throws(FileError) -> [UInt8] = { (path) throws(FileError) in
      try readFile(path, limit: 64 << 20)
    }
  ) throws(KernelSpecificationError) {
    let trimmed = String(text.drop(while: \.isWhitespace))
    guard let first = trimmed.first else { throw .empty }
    self.text = text
    if first == "@" || trimmed == "-" {
      let path = first == "@" ? String(trimmed.dropFirst()) : "-"
      let bytes: [UInt8]
      do throws(FileError) { bytes = try read(path) } catch { throw .file("\(error)") }
      let written = try Self.written(in: bytes)
      (bank, bias, note) = try Self.finished(written, options)
    } else if first.isLetter, !["nan", "inf"].contains(trimmed.prefix(3).lowercased()) {
      var bank = try Self.named(trimmed)
      if let anchor = options.anchor { bank = try Self.anchored(bank, anchor) }
      (self.bank, bias, note) = (try Self.normalized(bank, options.normalization), 0, nil)
    } else {
      (bank, bias, note) = try Self.finished(try KernelText(trimmed), options)
    }
  }

  private static func written(in bytes: [UInt8]) throws(KernelSpecificationError) -> KernelText {
    if bytes.starts(with: [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) {
      throw .malformed("a .npy file; save the kernel as text, one row a line (numpy.savetxt)")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .malformed("the kernel file is not text; write one row of numbers a line")
    }
    return try KernelText(text)
  }

  private static func finished(
    _ written: KernelText, _ options: Options
  ) throws(KernelSpecificationError) -> (KernelBank, Double, String?) {
    var bank = KernelBank(written.kernel)
    var note: String?
    if options.normalization == .auto {
      let kernel = written.kernel
      if !written.isScaleGiven, !kernel.hasNegativeCoefficients, kernel.sum > 0,
        abs(kernel.sum - 1) > 1e-6
      {
        bank = KernelBank(kernel.withUnitSum)
        note = "divided by its sum, \(plain(kernel.sum)); --normalize none takes it as written"
      }
    } else {
      bank = try normalized(bank, options.normalization)
    }
    if let anchor = options.anchor { bank = try anchored(bank, anchor) }
    if !options.isCorrelation { bank = bank.map { $0.flipped() } }
    return (bank, written.offset, note)
  }

  private static func anchored(
    _ bank: KernelBank, _ anchor: Kernel.Anchor
  ) throws(KernelSpecificationError) -> KernelBank {
    do throws(KernelError) {
      return try bank.map { (kernel) throws(KernelError) in try kernel.anchored(at: anchor) }
    } catch {
      throw .kernel(error)
    }
  }

  private static func normalized(
    _ bank: KernelBank, _ normalization: Normalization
  ) throws(KernelSpecificationError) -> KernelBank {
    switch normalization {
    case .auto, .none: return bank
    case .sum:
      guard bank.kernels.allSatisfy({ !$0.isZeroSum }) else { throw .zeroSum }
      return bank.map { $0.withUnitSum }
    case .zeroSum:
      return try bank.map { (kernel) throws(KernelSpecificationError) in
        let mean = kernel.sum / Double(kernel.coefficients.count)
        return try Imaging.kernel(
          kernel.rows, kernel.columns, kernel.coefficients.map { $0 - mean }, anchor: kernel.anchor)
      }
    }
  }

  /// `gaussian:sigma=2,radius=5`, or ImageMagick's `Gaussian:0x2`.
  private static func named(_ text: String) throws(KernelSpecificationError) -> KernelBank {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0].reversed().drop(while: \.isWhitespace).reversed())
    let arguments = parts.count > 1 ? String(parts[1]) : ""
    // A capital, or numbers without names, is ImageMagick's way of writing.
    let isPositional = !arguments.isEmpty && !arguments.contains("=")
    if name.first!.isUppercase || isPositional, !arguments.contains("="),
      let bank = try ImageMagickKernels.make(name, arguments)
    {
      return bank
    }
    guard let entry = KernelCatalogue.entry(name) else {
      throw .unknownName(String(name.prefix(60)), similar: KernelCatalogue.names(like: name))
    }
    var values: [String: Double] = [:]
    for part in arguments.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        .map { $0.filter { !$0.isWhitespace } }
      guard pair.count == 2 else {
        throw .malformed(
          "\"\(part)\": write parameters of \(entry.name) as name=value"
            + (entry.parameters.first.map { ", as in \(entry.name):\($0.name)=\(plain($0.standard ?? 1))" }
              ?? ""))
      }
      guard let value = Double(pair[1]), value.isFinite else { throw .notANumber(pair[1], near: text) }
      values[pair[0].lowercased()] = value
    }
    return try entry.make(values)
  }
}
