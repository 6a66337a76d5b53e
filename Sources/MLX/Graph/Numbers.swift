import Synchronization

/// The numbers that stand beside arrays in calls (`x * 2 + 1`), each kept to be used again: a
/// function that is called often has the same ones each time.
enum Numbers {
    /// An array without axes for a number beside an array.
    static func array<T: HasDType>(_ value: T, _ dtype: DType) -> MLXArray {
        var bits: UInt64 = 0
        let convert = Kernels.convert(from: T.dtype, to: dtype)
        withUnsafeBytes(of: value) { source in
            withUnsafeMutableBytes(of: &bits) { target in
                if let source = source.baseAddress, let target = target.baseAddress {
                    convert(target, source, 1)
                }
            }
        }
        return MLXArray(table.withLock { $0.number(bits, dtype) })
    }

    /// One number stretched to a shape, as a value that is there; nil for a node that is not one.
    static func stretched(_ node: Node, to shape: [Int]) -> Node? {
        guard node.isGiven, node.isSingle else { return nil }
        if let bits = node.number,
            let known = table.withLock({ $0.stretched(bits, node.single.dtype, shape) })
        {
            return known
        }
        guard var view = node.tensors?[0] else { return nil }
        view.layout = view.layout.broadcast(to: shape)
        let stretched = Node(view)
        if let bits = node.number { table.withLock { $0.keep(stretched, bits, view.dtype) } }
        return stretched
    }

    /// The bits of a number as a float32; nil for types that stand beside arrays less often.
    @inline(__always)
    static func float32Bits<T: ScalarOrArray>(_ value: T) -> UInt64? {
        // To compare the types costs less than to cast.
        if T.self == Int.self {
            UInt64(Float(unsafeBitCast(value, to: Int.self)).bitPattern)
        } else if T.self == Float.self {
            UInt64(unsafeBitCast(value, to: Float.self).bitPattern)
        } else if T.self == Double.self {
            UInt64(Float(unsafeBitCast(value, to: Double.self)).bitPattern)
        } else {
            nil
        }
    }

    /// A float32 number by its bits, stretched to the shape of a value of that type; nil where it was
    /// not stretched so lately, or the graph is written down.
    static func stretched(_ bits: UInt64, like array: MLXArray) -> Node? {
        guard array.dtype == .float32, !Trace.isRecording else { return nil }
        return table.withLock { $0.stretched(bits, .float32, array.spec.shape) }
    }

    private static let table = Mutex(Table())

    /// The numbers by their bits; one that comes takes the place of another.
    ///
    /// Each has the two shapes that it was stretched to last: `vmap` takes turns between one row and
    /// all.
    private struct Table {
        // Lists of their own, so that a look copies nothing but what is found.
        private var bits = [UInt64](repeating: 0, count: Table.places)
        private var dtypes = [DType?](repeating: nil, count: Table.places)
        private var numbers = [Node?](repeating: nil, count: Table.places)
        private var latest = [Node?](repeating: nil, count: Table.places)
        private var before = [Node?](repeating: nil, count: Table.places)
        private static let places = 256

        /// Where a number is, or would be.
        private func place(_ number: UInt64, _ dtype: DType) -> (place: Int, isThere: Bool) {
            let mixed = (number ^ UInt64(dtype.code)) &* 0x9E37_79B9_7F4A_7C15
            let place = Int(mixed >> 56)
            return (place, bits[place] == number && dtypes[place] == dtype)
        }

        mutating func number(_ number: UInt64, _ dtype: DType) -> Node {
            let (place, isThere) = place(number, dtype)
            if isThere, let node = numbers[place] { return node }
            let storage = Storage(number: number)
            let node = Node(
                Tensor(storage: storage, layout: Layout(contiguous: []), dtype: dtype))
            (bits[place], dtypes[place], numbers[place]) = (number, dtype, node)
            (latest[place], before[place]) = (nil, nil)
            return node
        }

        func stretched(_ number: UInt64, _ dtype: DType, _ shape: [Int]) -> Node? {
            let (place, isThere) = place(number, dtype)
            guard isThere else { return nil }
            if let node = latest[place], node.single.shape == shape { return node }
            if let node = before[place], node.single.shape == shape { return node }
            return nil
        }

        mutating func keep(_ stretched: Node, _ number: UInt64, _ dtype: DType) {
            let (place, isThere) = place(number, dtype)
            guard isThere else { return }
            (before[place], latest[place]) = (latest[place], stretched)
        }
    }
}
