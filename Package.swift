// swift-tools-version: 6.3
import PackageDescription

// Every ISA target is the same source, compiled for its own instruction set; one is chosen at start-up.
// The flags hold for debug builds too, so that kernels stay fast under `swift test`: whole modules, so that
// vectors are passed in registers from file to file (on two threads, because only then do debug builds get
// an object for each file), and no cross-module optimisation, which could carry instructions elsewhere.
let kernelFlags = ["-Ounchecked", "-wmo", "-num-threads", "2", "-Xfrontend", "-disable-cmo"]

#if arch(x86_64)
  let instructionSetTargets: [Target] = [
    .target(
      name: "MicrokernelsAVX512", dependencies: ["CIntrinsics"],
      swiftSettings: [
        .define("AVX512"),
        .unsafeFlags(kernelFlags + ["-Xcc", "-march=x86-64-v4", "-Xcc", "-mprefer-vector-width=512"]),
      ]),
    .target(
      name: "MicrokernelsAVX2", dependencies: ["CIntrinsics"],
      swiftSettings: [.define("AVX2"), .unsafeFlags(kernelFlags + ["-Xcc", "-march=x86-64-v3"])]),
  ]
#else
  let instructionSetTargets: [Target] = []
#endif

let package = Package(
  name: "convolve",
  platforms: [.macOS(.v26)],
  products: [
    .library(name: "Convolve", targets: ["Convolve"]),
    .executable(name: "convolve", targets: ["ConvolveCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.0.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.30.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.0.0"),
  ],
  targets: [
    .target(name: "CIntrinsics"),
    .target(
      name: "MicrokernelsBaseline", dependencies: ["CIntrinsics"],
      swiftSettings: [.unsafeFlags(kernelFlags)]),
    .target(
      name: "Microkernels",
      dependencies: ["CIntrinsics", "MicrokernelsBaseline"]
        + instructionSetTargets.map { .byName(name: $0.name) }),
    .target(
      name: "Tensors", dependencies: ["CIntrinsics", .product(name: "RealModule", package: "swift-numerics")]),
    .target(
      name: "Fourier",
      dependencies: [
        "CIntrinsics", "Microkernels", "Tensors", .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .target(
      name: "Convolution",
      dependencies: [
        "CIntrinsics", "Fourier", "Microkernels", "Tensors",
        .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CTurboJPEG", pkgConfig: "libturbojpeg",
      providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(
      name: "CWebP", pkgConfig: "libwebpmux", providers: [.apt(["libwebp-dev"]), .brew(["webp"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "Files"),
    .target(name: "CImageCodecs", dependencies: ["CPNG"]),
    .target(
      name: "Imaging",
      dependencies: [
        "CImageCodecs", "CTurboJPEG", "CWebP", "Convolution", "Files", "Fourier", "Tensors",
        .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .target(name: "Series", dependencies: [.product(name: "RealModule", package: "swift-numerics")]),
    .target(
      name: "Networks",
      dependencies: ["Convolution", "Tensors", .product(name: "RealModule", package: "swift-numerics")]),
    .target(
      name: "Interchange",
      dependencies: [
        "Convolution", "Networks", "Tensors", .product(name: "RealModule", package: "swift-numerics"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ]),
    .target(name: "Models", dependencies: ["Convolution", "Networks", "Tensors"]),
    .target(name: "TensorFiles", dependencies: ["CZlib", "Files", "Imaging", "Tensors"]),
    .target(name: "Datasets", dependencies: ["CZlib", "Convolution", "Files", "Imaging", "Tensors"]),
    .target(
      name: "Training",
      dependencies: [
        "Convolution", "Datasets", "Files", "Imaging", "Models", "Networks", "TensorFiles", "Tensors",
      ]),
    .target(
      name: "Search", dependencies: ["Files", "Tensors", .product(name: "GRDB", package: "GRDB.swift")]),
    .target(
      name: "Convolve",
      dependencies: [
        "Convolution", "Datasets", "Fourier", "Imaging", "Interchange", "Microkernels", "Models", "Networks",
        "Search", "Series",
        "TensorFiles", "Tensors", "Training",
      ]),
    .executableTarget(
      name: "ConvolveCommand",
      dependencies: ["Convolve", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .target(name: "TestSupport", dependencies: ["Tensors"], path: "Tests/TestSupport"),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
    .testTarget(name: "MicrokernelsTests", dependencies: ["CIntrinsics", "Microkernels", "Tensors"]),
    .testTarget(
      name: "FourierTests", dependencies: ["Fourier", "TestSupport", "Tensors"], exclude: ["Vectors"]),
    .testTarget(
      name: "ConvolutionTests",
      dependencies: [
        "Convolution", "Microkernels", "TestSupport", "Tensors",
        .product(name: "RealModule", package: "swift-numerics"),
      ],
      exclude: ["Vectors"]),
    .testTarget(
      name: "GoldenTests",
      dependencies: [
        "Convolution", "Networks", "TestSupport", "Tensors",
        .product(name: "RealModule", package: "swift-numerics"),
      ], exclude: ["Vectors", "generate.py"]),
    .testTarget(
      name: "ImagingTests", dependencies: ["Convolution", "Imaging", "TestSupport", "Tensors"],
      exclude: ["Corpus", "Vectors"]),
    .testTarget(
      name: "InterchangeTests",
      dependencies: ["Convolution", "Interchange", "Models", "Networks", "TestSupport", "Tensors"],
      exclude: ["Vectors"]),
    .testTarget(
      name: "NetworksTests", dependencies: ["Convolution", "Models", "Networks", "TestSupport", "Tensors"],
      exclude: ["Vectors"]),
    .testTarget(name: "SeriesTests", dependencies: ["Series"], exclude: ["Vectors"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: ["Datasets", "Files", "Models", "Networks", "TensorFiles", "Tensors", "Training"]),
    .testTarget(
      name: "TensorFilesTests", dependencies: ["Files", "TensorFiles", "Tensors"], exclude: ["Vectors"]),
    .testTarget(
      name: "CommandTests", dependencies: ["Convolve", "ConvolveCommand", "Imaging", "TestSupport"]),
  ] + instructionSetTargets,
  swiftLanguageModes: [.v6]
)
