import CKernels

/// An operation that brings the elements of each row of the last axis in an order.
protocol RowOrder: Portable {
    /// The element type of the result, for one of the input.
    func result(_ dtype: DType) -> DType

    /// The bytes of scratch memory for each element of a row.
    func scratch(_ dtype: DType) -> Int

    /// The kernel that orders one row, given result, row, scratch and the number of elements.
    func order(_ dtype: DType) -> RowOrderKernel?
}

typealias RowOrderKernel = (
    UnsafeMutableRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, Int
) -> Void

extension RowOrder {
    package func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard let length = inputs[0].shape.last else { throw refusal("a scalar has no axis") }
        guard length <= UInt32.max else {
            throw refusal("an axis of \(length) elements is longer than positions reach")
        }
        return [Spec(inputs[0].shape, result(inputs[0].dtype))]
    }

    package func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let dtype = inputs[0].dtype
        guard let length = inputs[0].shape.last, inputs[0].count > 0, let order = order(dtype)
        else { return }
        let rows = inputs[0].contiguous(on: workers)
        let (from, fromBytes) = (rows.address, length * dtype.size)
        let (to, toBytes) = (outputs[0].address, length * outputs[0].dtype.size)
        let (count, grain) = (rows.count / length, max(1, (1 << 12) / length))
        let memory = TaskMemory(
            tasks: (count + grain - 1) / grain, byteCount: scratch(dtype) * length)
        workers.forRanges(of: count, grain: grain) { range in
            memory.borrow { room in
                for row in range {
                    order(to + row * toBytes, from + row * fromBytes, room, length)
                }
            }
        }
    }

    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        vmapLeading(inputs, batch)
    }
}

/// An order of elements, whose derivative goes where the elements go.
protocol ValueOrder: RowOrder {
    associatedtype Positions: PositionOrder

    /// The operation that tells where the elements of the result come from.
    var positions: Positions { get }
}

extension ValueOrder {
    func result(_ dtype: DType) -> DType { dtype }

    package func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        let axis = cotangent.ndim - 1
        let places = MLXArray.apply(positions, call.inputs)
        let scatter = ScatterAddAlong(axis: axis, length: cotangent.dim(axis))
        return [MLXArray.apply(scatter, [cotangent, places])]
    }

    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        [tangents[0].map { takeAlong($0, MLXArray.apply(positions, call.inputs), axis: -1) }]
    }
}

/// An order of positions, which has no derivative.
protocol PositionOrder: RowOrder {}

extension PositionOrder {
    func result(_ dtype: DType) -> DType { .uint32 }
    package func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { [nil] }
}

/// The elements in ascending order, NaN last.
struct Sort: ValueOrder {
    var name: String { "sorted" }
    var positions: ArgSort { ArgSort() }

    func scratch(_ dtype: DType) -> Int { ck_sort_scratch(dtype.code) }

    func order(_ dtype: DType) -> RowOrderKernel? { ck_sort_row(dtype.code) }
}

/// The positions of the elements in ascending order, equal ones in that of the row.
struct ArgSort: PositionOrder {
    var name: String { "argSort" }

    func scratch(_ dtype: DType) -> Int { ck_argsort_scratch(dtype.code) }

    func order(_ dtype: DType) -> RowOrderKernel? { ck_argsort_row(dtype.code) }
}

/// The kth element where it lies in ascending order, the smaller ones before and the larger ones
/// behind it.
struct Partition: ValueOrder {
    var name: String { "partitioned" }
    let kth: Int
    var positions: ArgPartition { ArgPartition(kth: kth) }

    func scratch(_ dtype: DType) -> Int { ck_partition_scratch(dtype.code) }

    func order(_ dtype: DType) -> RowOrderKernel? {
        ck_partition_row(dtype.code).map { kernel in { kernel($0, $1, $2, kth, $3) } }
    }
}

/// The positions of the elements as ``Partition`` has them.
struct ArgPartition: PositionOrder {
    var name: String { "argPartition" }
    let kth: Int

    func scratch(_ dtype: DType) -> Int { ck_partition_scratch(dtype.code) }

    func order(_ dtype: DType) -> RowOrderKernel? {
        ck_argpartition_row(dtype.code).map { kernel in { kernel($0, $1, $2, kth, $3) } }
    }
}

/// How many elements of sorted rows `[…, n]` are not greater than each of the values `[…, m]`.
struct SearchSorted: Portable {
    var name: String { "searchSorted" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (rows, values) = (inputs[0], inputs[1])
        guard ck_search_row(rows.dtype.code) != nil, rows.dtype == values.dtype else {
            throw refusal("not defined for \(values.dtype) among \(rows.dtype)")
        }
        guard !rows.shape.isEmpty, rows.shape.dropLast() == values.shape.dropLast() else {
            throw refusal("values of shape \(values.shape) do not fit rows of shape \(rows.shape)")
        }
        return [Spec(values.shape, .uint32)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard let kernel = ck_search_row(inputs[0].dtype.code), outputs[0].count > 0,
            let length = inputs[0].shape.last, let count = inputs[1].shape.last
        else { return }
        let rows = inputs[0].contiguous(on: workers)
        let values = inputs[1].contiguous(on: workers)
        let results = outputs[0].address.as(UInt32.self)
        let grain = 1 << 12
        let pieces = (count + grain - 1) / grain
        workers.run(values.count / count * pieces) { task in
            let (row, piece) = task.quotientAndRemainder(dividingBy: pieces)
            let start = row * count + piece * grain
            kernel(
                results + start, rows.address(at: row * length), length,
                values.address(at: start), min(grain, count - piece * grain))
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] { [nil, nil] }
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

extension RowOrder {
    package func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 1 && order(inputs[0].dtype) != nil
    }
}

extension Partition {
    func isSound(_ inputs: [Spec]) -> Bool { positions.isSound(inputs) }
}

extension ArgPartition {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 1 && order(inputs[0].dtype) != nil
            && 0..<max(inputs[0].shape.last ?? 0, 1) ~= kth
    }
}

extension SearchSorted {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 2 && inputs[0].shape.count == inputs[1].shape.count
    }
}
