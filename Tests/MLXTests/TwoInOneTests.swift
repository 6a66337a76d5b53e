import MLX
import TestSupport
import Testing

/// Two operations one after the other have kernels of their own; the same operations, each
/// evaluated by itself, tell what they must give.
@Suite("Two operations in one pass")
struct TwoInOneTests {
    private struct Operation: Sendable {
        let name: String
        let body: @Sendable (MLXArray, MLXArray) -> MLXArray
    }

    private static let operations: [Operation] = [
        Operation(name: "add") { $0 + $1 }, Operation(name: "subtract") { $0 - $1 },
        Operation(name: "multiply") { $0 * $1 }, Operation(name: "divide") { $0 / $1 },
        Operation(name: "maximum") { maximum($0, $1) },
        Operation(name: "minimum") { minimum($0, $1) },
    ]

    /// Random numbers among which there are NaN, -0 and infinities.
    private func special(_ count: Int, seed: UInt64) -> MLXArray {
        let x = random([count], .float32, seed: seed)
        let odd = which(x .< -0.9, MLXArray(Float(-0.0)), MLXArray(Float.infinity))
        return which(x .> 0.95, MLXArray(Float.nan), which(abs(x) .> 0.85, odd, x))
    }

    /// The bits, all NaN alike: a sum of two of them may be either, as IEEE 754 leaves it open.
    private func bits(_ x: MLXArray) -> [UInt8] {
        TestSupport.bits(which(isNaN(x), MLXArray(Float.nan), x))
    }

    /// Lengths below and above what numbers have kernels for, a tile and what one thread takes.
    @Test(
        "give the bits of one after the other, with any operands on either side",
        arguments: [1, 17, 129, 1000, 5003, 70_001])
    func bitsOfTwo(_ count: Int) {
        let arrays = (1...3).map { special(count, seed: $0) }
        let number = MLXArray(Float(-0.75))
        eval(arrays + [number])
        let zero = MLXArray(Float(-0.0))
        for first in Self.operations {
            for (x, y) in [(arrays[0], arrays[1]), (number, arrays[1]), (arrays[0], number)] {
                let made = first.body(x, y)
                made.eval()
                for second in Self.operations {
                    for z in [arrays[2], number, zero, arrays[0]] {
                        let name = Comment(rawValue: "\(first.name), \(second.name)")
                        let wanted = (bits(second.body(made, z)), bits(second.body(z, made)))
                        for threads in [1, 3] {
                            withWorkers(threads) {
                                #expect(bits(second.body(first.body(x, y), z)) == wanted.0, name)
                                #expect(bits(second.body(z, first.body(x, y))) == wanted.1, name)
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("where the first result is read twice, kept or read later")
    func readers() {
        let (x, y, z) = (special(3000, seed: 4), special(3000, seed: 5), special(3000, seed: 6))
        let product = x * y
        eval(x, y, z, product)
        #expect(bits((x * y) * (x * y)) == bits(product * product))
        let (again, sum) = (x * y, product + z)
        let read = again * again
        eval(read, sum)
        #expect(bits(read) == bits(product * product))
        let kept = x * y
        let last = kept + z
        eval(kept, last)
        #expect(bits(kept) == bits(product))
        #expect(bits(last) == bits(sum))
        let later = x * y
        let exponential = exp(later + z)
        eval(sum)
        #expect(bits(exponential - later) == bits(exp(sum) - product))
    }

    @Test("into the memory of an operand that nobody needs any more")
    func inPlace() {
        let (x, y) = (special(40_000, seed: 7), special(40_000, seed: 8))
        let wanted = x * 0.5 - y
        let more = (x * 0.5 - y) * 3 + x
        eval(x, y, wanted, more)
        func copies() -> (MLXArray, MLXArray) {
            let (a, b) = (contiguous(x + 0), contiguous(y + 0))
            eval(a, b)
            return (a, b)
        }
        func first() -> MLXArray {
            let (a, b) = copies()
            return a * 0.5 - b
        }
        func second() -> MLXArray {
            let (a, b) = copies()
            return (a * 0.5 - b) * 3 + a
        }
        #expect(bits(first()) == bits(wanted))
        #expect(bits(second()) == bits(more))
    }

    @Test("read as they are made, and in results that go past the caches")
    func readersAndLargeResults() {
        let shape = [9, 1 << 20]
        let (x, y) = (random(shape, seed: 9), random(shape, seed: 10))
        eval(x, y)
        let large = x * y + 0.5
        let product = x * y
        eval(large, product)
        #expect(bitDifference(large, product + 0.5) == nil)
        let sums = (x * y + 0.5).sum(axis: -1)
        #expect(bits(sums) == bits(large.sum(axis: -1)))
    }
}
