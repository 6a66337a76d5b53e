import CBench
import MLX

extension GrowthSuite {
    /// Elementwise work and sums beside a plain copy of as many bytes as they read and write: of
    /// the same arrays again and again, which caches keep while they are small, and of so many in
    /// turn that each comes from memory.
    func perElement() -> [Series] {
        func series(_ work: PerElement) -> Series {
            Series(
                name: work.title, columns: ["elements", "us", "copy, us", "time ÷ copy"],
                band: 0.25
            ) { runner, row in
                for power in stride(from: 16, through: 28, by: 2) {
                    row("2^\(power)", try work.besideCopy(runner, 1 << power))
                }
            }
        }
        return [false, true].flatMap { fromMemory in
            [
                PerElement(name: "x * 2 + 1", arrays: 2, fromMemory: fromMemory) { $0 * 2 + 1 },
                PerElement(name: "sum(x)", arrays: 1, fromMemory: fromMemory) { $0.sum() },
            ].map(series)
        }
    }

    private struct PerElement {
        let name: String
        /// How many arrays of the argument's size are read and written.
        let arrays: Int
        /// Whether every call takes another argument, until far more than the caches hold was read.
        let fromMemory: Bool
        let function: (MLXArray) -> MLXArray

        private static let memory = 1 << 29

        var title: String {
            "`\(name)`, \(fromMemory ? "every array from memory" : "the same array again and again")"
        }

        /// Microseconds of a call and of the best copy, by one thread or all, through the caches or
        /// past them, and the ratio; in turns.
        func besideCopy(_ runner: Runner, _ count: Int) throws -> [Double] {
            // A copy reads one array and writes one.
            let copied = count * arrays / 2
            let ways = Set([1, runner.setting.threads]).flatMap { threads in
                [false, true].map { copies(copied, threads: threads, isStreaming: $0) }
            }
            let times = try runner.timesInTurns([calls(count)] + ways).map { $0.best * 1e6 }
            let copy = times.dropFirst().min() ?? .nan
            return [times[0], copy, times[0] / copy]
        }

        /// Calls of the function; results stay until their turn comes again.
        private func calls(_ count: Int) -> Case {
            let many = many(arrays * count)
            return .timed(name) { _ in
                let arguments = (0..<many).map { _ in MLXRandom.normal([count]) }
                eval(arguments)
                var results = [MLXArray?](repeating: nil, count: many)
                var turn = 0
                return {
                    results[turn] = nil
                    let result = function(arguments[turn])
                    eval(result)
                    results[turn] = result
                    turn = turn + 1 == many ? 0 : turn + 1
                }
            }
        }

        private func copies(_ count: Int, threads: Int, isStreaming: Bool) -> Case {
            let many = many(2 * count)
            return .timed("copy") { _ in
                let from = try Floats(many * count, 1, 0)
                let to = try Floats(many * count, 0, 20 << 10)
                let streaming: Int32 = isStreaming ? 1 : 0
                var turn = 0
                return {
                    let (from, to) = (from.start + turn * count, to.start + turn * count)
                    if threads == 1 {
                        cb_copy_alone(to, from, count, streaming)
                    } else {
                        cb_copy(to, from, count, Int32(threads), streaming)
                    }
                    turn = turn + 1 == many ? 0 : turn + 1
                }
            }
        }

        /// How often so many numbers are there.
        private func many(_ numbers: Int) -> Int {
            fromMemory ? max(1, Self.memory / (4 * numbers)) : 1
        }
    }

    /// Memory for numbers, at a distance from a huge page.
    private final class Floats {
        let start: UnsafeMutablePointer<Float>
        private let shift: Int

        init(_ count: Int, _ value: Float, _ shift: Int) throws {
            guard let start = cb_floats(count, value, shift) else { throw OutOfMemory() }
            self.start = start
            self.shift = shift
        }

        deinit { cb_free(start, shift) }
    }

    /// Square matrix products.
    func perProduct() -> [Series] {
        let sizes = [512, 768, 1024, 2048, 4096].map { n in
            Series.Sized("\(n)", ProductCases.product("", n, n, n), 1e12 / Double(2 * n * n * n))
        }
        return [Series("Matrix products", ["rows and columns", "ps/FLOP"], band: 0.2, sizes)]
    }

    /// Causal attention of 8 heads of 64.
    func perAttention() -> [Series] {
        let sizes = [256, 512, 1024, 2048, 4096].map { length in
            let shape = [1, 8, length, 64]
            return Series.Sized(
                "\(length)", AttentionCases.forward("", shape),
                1e12 / Double(AttentionCases.flops(shape)))
        }
        return [
            Series("Causal attention, 8 heads of 64", ["positions", "ps/FLOP"], band: 0.2, sizes)
        ]
    }

    /// A chain of additions to an array of four.
    func perNode() -> [Series] {
        let sizes = [1000, 10_000, 100_000, 1_000_000].map { count in
            Series.Sized(
                "\(count)", GraphCases.additions("", count: count), 1e6 / Double(count))
        }
        return [
            Series(
                "Chain of additions, built, evaluated and let go", ["nodes", "us/node"], band: 2,
                growing: true, sizes)
        ]
    }
}
