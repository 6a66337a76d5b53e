// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
]

/// Modules that touch no memory by hand.
let safeSettings = settings + [.strictMemorySafety()]

let package = Package(
    name: "mlx-distributed",
    products: [
        .library(name: "MLX", targets: ["MLX"]),
        .library(name: "MLXRandom", targets: ["MLXRandom"]),
        .library(name: "MLXLinalg", targets: ["MLXLinalg"]),
        .library(name: "MLXFFT", targets: ["MLXFFT"]),
        .library(name: "MLXFast", targets: ["MLXFast"]),
        .library(name: "MLXNN", targets: ["MLXNN"]),
        .library(name: "MLXOptimizers", targets: ["MLXOptimizers"]),
        .library(name: "MLXHub", targets: ["MLXHub"]),
        .library(name: "MLXLMCommon", targets: ["MLXLMCommon"]),
        .library(name: "MLXLLM", targets: ["MLXLLM"]),
        .library(
            name: "MLXDistributed",
            targets: ["MLXDistributed", "MLXDistributedMPI", "MLXDistributedZMQ"]),
        .executable(name: "mlx-train", targets: ["mlx-train"]),
        .executable(name: "mlx-launch", targets: ["mlx-launch"]),
        .executable(name: "mlx-lm", targets: ["mlx-lm"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
    ],
    targets: [
        .target(name: "CKernels"),
        .target(name: "CSystem"),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "MLX",
            dependencies: [
                "CKernels", "CSystem", "COpenBLAS", "CZlib",
                .product(name: "ComplexModule", package: "swift-numerics"),
                .product(name: "RealModule", package: "swift-numerics"),
            ],
            swiftSettings: settings),
        .target(name: "MLXRandom", dependencies: ["MLX"], swiftSettings: safeSettings),
        .target(name: "MLXLinalg", dependencies: ["MLX"], swiftSettings: safeSettings),
        .target(name: "MLXFFT", dependencies: ["MLX"], swiftSettings: safeSettings),
        .target(name: "MLXFast", dependencies: ["MLX"], swiftSettings: safeSettings),
        .target(name: "MLXNN", dependencies: ["MLX"], swiftSettings: safeSettings),
        .target(
            name: "MLXOptimizers", dependencies: ["MLX", "MLXNN"], swiftSettings: safeSettings),
        .target(
            name: "MLXHub", dependencies: [.product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: settings),
        .target(
            name: "MLXLMCommon", dependencies: ["MLX", "MLXNN"], swiftSettings: settings),
        .target(
            name: "MLXLLM", dependencies: ["MLX", "MLXLMCommon", "MLXNN"],
            swiftSettings: settings),
        .executableTarget(
            name: "mlx-lm",
            dependencies: [
                "MLX", "MLXHub", "MLXLLM", "MLXLMCommon", "MLXNN",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .target(
            name: "MLXDistributed", dependencies: ["CKernels", "CSystem", "MLX", "MLXNN"],
            swiftSettings: settings),
        .target(
            name: "MLXDistributedMPI", dependencies: ["CMPI", "MLX", "MLXDistributed"],
            swiftSettings: settings),
        .target(
            name: "MLXDistributedZMQ",
            dependencies: [
                "CKernels", "CSystem", "CZeroMQ", "MLX", "MLXDistributed",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: settings),
        .target(
            name: "MLXTrain",
            dependencies: [
                "CSystem", "CZlib", "MLX", "MLXDistributed", "MLXLaunch", "MLXLLM", "MLXLMCommon",
                "MLXNN", "MLXOptimizers", .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "mlx-train",
            dependencies: [
                "MLX", "MLXDistributed", "MLXDistributedMPI", "MLXDistributedZMQ", "MLXLMCommon",
                "MLXLaunch", "MLXTrain",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .target(name: "MLXLaunch", dependencies: ["CSystem"], swiftSettings: settings),
        .executableTarget(
            name: "mlx-launch",
            dependencies: [
                "MLXLaunch", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "mlx-guard", dependencies: ["MLX", "MLXNN", "MLXOptimizers"],
            path: "Benchmarks/Guard", swiftSettings: settings),
        .target(
            name: "TestSupport", dependencies: ["MLX"], path: "Tests/TestSupport",
            swiftSettings: settings),
        .testTarget(
            name: "MLXTests",
            dependencies: [
                "CKernels", "MLX", "MLXFFT", "MLXLinalg", "MLXRandom", "TestSupport",
                .product(name: "ComplexModule", package: "swift-numerics"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "MLXNNTests", dependencies: ["MLX", "MLXNN", "MLXRandom", "TestSupport"],
            swiftSettings: safeSettings),
        .testTarget(
            name: "MLXOptimizersTests",
            dependencies: ["MLX", "MLXNN", "MLXOptimizers", "TestSupport"],
            swiftSettings: safeSettings),
        .testTarget(
            name: "PortTests",
            dependencies: [
                "MLX", "MLXFast", "MLXLinalg", "MLXNN", "MLXOptimizers", "MLXRandom",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "MLXDistributedTests",
            dependencies: [
                "CZeroMQ", "MLX", "MLXDistributed", "MLXDistributedMPI", "MLXDistributedZMQ",
                "MLXNN", "MLXOptimizers", "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "MLXLMTests",
            dependencies: [
                "MLX", "MLXLLM", "MLXLMCommon", "MLXNN", "MLXOptimizers", "TestSupport", "mlx-lm",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "MLXHubTests",
            dependencies: [
                "MLXHub", "mlx-lm", .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: settings),
        .testTarget(name: "MLXLaunchTests", dependencies: ["MLXLaunch"], swiftSettings: settings),
        .testTarget(
            name: "MLXTrainTests",
            dependencies: [
                "MLX", "MLXDistributed", "MLXLLM", "MLXLMCommon", "MLXLaunch", "MLXNN",
                "MLXOptimizers", "MLXTrain",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "LaunchTests",
            dependencies: ["MLXLaunch", "TestSupport", "mlx-launch", "mlx-train"],
            swiftSettings: settings),
    ]
)
