import MLX
import TestSupport
import Testing

@Suite("Evaluation in the background, streams and devices")
struct EvaluationTests {
    @Test("asyncEval computes what nobody asks for, and synchronize waits for it")
    func background() {
        let (a, b) = (arange(1000) + 1, ones([10, 10]) * 3)
        asyncEval(a, [b])
        Stream().synchronize()
        #expect(a.value.node.isDone && b.value.node.isDone)
        #expect(b.sum().item(Float.self) == 300)
    }

    @Test("a chain is built on while it is computed, and gives what it gives in the foreground")
    func chain() {
        var ahead = ones([64])
        var behind = ones([64])
        for step in 1...300 {
            ahead = ahead * 1.01 + Float(step % 7)
            behind = behind * 1.01 + Float(step % 7)
            asyncEval(ahead)
            eval(behind)
        }
        #expect(arrayEqual(ahead, behind).item(Bool.self))
    }

    @Test("an error in the background waits for whoever asks for the value")
    func failure() {
        #expect(throws: MLXError.self) {
            try withError {
                let wrong = cholesky(MLXArray([1, 2, 2, 1] as [Float], [2, 2]))
                asyncEval(wrong)
                Stream.defaultStream(.cpu).synchronize()
                wrong.eval()
            }
        }
    }

    @Test("asyncEval inside a gradient keeps the graph")
    func underGrad() {
        let slope = grad { (x: MLXArray) -> MLXArray in
            let y = x * x
            asyncEval(y)
            return (y * x).sum()
        }
        #expect(slope(MLXArray(2 as Float)).item(Float.self) == 12)
    }

    @Test("checkedEval throws what an array of a list fails with")
    func checked() {
        #expect(throws: MLXError.self) {
            try withError {
                let values: [Any] = [cholesky(MLXArray([1, 2, 2, 1] as [Float], [2, 2]))]
                try checkedEval(values)
            }
        }
    }

    @Test("operations take a stream or a device, and give the same")
    func streams() {
        let x = arange(6).reshaped(2, 3)
        let other = Stream(.cpu)
        #expect(
            arrayEqual(add(x, 1, stream: .stream(other)), x + 1, stream: .cpu).item(Bool.self))
        #expect(arrayEqual(x.sum(axis: 0, stream: .device(.cpu)), x.sum(axis: 0)).item(Bool.self))
        #expect(StreamOrDevice.stream(other).stream == other)
        #expect(StreamOrDevice.default == .cpu)
        Stream.withNewDefaultStream { #expect(StreamOrDevice.default != .cpu) }
    }

    @Test("the first use of .gpu is told once, and works", .timeLimit(.minutes(1)))
    func gpu() async throws {
        let result = await #expect(
            processExitsWith: .success, observing: [\.standardErrorContent]
        ) {
            Device.withDefaultDevice(.gpu) {
                let x = zeros([3], stream: .gpu) + 1
                precondition(x.sum(stream: .device(Device(.gpu))).item(Float.self) == 3)
            }
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text.split(separator: "\n").count { $0.contains("there is no GPU here") } == 1)
    }

    @Test("nothing is told while only the processor is named", .timeLimit(.minutes(1)))
    func cpu() async throws {
        let result = await #expect(
            processExitsWith: .success, observing: [\.standardErrorContent]
        ) {
            let x = zeros([3], stream: .cpu) + 1
            Stream.withNewDefaultStream { x.eval() }
            precondition("\(Stream.defaultStream(.cpu))" == "Stream(Device(cpu, 0), 0)")
        }
        #expect(try #require(result).standardErrorContent.isEmpty)
    }

    @Test("errors reach the handler of an asynchronous scope")
    func asynchronousErrors() async {
        await #expect(throws: MLXError.self) {
            try await withError { () async -> Void in
                await Task.yield()
                _ = zeros([2]) + zeros([3])
            }
        }
    }
}
