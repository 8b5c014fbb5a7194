#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A variable of the environment.
func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// Where data (standard output) and messages (standard error) go.
enum Terminal {
  static let isErrorTerminal = isatty(2) == 1
  static let isOutputTerminal = isatty(1) == 1
  private static let wantsColor =
    (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb"
  static let colorsOutput = isOutputTerminal && wantsColor
  private static let colorsErrors = isErrorTerminal && wantsColor

  static func print(_ text: String) { write(text + "\n", 1) }

  static func message(_ text: String) { write(text + "\n", 2) }

  static func note(_ text: String) { message(styled("note: ", "2") + text) }

  static func error(_ text: String) { message(styled("error: ", "31") + text) }

  /// Text without a line's end, on standard error.
  static func raw(_ text: String) { write(text, 2) }

  /// The width of the terminal that messages go to.
  static var columns: Int {
    var size = winsize()
    guard ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  private static func styled(_ text: String, _ code: String) -> String {
    colorsErrors ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }

  private static func write(_ text: String, _ descriptor: Int32) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes {
        #if canImport(Darwin)
          Darwin.write(descriptor, $0.baseAddress!, $0.count)
        #elseif canImport(Musl)
          Musl.write(descriptor, $0.baseAddress!, $0.count)
        #else
          Glibc.write(descriptor, $0.baseAddress!, $0.count)
        #endif
      }
      // A closed pipe has nobody left to tell.
      if count <= 0 { return }
      done += count
    }
  }
}
