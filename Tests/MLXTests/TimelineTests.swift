import Foundation
import MLX
import Testing

@Suite("The timeline of evaluations")
struct TimelineTests {
    private struct Event: Decodable {
        struct Arguments: Decodable {
            let inputs: String
            let outputs: String
        }

        let name: String
        let cat: String
        let ph: String
        let pid: Int
        let tid: Int
        let ts: Double
        let dur: Double
        let args: Arguments
    }

    @Test("is a list of events in Chrome's format, one for each step that was taken")
    func events() async throws {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "timeline-\(UUID().uuidString).json").path
        defer { unlink(path) }
        await #expect(processExitsWith: .success) { [path = path as String] in
            setenv("MLX_TRACE", path, 1)
            let x = ones([3, 4]) * 2
            eval(matmul(exp(x) + 1, x.T))
            let compiled = compile { (x: MLXArray) in tanh(x * 3).sum() }
            eval(compiled(x))
        }
        let data = try Data(contentsOf: URL(filePath: path))
        let events = try JSONDecoder().decode([Event].self, from: data)
        let names = events.map(\.name)
        #expect(names.contains("exp add"))
        #expect(names.contains("multiply tanh sum"))
        #expect(names.contains("compiled"))
        let product = try #require(events.first { $0.name == "matmul" })
        #expect(product.args.inputs == "float32[3, 4] float32[4, 3]")
        #expect(product.args.outputs == "float32[3, 3]")
        for event in events {
            #expect(event.ph == "X" && event.cat == "step" && event.pid > 0 && event.tid > 0)
            #expect(event.ts > 0 && event.dur >= 0)
        }
        // A compiled call lasts as long as the steps in it.
        let whole = try #require(events.first { $0.name == "compiled" })
        let within = try #require(events.first { $0.name == "multiply tanh sum" })
        #expect(whole.ts <= within.ts && within.ts + within.dur <= whole.ts + whole.dur + 0.001)
    }

    @Test("that can't be written is told of, and changes nothing else")
    func refused() async {
        let result = await #expect(
            processExitsWith: .success, observing: [\.standardErrorContent]
        ) {
            setenv("MLX_TRACE", "/nowhere/run.json", 1)
            #expect((ones([2]) + 1).sum().item(Float.self) == 4)
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("MLX_TRACE names a file that can't be written, /nowhere/run.json"))
    }
}
