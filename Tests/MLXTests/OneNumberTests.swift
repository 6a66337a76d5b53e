import MLX
import TestSupport
import Testing

/// Operands that are one number, for all elements or for each row, have kernels of their own; the
/// same operations on whole arrays tell what they must give.
@Suite("Operands that are one number")
struct OneNumberTests {
    typealias Operation = @Sendable (MLXArray, MLXArray) -> MLXArray

    private static let operations: [(name: String, body: Operation)] = [
        ("add", { $0 + $1 }), ("subtract", { $0 - $1 }), ("multiply", { $0 * $1 }),
        ("divide", { $0 / $1 }), ("maximum", { maximum($0, $1) }), ("minimum", { minimum($0, $1) }),
    ]

    /// A shape, and that of what is stretched to it: rows from less than are worth a call to more
    /// than a tile.
    private static let forms: [(whole: [Int], one: [Int])] = [
        ([40, 127], [40, 1]), ([33, 128], [33, 1]), ([30, 300], [30, 1]), ([3, 5000], [3, 1]),
        ([6, 7, 11, 13], [6, 7, 1, 1]), ([5, 4, 200], [5, 1, 1]), ([5, 4, 200], [1, 4, 1]),
        ([30, 300], [1]), ([70_001], []), ([4, 3, 4000], [4, 3, 1]), ([1], []),
    ]

    private func special(_ shape: [Int], seed: UInt64) -> MLXArray {
        let x = random(shape, .float32, seed: seed)
        return which(x .> 0.95, MLXArray(Float.nan), which(x .< -0.95, MLXArray(Float(-0.0)), x))
    }

    @Test("give the bits of whole arrays, on either side", arguments: forms.indices)
    func operands(_ index: Int) {
        let form = Self.forms[index]
        let (x, one) = (special(form.whole, seed: 1), special(form.one, seed: 2))
        eval(x, one)
        let whole = contiguous(broadcast(one, to: form.whole))
        eval(whole)
        for (name, body) in Self.operations {
            for threads in [1, 3] {
                withWorkers(threads) {
                    #expect(bits(body(x, one)) == bits(body(x, whole)), "\(name)")
                    #expect(bits(body(one, x)) == bits(body(whole, x)), "\(name), first")
                }
            }
        }
    }

    @Test("within programs, beside kernels that want them whole", arguments: forms.indices)
    func programs(_ index: Int) {
        let form = Self.forms[index]
        let (x, y) = (random(form.whole, seed: 3), random(form.whole, seed: 4))
        let (a, b) = (random(form.one, seed: 5), random(form.one, seed: 6))
        let (wholeA, wholeB) = (
            contiguous(broadcast(a, to: form.whole)), contiguous(broadcast(b, to: form.whole))
        )
        eval(x, y, a, b, wholeA, wholeB)
        let programs: [(MLXArray, MLXArray) -> MLXArray] = [
            { a, b in (x - a) * b }, { a, b in a * b + x }, { a, b in a - x * (b - y) },
            { a, b in tanh(a) * x + a }, { a, b in (x - a) / (a * b) },
            { a, b in which(x .> a, x - b, y * b) }, { a, _ in a + a * x },
            { a, b in ((x - a) * b).sum(axis: -1) }, { a, b in (x * b - a).asType(.bfloat16) },
            { a, b in (x * 0.5 + y * 2 - a).exp() * b },
        ]
        for (place, program) in programs.enumerated() {
            let wanted = bits(program(wholeA, wholeB))
            for threads in [1, 2, 16] {
                #expect(withWorkers(threads) { bits(program(a, b)) } == wanted, "program \(place)")
            }
        }
    }

    @Test("of results that go to memory past the caches")
    func large() {
        let shape = [2300, 4096]
        let (x, y) = (random(shape, seed: 7), random(shape, seed: 8))
        let (row, column) = (random([4096], seed: 9), random([2300, 1], seed: 10))
        eval(x, y, row, column)
        let found = (x - column) * 0.5 + y * row
        let places = [0, 1, 4095, 4096, 2300 * 4096 - 1, 1234 * 4096 + 567]
        found.eval()
        for place in places {
            let (r, c) = place.quotientAndRemainder(dividingBy: 4096)
            let wanted = (x[r, c] - column[r, 0]) * 0.5 + y[r, c] * row[c]
            #expect(bits(found[r, c]) == bits(wanted))
        }
        let parts = concatenated(
            (0..<23).map { part in
                let rows = (100 * part)..<(100 * part + 100)
                return (x[rows] - column[rows]) * 0.5 + y[rows] * row
            })
        #expect(bitDifference(found, parts) == nil)
    }
}
