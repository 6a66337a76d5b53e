import CBench
import MLX
import MLXNN
import MLXOptimizers

/// Optimizer steps on one large parameter; values are the bytes that a step must touch, by second.
enum OptimizerSuite {
    private static let count = 100_000_000

    /// The cases; those of one kind share what they only read.
    static func cases() -> [Case] {
        let triads = TriadArrays()
        let gradients = Gradients()
        func step(
            _ name: String, arrays: Int, dtype: DType = .float32,
            _ optimizer: @escaping () -> any Optimizer
        ) -> Case {
            self.step(name, arrays: arrays, dtype, gradients, optimizer)
        }
        return [
            triad("triad", triads, streaming: false),
            triad("triad_nt", triads, streaming: true),
            step("adamw_100m", arrays: 7) { AdamW(learningRate: 1e-3) },
            step("adamw_corrected_100m", arrays: 7) {
                AdamW(learningRate: 1e-3, biasCorrection: true)
            },
            step("adam_100m", arrays: 7) { Adam(learningRate: 1e-3) },
            step("sgd_100m", arrays: 3) { SGD(learningRate: 1e-3) },
            step("sgd_momentum_100m", arrays: 5) { SGD(learningRate: 1e-3, momentum: 0.9) },
            step("lion_100m", arrays: 5) { Lion(learningRate: 1e-4) },
            step("adamw_bf16_100m", arrays: 7, dtype: .bfloat16) { AdamW(learningRate: 1e-3) },
        ]
    }

    /// Three arrays at different distances from a huge page, as the package's own are.
    private final class TriadArrays {
        private var arrays: [UnsafeMutablePointer<Float>] = []

        func get() throws -> [UnsafeMutablePointer<Float>] {
            while arrays.count < 3 {
                let index = arrays.count
                guard let array = cb_floats(count, Float(index), index * 20 << 10) else {
                    throw OutOfMemory()
                }
                arrays.append(array)
            }
            return arrays
        }
    }

    /// What streaming through memory gives: two arrays read and one written.
    private static func triad(_ name: String, _ arrays: TriadArrays, streaming: Bool) -> Case {
        let bytes = 12 * Double(count)
        let make = { (setting: Setting) throws -> () throws -> Void in
            let arrays = try arrays.get()
            return {
                cb_triad(
                    arrays[0], arrays[1], arrays[2], count, Int32(setting.threads),
                    streaming ? 1 : 0)
            }
        }
        return Case(name: name, metric: "GB/s", value: { bytes / $0 / 1e9 }, make: make)
    }

    /// One gradient of each element type.
    private final class Gradients {
        private var arrays: [DType: MLXArray] = [:]

        func get(_ dtype: DType) -> MLXArray {
            if let array = arrays[dtype] { return array }
            let array = MLXRandom.uniform(0..<1, [count]).asType(dtype)
            array.eval()
            arrays[dtype] = array
            return array
        }
    }

    private final class OneParameter: Module {
        let weight: MLXArray

        init(_ weight: MLXArray) { self.weight = weight }
    }

    /// A step of an optimizer that reads and writes a number of arrays of the parameter's size.
    private static func step(
        _ name: String, arrays: Int, _ dtype: DType, _ gradients: Gradients,
        _ optimizer: @escaping () -> any Optimizer
    ) -> Case {
        let bytes = Double(arrays * dtype.size * count)
        let extra = ExtraMemory()
        let make = { (_: Setting) throws -> () throws -> Void in
            let model = OneParameter(MLXRandom.uniform(0..<1, [count]).asType(dtype))
            eval(model)
            let gradient = ModuleParameters.unflattened([("weight", gradients.get(dtype))])
            let optimizer = optimizer()
            // The state is made in the first steps; what it took beside is not kept.
            for _ in 0..<2 {
                optimizer.update(model: model, gradients: gradient)
                eval(model, optimizer)
            }
            Memory.clearCache()
            return {
                extra.watch {
                    optimizer.update(model: model, gradients: gradient)
                    eval(model, optimizer)
                }
            }
        }
        return Case(
            name: name, metric: "GB/s", value: { bytes / $0 / 1e9 },
            notes: { [("extra_bytes", Double(extra.bytes))] }, make: make)
    }

    /// The most memory that a step took beside the parameters and the optimizer's state.
    private final class ExtraMemory {
        private(set) var bytes = 0

        func watch(_ step: () -> Void) {
            let before = Memory.activeMemory
            Memory.peakMemory = 0
            step()
            bytes = max(bytes, Memory.peakMemory - before)
        }
    }
}
