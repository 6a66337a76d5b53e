import Glibc
import MLX
import TestSupport
import Testing

/// What arrays do to the memory of a process of their own.
@Suite("Memory")
struct MemoryTests {
    @Test("of a chain of 200 operations on 64 MiB arrays stays under three arrays")
    func chain() async {
        await #expect(processExitsWith: .success) {
            let bytes = 64 << 20
            let input = makeArray(shape: [bytes / 4], dtype: .float32) { memory in
                memory.bindMemory(to: Float.self).update(repeating: 1)
            }
            Memory.peakMemory = 0
            let before = systemBytes("VmRSS")
            #expect(before > bytes)
            // Half of the operations can't join the others' runs.
            var x = input + 0
            for step in 0..<100 {
                x = step % 2 == 0 ? sqrt(x) : x * 1.5
                x = step % 5 == 0 ? x.reshaped([-1, 64]).T.T.reshaped([-1]) + 0.5 : x + 0.5
            }
            x.eval()
            #expect(x.size == bytes / 4)
            #expect(Memory.peakMemory < 3 * bytes)
            #expect(systemBytes("VmHWM") - before < 2 * bytes)
        }
    }

    @Test("is cold when much was lent since it was lent last")
    func cold() async {
        await #expect(processExitsWith: .success) {
            let isNextCold = { Storage(byteCount: 1 << 16).isCold }
            _ = isNextCold()
            #expect(!isNextCold())
            for _ in 0..<33 { _ = Storage(byteCount: 2 << 20) }
            #expect(isNextCold())
            #expect(!isNextCold())
        }
    }

    @Test("that is cold takes the same results")
    func coldResults() async {
        await #expect(processExitsWith: .success) {
            let programs: [(MLXArray, MLXArray) -> MLXArray] = [
                { x, _ in -x },
                { x, _ in x * 2 + 1 },
                { x, row in x + row },
                { x, _ in tanh(x * 0.5 + 1) * sigmoid(x) + exp(-x * x) },
                { x, row in which(x .> row, sqrt(abs(x)), row * x) - x / 3 },
                { x, _ in (x * 10).asType(.int8) },
                // Read in another order, by rows, in long runs time after time.
                { x, _ in x.transposed() + 1 },
                { x, row in x * x[0..., ..<1] - row[..<1] },
                { x, _ in stacked([x, x]) - x },
            ]
            for shape in [[1, 40], [37, 1001], [300, 1024], [1, 1_000_003]] {
                let (x, row) = (MLXRandom.normal(shape), MLXRandom.normal([shape[1]]))
                eval(x, row)
                for program in programs {
                    let result = program(x, row)
                    eval(result)
                    eval(program(x, row))
                    for _ in 0..<33 { _ = Storage(byteCount: 2 << 20) }
                    let cold = program(x, row)
                    eval(cold)
                    #expect(cold.value.tensor?.storage.isCold == true)
                    #expect(arrayEqual(result, cold).item(Bool.self))
                }
            }
        }
    }

    @Test("is given back when arrays are let go")
    func release() async {
        await #expect(processExitsWith: .success) {
            let start = Memory.activeMemory
            for _ in 0..<3 {
                let x = copied(ones([1 << 20]))
                eval(x * 2)
                #expect(Memory.activeMemory >= start + 4 << 20)
            }
            #expect(Memory.activeMemory == start)
            #expect(Memory.cacheMemory >= 4 << 20)
            #expect(Memory.peakMemory >= start + 8 << 20)
            Memory.clearCache()
            #expect(Memory.cacheMemory == 0)
            Memory.peakMemory = 0
            #expect(Memory.peakMemory == Memory.activeMemory)
        }
    }

    @Test("that was prepared is there for the arrays that come")
    func preparation() async {
        await #expect(processExitsWith: .success) {
            let bytes = [8 << 20, 8 << 20, 5 << 20]
            let resident = systemBytes("VmRSS")
            Memory.prepare(byteCounts: bytes)
            #expect(Memory.cacheMemory >= 21 << 20)
            let grown = systemBytes("VmRSS") - resident
            #expect(grown >= 21 << 20)
            let before = Memory.allocationCount
            let arrays = bytes.map { count in
                makeArray(shape: [count], dtype: .uint8) { $0.storeBytes(of: 1, as: UInt8.self) }
            }
            withExtendedLifetime(arrays) {
                #expect(Memory.allocationCount == before)
                #expect(Memory.cacheMemory == 0)
            }
        }
    }

    @Test("of all gradients of many layers at once is that of one layer's beside what is kept")
    func wayBack() async {
        await #expect(processExitsWith: .success) {
            let size = 256
            let rows = 1024
            let layers = 40
            let key = MLXRandom.key(3)
            let weights = (0..<layers).map { _ in MLXRandom.normal([size, size], key: key) * 0.01 }
            let x = MLXRandom.normal([rows, size], key: key)
            eval(weights + [x])
            let network = { (weights: [MLXArray]) in
                let last = weights.reduce(x) { value, weight in
                    checkpoint { [tanh(matmul($0[0], $0[1])) + $0[0]] }([value, weight])[0]
                }
                return [square(last).sum()]
            }
            Memory.peakMemory = 0
            let start = Memory.activeMemory
            let gradients = vjp(network, primals: weights, cotangents: [MLXArray(Float(1))]).1
            // The first layer's, which need the whole way back, first.
            eval(gradients)
            let (layer, weight) = (rows * size * 4, size * size * 4)
            let kept = layers * (layer + weight)
            #expect(Memory.peakMemory - start < kept + 12 * layer)
        }
    }

    @Test("of a chain whose links are computed once more is that of few links")
    func recomputation() async {
        await #expect(processExitsWith: .success) {
            let weight = MLXRandom.normal([256, 256], key: MLXRandom.key(1)) * 0.05
            let start = MLXRandom.normal([256, 256], key: MLXRandom.key(2))
            eval(weight, start)
            func link(_ inputs: [MLXArray]) -> [MLXArray] {
                [(0..<6).reduce(inputs[0]) { value, _ in tanh(matmul(value, inputs[1])) }]
            }
            func measure(_ link: @escaping ([MLXArray]) -> [MLXArray]) -> ([MLXArray], Int) {
                let before = Memory.activeMemory
                Memory.peakMemory = 0
                let gradients = grad { (inputs: [MLXArray]) -> [MLXArray] in
                    let end = (0..<12).reduce(inputs[0]) { x, _ in link([x, inputs[1]])[0] }
                    return [end.sum()]
                }([start, weight])
                eval(gradients)
                return (gradients, Memory.peakMemory - before)
            }
            let (wanted, all) = measure(link)
            let (found, few) = measure(checkpoint(link))
            for (one, other) in zip(wanted, found) {
                #expect(allClose(one, other, rtol: 1e-4).item(Bool.self))
            }
            #expect(few < all / 2)
        }
    }

    @Test("of sizes that come once is not kept for ever")
    func changingSizes() async {
        await #expect(processExitsWith: .success) {
            var asked = 0
            var size = 2 << 20
            while size < 64 << 20 {
                copied(ones([size / 4])).eval()
                asked += size
                size += size / 8
            }
            let slack = 256 << 20
            #expect(asked > slack + 2 * Memory.peakMemory)
            #expect(Memory.cacheMemory <= slack + 2 * Memory.peakMemory)
            // What was used last is there.
            let count = Memory.allocationCount
            copied(ones([size / 9 * 8 / 4])).eval()
            #expect(Memory.allocationCount == count)
        }
    }

    @Test("is kept for new arrays up to a limit")
    func limits() async {
        await #expect(processExitsWith: .success) {
            Memory.cacheLimit = 1 << 20
            copied(ones([1 << 20])).eval()
            #expect(Memory.cacheMemory <= 1 << 20)
            Memory.cacheLimit = 64 << 20
            copied(ones([1 << 20])).eval()
            #expect(Memory.cacheMemory >= 4 << 20)
            Memory.cacheLimit = 0
            #expect(Memory.cacheMemory == 0)
        }
    }

    @Test("of a training step does not grow from step to step")
    func steps() async {
        await #expect(processExitsWith: .success) {
            let inputs = random([256, 128], seed: 1)
            let step = valueAndGrad { (w: [MLXArray]) in
                [square(tanh(matmul(inputs, w[0]))).mean()]
            }
            let weights = random([128, 64], seed: 2)
            var active: [Int] = []
            for _ in 0..<50 {
                let (loss, gradients) = step([weights])
                weights._updateInternal(weights - 0.1 * gradients[0])
                eval(weights, loss[0])
                active.append(Memory.activeMemory)
            }
            #expect(Set(active.dropFirst(2)).count == 1)
        }
    }

    @Test("of somebody else is neither written to nor kept")
    func foreign() {
        var isGivenBack = false
        var values: [Float] = [1, 2, 3, 4]
        values.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            func use() {
                let result =
                    MLXArray(
                        rawPointer: base, [4], dtype: .float32, finalizer: { isGivenBack = true })
                    * 2
                let view = result + 1
                #expect(view.asArray(Float.self) == [3, 5, 7, 9])
            }
            use()
        }
        #expect(isGivenBack)
        #expect(values == [1, 2, 3, 4])
    }
}

/// A line of what the system knows of this process's memory: `VmRSS` is what lies in RAM, `VmHWM`
/// the most that has. (`getrusage` counts what the parent had before the process began.)
private func systemBytes(_ name: String) -> Int {
    guard let file = fopen("/proc/self/status", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
        let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let text = String(decoding: bytes, as: UTF8.self)
        let fields = text.split { $0 == ":" || $0 == " " || $0 == "\t" }
        if fields.count > 1, fields[0] == name { return (Int(fields[1]) ?? 0) << 10 }
    }
    return 0
}
