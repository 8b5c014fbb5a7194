import ArgumentParser
import Convolve

/// What the filter does, as options.
struct FilterOptions: ParsableArguments {
  @Flag(help: "Cross-correlation: kernels given as numbers are not flipped.")
  var correlate = false
  @Option(
    help:
      "How coefficients given as numbers are scaled: auto (divided by their sum if none is negative), sum, zero-sum, none."
  )
  var normalize: KernelSpecification.Normalization = .auto
  @Option(
    parsing: .unconditional,
    help: "Added to every result, in the input's units (0 to 255 for 8 bits).")
  var bias = 0.0
  @Option(
    help: "What results become: auto, clamp, abs, minmax, signed (blue-white-red) or raw (float32 .npy).")
  var range: FilterRequest.Range = .auto
  @Option(
    help:
      "Beyond the edges: reflect, symmetric, replicate, circular, zeros, constant:V, or valid (no output there)."
  )
  var border = "reflect"
  @Option(
    help: ArgumentHelp("The kernel's place of the output pixel (default: the middle).", valueName: "x,y"))
  var anchor: String?
  @Option(help: "all, luma (the result is grey), or some of r,g,b.")
  var channels = "all"
  @Flag(help: "Filter in linear light instead of sRGB values.")
  var linear = false
  @Option(help: "Force a method where the kernel allows it: direct, separable, box or fourier.")
  var method: LinearPlan.Method?

  func validateOptions() throws {
    _ = try borderMode()
    _ = try anchorPosition()
    _ = try channelSelection()
    guard bias.isFinite else { throw ValidationError("--bias \(bias): give a finite number") }
  }

  func request(kernels: [String]) throws -> FilterRequest {
    let options = KernelSpecification.Options(
      isCorrelation: correlate, normalization: normalize, anchor: try anchorPosition())
    var banks: [KernelBank] = []
    var bias = bias
    for text in kernels {
      do {
        let specification = try KernelSpecification(text, options: options)
        if let note = specification.note { Terminal.note("kernel \(text.prefix(40)): \(note)") }
        banks.append(specification.bank)
        bias += specification.bias
      } catch {
        throw ValidationError("--kernel \(text.prefix(60)): \(error)")
      }
    }
    let (mode, isValid) = try borderMode()
    return FilterRequest(
      banks: banks, border: mode, isValid: isValid, channels: try channelSelection(), range: range,
      bias: bias, isLinearLight: linear, method: method)
  }

  private func borderMode() throws -> (PaddingMode, isValid: Bool) {
    switch border {
    case "zeros": return (.zeros, false)
    case "reflect": return (.reflect, false)
    case "symmetric": return (.symmetric, false)
    case "replicate": return (.replicate, false)
    case "circular": return (.circular, false)
    case "valid": return (.zeros, true)
    default:
      let parts = border.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      if parts[0] == "constant", parts.count == 2, let value = Double(parts[1]), Float(value).isFinite {
        return (.constant(value), false)
      }
      throw ValidationError(
        "--border \(border): give reflect, symmetric, replicate, circular, zeros, constant:V "
          + "(as constant:128) or valid")
    }
  }

  private func anchorPosition() throws -> Kernel.Anchor? {
    guard let anchor else { return nil }
    let parts = anchor.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let x = parts[0], let y = parts[1] else {
      throw ValidationError("--anchor \(anchor): give x,y, as 0,0 for the upper left coefficient")
    }
    return Kernel.Anchor(row: y, column: x)
  }

  private func channelSelection() throws -> FilterRequest.Channels {
    switch channels {
    case "all": return .all
    case "luma": return .luma
    default:
      let numbers = channels.split(separator: ",", omittingEmptySubsequences: false).map {
        ["r": 0, "g": 1, "b": 2][$0]
      }
      guard !numbers.contains(nil) else {
        throw ValidationError("--channels \(channels): give all, luma, or some of r,g,b (as r,b)")
      }
      return .some(Set(numbers.map { $0! }))
    }
  }
}

extension FilterRequest.Range: ExpressibleByArgument {}
extension LinearPlan.Method: ExpressibleByArgument {}
