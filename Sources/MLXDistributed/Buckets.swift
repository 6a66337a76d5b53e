import MLX

/// Which gradients are summed together, fixed by the parameters alone.
///
/// The last parameters come first, because their gradients are ready first; a small first bucket
/// starts the communication early. A bucket holds one dtype. A tensor larger than the capacity
/// gets a bucket of its own.
package struct Buckets: Sendable, Equatable {
    package struct Bucket: Sendable, Equatable {
        package let dtype: DType
        /// Indices of the tensors, descending.
        package fileprivate(set) var indices: [Int]
        package fileprivate(set) var byteCount: Int
    }

    /// The buckets in the order of their communication.
    package private(set) var buckets: [Bucket] = []

    /// Plans the buckets of tensors given in parameter order; capacities in bytes.
    package init(
        _ tensors: [(name: String, byteCount: Int, dtype: DType)],
        capacity: Int = 4 << 20, firstCapacity: Int = 1 << 20
    ) {
        var open: [(bucket: Bucket, capacity: Int)] = []
        var opened = 0
        for (index, tensor) in tensors.enumerated().reversed() {
            if let place = open.firstIndex(where: { $0.bucket.dtype == tensor.dtype }) {
                if open[place].bucket.byteCount + tensor.byteCount <= open[place].capacity {
                    open[place].bucket.indices.append(index)
                    open[place].bucket.byteCount += tensor.byteCount
                    continue
                }
                buckets.append(open.remove(at: place).bucket)
            }
            let bucket = Bucket(
                dtype: tensor.dtype, indices: [index], byteCount: tensor.byteCount)
            open.append((bucket, opened == 0 ? firstCapacity : capacity))
            opened += 1
        }
        buckets += open.map(\.bucket)
    }
}
