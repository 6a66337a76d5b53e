// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "mlx-benchmarks",
    dependencies: [
        .package(name: "mlx-distributed", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .target(name: "CBench"),
        .executableTarget(
            name: "mlx-bench",
            dependencies: [
                "CBench",
                .product(name: "MLX", package: "mlx-distributed"),
                .product(name: "MLXLLM", package: "mlx-distributed"),
                .product(name: "MLXLMCommon", package: "mlx-distributed"),
                .product(name: "MLXNN", package: "mlx-distributed"),
                .product(name: "MLXOptimizers", package: "mlx-distributed"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .enableUpcomingFeature("ExistentialAny"),
            ]),
    ]
)
