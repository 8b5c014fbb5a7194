#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Makes a folder and those around it. What cannot be made shows when the first file is written there.
func makeFolder(_ path: String) {
  var prefix = path.hasPrefix("/") ? "/" : ""
  for part in path.split(separator: "/") {
    prefix += part + "/"
    mkdir(prefix, 0o777)
  }
}

/// Whether something is there that can be read.
func isReadable(_ path: String) -> Bool { access(path, R_OK) == 0 }

/// Where what can be made or fetched again is kept: under `XDG_CACHE_HOME`, or `~/.cache`; nil without a home.
var cacheFolder: String? {
  let base = environment("XDG_CACHE_HOME").flatMap { $0.isEmpty ? nil : $0 }
  return (base ?? environment("HOME").map { $0 + "/.cache" }).map { $0 + "/convolve" }
}
