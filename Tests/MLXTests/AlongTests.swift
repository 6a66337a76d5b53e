import MLX
import TestSupport
import Testing

/// Operations with an index for each element, against plain loops.
@Suite("Indices along an axis")
struct AlongTests {
    struct Form: Sendable, CustomTestStringConvertible {
        let shape: [Int]
        let axis: Int
        let count: Int
        var dtype = DType.float32
        var indices = DType.int32

        var testDescription: String { "\(count) of \(indices) in \(shape) along \(axis)" }

        /// The shape of the indices.
        var places: [Int] {
            var places = shape
            places[axis] = count
            return places
        }
    }

    static let forms = [
        Form(shape: [300, 70], axis: 0, count: 500),
        Form(shape: [9000, 33], axis: 0, count: 900, indices: .int64),
        Form(shape: [9000, 33], axis: 0, count: 900),
        Form(shape: [5, 400, 19], axis: 1, count: 23, dtype: .float64, indices: .uint32),
        Form(shape: [700, 41], axis: 1, count: 60),
        Form(shape: [40_000], axis: 0, count: 30_000, indices: .int16),
        Form(shape: [3, 2], axis: 1, count: 1, dtype: .float16, indices: .int64),
    ]

    private func operands(_ form: Form) -> (MLXArray, MLXArray) {
        let x = random(form.shape, form.dtype, seed: 1)
        let length = form.shape[form.axis]
        let low = form.indices == .uint32 ? 0 : -length
        let indices = MLXRandom.randInt(low..<length, form.places, key: MLXRandom.key(2))
        return (x, indices.asType(form.indices))
    }

    /// Where the element of each index lies, in row-major order.
    private func places(_ form: Form, _ indices: MLXArray) -> [Int] {
        let inner = form.shape[(form.axis + 1)...].reduce(1, *)
        let length = form.shape[form.axis]
        return indices.asArray(Int.self).enumerated().map { element, index in
            let (block, rest) = element.quotientAndRemainder(dividingBy: form.count * inner)
            return (block * length + (index + length) % length) * inner + rest % inner
        }
    }

    @Test("pick elements", arguments: forms)
    func picked(_ form: Form) {
        let (x, indices) = operands(form)
        let values = numbers(x)
        let wanted = places(form, indices).map { values[$0] }
        let found = takeAlong(x, indices, axis: form.axis)
        #expect(found.shape == form.places)
        #expect(difference(found, wanted, .exact) == nil)
        let turned = takeAlong(
            x.transposed().contiguous().transposed(), indices, axis: form.axis)
        #expect(difference(turned, wanted, .exact) == nil)
    }

    @Test("add up in the gradient, with the same bits on any number of threads", arguments: forms)
    func gradients(_ form: Form) {
        let (x, indices) = operands(form)
        let factors = random(form.places, form.dtype, seed: 3)
        let gradient = {
            vjp(
                { [takeAlong($0[0], indices, axis: form.axis)] }, primals: [x],
                cotangents: [factors]
            ).1[0]
        }
        var wanted = [Double](repeating: 0, count: x.size)
        for (place, factor) in zip(places(form, indices), numbers(factors)) {
            wanted[place] += factor
        }
        #expect(difference(gradient(), wanted, Tolerance.of(form.dtype)) == nil)
        let one = withWorkers(1) { bits(gradient()) }
        for count in [2, 3, 16] { #expect(withWorkers(count) { bits(gradient()) } == one) }
    }

    private func message(_ body: () throws -> Void) -> String {
        do { try withError { try body() } } catch { return "\(error)" }
        return ""
    }

    @Test("outside the axis are named", arguments: [0, 1], [DType.int32, .int64])
    func outside(_ axis: Int, _ dtype: DType) {
        let indices = MLXArray.zeros([300, 200], dtype: dtype)
        indices[170, 30] = MLXArray(500)
        let error = message { takeAlong(MLXArray.zeros([300, 200]), indices, axis: axis).eval() }
        #expect(error.contains("index 500 at position 34030 "))
    }

    @Test(
        "of single elements are taken from rows",
        arguments: [DType.int8, .float16, .float32, .int64])
    func elements(_ dtype: DType) {
        let x = random([700, 90], in: -90...90, .float32, seed: 4).asType(dtype)
        let indices = MLXRandom.randInt(-90..<90, [130], key: MLXRandom.key(5))
        let columns = indices.asArray(Int.self).map { ($0 + 90) % 90 }
        let values = numbers(x)
        let wanted = (0..<700).flatMap { row in columns.map { values[row * 90 + $0] } }
        #expect(difference(x.take(indices, axis: 1), wanted, .exact) == nil)
        let error = message { x.take(MLXArray([3, 90]), axis: 1).eval() }
        #expect(error.contains("index 90 at position 1 "))
    }
}
