import MLX
import MLXDistributed
import Testing

@Suite struct BucketsTests {
    private typealias Tensor = (name: String, byteCount: Int, dtype: DType)

    /// Seeded lists with tensors of zero bytes up to twice the capacity.
    private static func tensors(seed: UInt64) -> [Tensor] {
        var random = SplitMix(seed: seed)
        let dtypes: [DType] = [.float32, .bfloat16, .float16]
        return (0..<Int.random(in: 0...60, using: &random)).map { index in
            let limit = Bool.random(using: &random) ? 300 : 2000
            return (
                name: "\(index)", byteCount: 4 * Int.random(in: 0...(limit / 4), using: &random),
                dtype: dtypes[Int.random(in: 0..<(seed % 2 == 0 ? 1 : 3), using: &random)]
            )
        }
    }

    @Test(arguments: UInt64(0)..<50)
    func `the laws of the plan hold`(seed: UInt64) {
        let tensors = Self.tensors(seed: seed)
        let plan = Buckets(tensors, capacity: 1000, firstCapacity: 250).buckets
        let placed = plan.flatMap(\.indices)
        #expect(placed.sorted() == Array(tensors.indices), "every tensor is in one bucket")
        for dtype in Set(tensors.map(\.dtype)) {
            let order = placed.filter { tensors[$0].dtype == dtype }
            #expect(order == order.sorted(by: >), "the last parameters come first")
        }
        for bucket in plan {
            #expect(bucket.indices.allSatisfy { tensors[$0].dtype == bucket.dtype })
            #expect(bucket.byteCount == bucket.indices.reduce(0) { $0 + tensors[$1].byteCount })
            #expect(bucket.byteCount <= 1000 || bucket.indices.count == 1)
            let isFirst = bucket.indices.contains(tensors.count - 1)
            #expect(!isFirst || bucket.byteCount <= 250 || bucket.indices.count == 1)
        }
        #expect(Buckets(tensors, capacity: 1000, firstCapacity: 250).buckets == plan)
    }

    @Test func `a plan in numbers`() {
        let sizes = [600, 300, 5000, 400, 400, 300, 100, 100]
        let tensors: [Tensor] = sizes.map { ("w", $0, .float32) }
        let plan = Buckets(tensors, capacity: 1000, firstCapacity: 250).buckets
        #expect(plan.map(\.indices) == [[7, 6], [5, 4], [3], [2], [1, 0]])
        #expect(plan.map(\.byteCount) == [200, 700, 400, 5000, 900])
    }

    @Test func `without tensors there are no buckets`() {
        #expect(Buckets([]).buckets.isEmpty)
    }

    @Test func `four megabytes fill a bucket and one the first`() {
        let tensors = [Tensor](repeating: ("w", 1 << 19, .float32), count: 12)
        #expect(Buckets(tensors).buckets.map(\.indices.count) == [2, 8, 2])
    }
}
