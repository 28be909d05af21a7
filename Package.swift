// swift-tools-version: 6.2
import PackageDescription

// Floors, top to bottom: sluice -> Gateway, Rehearsal -> Toolkit, RedisLink -> NetworkIO, Tokens -> WireProtocol,
// Rooms, ClusterState, Overload -> Core. Imports point down only; C is reached through the doors at the end.

let package = Package(
    name: "sluice",
    products: [
        .executable(name: "sluice", targets: ["sluice"]),
        .executable(name: "load_test", targets: ["load_test"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .executableTarget(
            name: "sluice",
            dependencies: [
                "Core", "WireProtocol", "Tokens", "Gateway", "ClusterState", "NetworkIO", "RedisLink", "Rehearsal",
                "Toolkit",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        // The commands `demo` and `drill`.
        .target(
            name: "Rehearsal",
            dependencies: ["WireProtocol", "Overload", "NetworkIO", "RedisLink", "Toolkit"]
        ),
        // What tools that look at nodes from outside share.
        .target(name: "Toolkit", dependencies: ["WireProtocol", "Overload", "NetworkIO"]),
        .target(
            name: "Gateway",
            dependencies: [
                "Core", "WireProtocol", "Tokens", "Rooms", "ClusterState", "Overload", "NetworkIO", "RedisLink",
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.embedInCode("Web/Resources")]
        ),
        .executableTarget(
            name: "load_test",
            dependencies: [
                "Core", "WireProtocol", "NetworkIO", "Toolkit",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            path: "LoadTest",
            exclude: ["many_connections.sh"]
        ),
        .target(
            name: "RedisLink", dependencies: ["Core", "WireProtocol", "NetworkIO", "ClusterState", "CHiredis"]
        ),
        .target(
            name: "NetworkIO", dependencies: ["Core", "WireProtocol", "CLibuv", "COpenSSL", "CZlib"]
        ),
        .target(name: "Rooms", dependencies: ["Core", "WireProtocol"]),
        // JSON Web Tokens: keys, and what a token says.
        .target(name: "Tokens", dependencies: ["Core", "WireProtocol", "COpenSSL"]),
        .target(name: "WireProtocol", dependencies: ["Core"]),
        .target(
            name: "ClusterState", dependencies: ["Core"],
            resources: [
                .embedInCode("Log/Scripts"), .embedInCode("Rooms/Scripts"), .embedInCode("Users/Scripts"),
                .embedInCode("Health/Scripts"),
                .embedInCode("Locks/Scripts"), .embedInCode("Membership/Scripts"), .embedInCode("Janitor/Scripts"),
                .embedInCode("Links/Scripts"),
            ]
        ),
        .target(name: "Overload", dependencies: ["Core"]),
        .target(name: "Core"),
        .systemLibrary(
            name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]
        ),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]
        ),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]
        ),
        // Without pkgConfig: hiredis.pc names a flag that packages may not pass on.
        .systemLibrary(
            name: "CHiredis", providers: [.apt(["libhiredis-dev"])]
        ),
        .executableTarget(
            name: "benchmarks",
            dependencies: [
                "Gateway", "RedisLink", "NetworkIO", "Rooms", "Tokens", "WireProtocol", "Core", "CAllocationCounter",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Benchmarks",
            exclude: ["baseline.json"]
        ),
        .executableTarget(
            name: "lock_driver",
            dependencies: [
                "RedisLink", "ClusterState", "NetworkIO", "Core",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/LockDriver"
        ),
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .target(name: "TestSupport", path: "Tests/TestSupport"),
        // The rules that any input must keep: for libFuzzer, and for the tests that replay Tests/Corpus.
        .target(
            name: "Fuzzing",
            dependencies: [
                "Gateway", "RedisLink", "NetworkIO", "Rooms", "ClusterState", "Tokens", "WireProtocol", "Core",
                "TestSupport",
            ],
            path: "Tests/Fuzzing"
        ),
        .testTarget(name: "FuzzingTests", dependencies: ["Fuzzing", "TestSupport"]),
        .testTarget(name: "CoreTests", dependencies: ["Core", "TestSupport"]),
        .testTarget(
            name: "WireProtocolTests",
            dependencies: ["WireProtocol", "Core", "TestSupport"]
        ),
        .testTarget(name: "TokensTests", dependencies: ["Tokens", "WireProtocol", "Core", "COpenSSL", "TestSupport"]),
        .testTarget(name: "RoomsTests", dependencies: ["Rooms", "WireProtocol", "Core", "TestSupport"]),
        .testTarget(name: "ClusterStateTests", dependencies: ["ClusterState", "Core", "TestSupport"]),
        .testTarget(
            name: "OverloadTests", dependencies: ["Overload", "TestSupport"],
            exclude: ["Traces"]
        ),
        .testTarget(
            name: "NetworkIOTests", dependencies: ["NetworkIO", "COpenSSL", "WireProtocol", "Core", "TestSupport"]
        ),
        .testTarget(
            name: "RedisLinkTests",
            dependencies: [
                "RedisLink", "ClusterState", "NetworkIO", "WireProtocol", "Core", "CHiredis", "TestSupport",
            ]
        ),
        .testTarget(name: "BenchmarksTests", dependencies: ["benchmarks", "CAllocationCounter"]),
        .testTarget(
            name: "ToolkitTests", dependencies: ["Toolkit", "NetworkIO", "WireProtocol", "TestSupport"]
        ),
        .testTarget(name: "RehearsalTests", dependencies: ["Rehearsal", "Overload", "Toolkit", "TestSupport"]),
        .testTarget(
            name: "LoadTestTests", dependencies: ["load_test", "Toolkit", "WireProtocol", "TestSupport"]
        ),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "NetworkIO", "Rooms", "ClusterState", "Overload", "Tokens", "WireProtocol", "Core",
                "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)

// It has libFuzzer's symbols, which only ./fuzz.sh links.
if Context.environment["SLUICE_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(name: "fuzz_driver", dependencies: ["Fuzzing"], path: "Tests/FuzzDriver"))
}
