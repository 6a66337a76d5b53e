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

    /// A number stretched to a shape, as a value that is there.
    static func stretched(_ number: Tensor, to shape: [Int]) -> Node {
        guard number.storage.isNumber else { return view(of: number, shape) }
        return table.withLock { $0.stretched(number, shape) }
    }

    private static func view(of number: Tensor, _ shape: [Int]) -> Node {
        var view = number
        view.layout = number.layout.broadcast(to: shape)
        return Node(view)
    }

    private static let table = Mutex(Table())

    /// The numbers by their bits; one that comes takes the place of another.
    private struct Table {
        private struct Entry {
            let bits: UInt64
            let dtype: DType
            let number: Node
            /// The number stretched to the two shapes that it had last: `vmap` takes turns between
            /// one row and all.
            var stretched: Node?
            var stretchedBefore: Node?
        }

        private static let places = 256
        private var entries = [Entry?](repeating: nil, count: Table.places)

        private static func place(_ bits: UInt64, _ dtype: DType) -> Int {
            let mixed = (bits ^ UInt64(dtype.code)) &* 0x9E37_79B9_7F4A_7C15
            return Int(mixed >> 56)
        }

        mutating func number(_ bits: UInt64, _ dtype: DType) -> Node {
            let place = Table.place(bits, dtype)
            if let entry = entries[place], entry.bits == bits, entry.dtype == dtype {
                return entry.number
            }
            let storage = Storage(number: bits)
            let tensor = Tensor(storage: storage, layout: Layout(contiguous: []), dtype: dtype)
            let node = Node(tensor)
            entries[place] = Entry(bits: bits, dtype: dtype, number: node)
            return node
        }

        mutating func stretched(_ number: Tensor, _ shape: [Int]) -> Node {
            let bits = number.storage.address.load(as: UInt64.self)
            let place = Table.place(bits, number.dtype)
            guard let entry = entries[place], entry.bits == bits, entry.dtype == number.dtype else {
                return Numbers.view(of: number, shape)
            }
            if let node = entry.stretched, node.specs[0].shape == shape { return node }
            if let node = entry.stretchedBefore, node.specs[0].shape == shape { return node }
            let node = Numbers.view(of: number, shape)
            entries[place]?.stretchedBefore = entry.stretched
            entries[place]?.stretched = node
            return node
        }
    }
}
