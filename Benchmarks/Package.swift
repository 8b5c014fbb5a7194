// swift-tools-version: 6.3
import PackageDescription

let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v26)],
  dependencies: [.package(name: "convolve", path: "..")],
  targets: [
    .executableTarget(name: "filters", dependencies: [.product(name: "Convolve", package: "convolve")]),
    .executableTarget(name: "losses", dependencies: [.product(name: "Convolve", package: "convolve")]),
    .executableTarget(name: "transforms", dependencies: [.product(name: "Convolve", package: "convolve")]),
    .executableTarget(name: "training", dependencies: [.product(name: "Convolve", package: "convolve")]),
  ],
  swiftLanguageModes: [.v6]
)
