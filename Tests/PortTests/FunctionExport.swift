import Foundation
import MLX
import MLXNN
import MLXRandom
import Testing

/// Writes a model's forward pass to a file and runs it without the model's code.
@Test("Port: function export", .randomSeed(10))
func functionExport() throws {
    let url = FileManager.default.temporaryDirectory
        .appending(path: "port-\(UUID().uuidString).mlxfn")
    defer { try? FileManager.default.removeItem(at: url) }

    let model = Sequential {
        Linear(4, 16)
        SiLU()
        Linear(16, 2)
    }
    func forward(_ arrays: [MLXArray]) -> [MLXArray] {
        let h = model(arrays[0])
        return [softmax(h, axis: -1), h * arrays[1]]
    }

    let x = MLXRandom.normal([3, 4])
    let scale = MLXArray(2 as Float)
    try exportFunction(to: url, shapeless: true, forward)(x, scale: scale)

    let imported = try importFunction(from: url)
    for rows in [3, 7] {
        let x = MLXRandom.normal([rows, 4])
        let (wanted, found) = (forward([x, scale]), try imported(x, scale: scale))
        #expect(found.count == 2)
        for (a, b) in zip(wanted, found) { #expect(allClose(a, b).item(Bool.self)) }
    }
}
