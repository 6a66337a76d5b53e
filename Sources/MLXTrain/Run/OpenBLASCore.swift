import Glibc
import MLX

/// The choice of OpenBLAS's kernels on processors that its version does not know.
package enum OpenBLASCore {
    private static let coreVariable = "OPENBLAS_CORETYPE"
    private static let guardVariable = "MLX_TRAIN_REEXEC"

    /// Starts this process once more, with the fitting kernels named in the environment, where
    /// OpenBLAS took ones for a processor without the vectors that this one has.
    ///
    /// The library reads the variable when it is loaded, so that it cannot be set any later. A
    /// value that the user has set stays.
    package static func restartWithBetterCore() {
        guard getenv(coreVariable) == nil, getenv(guardVariable) == nil,
            let features = try? Files.read("/proc/cpuinfo"),
            let core = betterCore(
                than: BLAS.coreName, features: String(decoding: features, as: UTF8.self))
        else { return }
        setenv(coreVariable, core, 1)
        setenv(guardVariable, "1", 1)
        // By its path: a process started by the link would be named "exe" by ps and pgrep.
        if let path = realpath("/proc/self/exe", nil) { execv(path, CommandLine.unsafeArgv) }
        // The kernels it has are slower, not wrong.
        Console.complain("mlx-train: warning: OpenBLAS runs with \(BLAS.coreName) kernels")
    }

    /// The kernels to ask for instead of those of `core`, or nil where these make use of the
    /// processor; `features` is the text of /proc/cpuinfo.
    package static func betterCore(than core: String, features: String) -> String? {
        let known = ["haswell", "zen", "excavator", "skylakex", "cooperlake", "sapphirerapids"]
        guard !known.contains(core.lowercased()),
            let line = features.split(separator: "\n").first(where: { $0.hasPrefix("flags") })
        else { return nil }
        let flags = Set(line.split(separator: " "))
        if flags.isSuperset(of: ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]) {
            return "SkylakeX"
        }
        return flags.isSuperset(of: ["avx2", "fma"]) ? "Haswell" : nil
    }
}
