extension MLXArray {
    /// The elements that the indices name, one index an axis; axes without an index stay whole.
    ///
    /// - An `Int` picks one element and drops the axis; a negative one counts from the end.
    /// - A range or `.stride(from:to:by:)` picks some elements; bounds beyond the axis are cut.
    /// - An array of integers picks an element for each of them; its axes take the axis's place.
    ///   Several arrays broadcast and pick together: their axes come where the first stands, or
    ///   first of all if slices or new axes lie between arrays or integers (numpy's rule).
    /// - `.newAxis` makes an axis of size 1, `.ellipsis` stands for all axes without an index.
    ///
    /// Without array indices the result is a view. An index outside its axis goes to the error
    /// handler.
    public subscript(indices: any MLXArrayIndex...) -> MLXArray {
        indexed(self, indices.map(\.mlxArrayIndexOperation))
    }

    /// The elements that a list of indices names; see the variadic form.
    public subscript(indices: [any MLXArrayIndex]) -> MLXArray {
        indexed(self, indices.map(\.mlxArrayIndexOperation))
    }
}

extension MLXArray: Sequence {
    /// The rows: the parts along the first axis, one after the other. An array without axes goes to
    /// the error handler and has none.
    public func makeIterator() -> some IteratorProtocol<MLXArray> {
        if ndim == 0 { ErrorHandler.report(.caught("[makeIterator] an array without axes")) }
        let rows = 0..<(shape.first ?? 0)
        return rows.lazy.map { self[$0] }.makeIterator()
    }
}
