import MLX
import TestSupport
import Testing

/// What holds for the forward derivatives and the batches of these primitives.
@Suite("Every primitive of linear algebra, transforms and complex numbers")
struct LinalgLawTests {
    private static let rows = PrimitiveCase.linalg + PrimitiveCase.fourier

    @Test(
        "has a forward derivative that is the transpose of the backward one",
        arguments: rows.filter { !$0.differentiable.isEmpty })
    func forward(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let function: ([MLXArray]) -> [MLXArray] = { [row.function($0)] }
        for position in row.differentiable {
            let tangents = inputs.enumerated().map { index, input in
                index == position
                    ? random(input.shape, .float64, seed: 5) : zeros(like: input)
            }
            let (outputs, forward) = jvp(function, primals: inputs, tangents: tangents)
            let weights = random(outputs[0].shape, .float64, seed: 6)
            let (_, backward) = vjp(function, primals: inputs, cotangents: [weights])
            #expect(forward[0].dtype == outputs[0].dtype)
            let pushed = (forward[0] * weights).sum().item(Double.self)
            let pulled = (backward[position] * tangents[position]).sum().item(Double.self)
            #expect(abs(pushed - pulled) <= 1e-6 * max(1, abs(pulled)), "input \(position)")
        }
    }

    @Test("gives over a batch what it gives for each of its members", arguments: rows)
    func batches(_ row: PrimitiveCase) {
        let members = (0..<3).map { member in
            row.arrays(.float32).map { array in
                array.dtype == .float32 ? array * (1 - 0.25 * Float(member)) : array + member
            }
        }
        let expected = stacked(members.map { row.function($0) })
        for axis in 0...members[0][0].ndim {
            let inputs = members[0].indices.map { index in
                stacked(members.map { $0[index] }, axis: axis)
            }
            let batched = vmap({ [row.function($0)] }, inAxes: [axis])(inputs)[0]
            #expect(difference(batched, expected) == nil, "axis \(axis)")
        }
        // One member's first input for all.
        let mixed =
            [members[0][0]]
            + members[0].indices.dropFirst().map { index in
                stacked(members.map { $0[index] })
            }
        guard mixed.count > 1 else { return }
        let axes: [Int?] = [nil] + mixed.dropFirst().map { _ in 0 }
        let batched = vmap({ [row.function($0)] }, inAxes: axes)(mixed)[0]
        let single = stacked(members.map { row.function([members[0][0]] + $0.dropFirst()) })
        #expect(difference(batched, single) == nil, "shared input")
    }
}
