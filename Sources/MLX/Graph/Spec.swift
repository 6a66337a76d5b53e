/// What is known of an array before it has bytes: its shape and its element type.
package struct Spec: Hashable, Codable, Sendable {
    package var shape: [Int]
    package var dtype: DType

    package init(_ shape: [Int], _ dtype: DType) {
        self.shape = shape
        self.dtype = dtype
    }

    package var count: Int { shape.reduce(1, *) }
    package var byteCount: Int { count * dtype.size }
}
