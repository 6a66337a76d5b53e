extension MLXArray {
    /// The elements that the indices name, one index an axis; axes without an index stay whole.
    ///
    /// - An `Int` picks one element and drops the axis; a negative one counts from the end.
    /// - A range or `.stride(from:to:by:)` picks some elements; bounds beyond the axis are cut.
    /// - An array of integers picks an element for each of them; its axes take the axis's place.
    ///   Several arrays broadcast and pick together: their axes come where the first stands, or
    ///   first of all if slices or new axes lie between arrays or integers (numpy's rule).
    /// - A boolean array picks where it is true: it stands for as many axes as it has, of its sizes,
    ///   and picks like an index array for each of them. As the result's shape depends on the values,
    ///   the mask is computed at once, the only index for which that is so.
    /// - `.newAxis` makes an axis of size 1, `.ellipsis` stands for all axes without an index.
    ///
    /// Without array indices the result is a view. An index outside its axis goes to the error
    /// handler: an integer at once, one in an array when the result is computed.
    ///
    /// Assignment replaces the elements that the same indices name, under all names of this array.
    /// The new elements are cast to this array's type and broadcast to the shape that the indices
    /// name, leading axes of size 1 left out; where an index comes more than once, the last one
    /// stays. `a[indices] += 1` therefore adds once wherever an index comes more than once; see
    /// ``at`` for the other sum.
    public subscript(indices: any MLXArrayIndex..., stream stream: StreamOrDevice = .default)
        -> MLXArray
    {
        get { indexed(self, indices.map(\.mlxArrayIndexOperation)) }
        set { assign(newValue, to: self, indices.map(\.mlxArrayIndexOperation)) }
    }

    /// The elements that a list of indices names; see the variadic form.
    public subscript(indices: [any MLXArrayIndex], stream stream: StreamOrDevice = .default)
        -> MLXArray
    {
        get { indexed(self, indices.map(\.mlxArrayIndexOperation)) }
        set { assign(newValue, to: self, indices.map(\.mlxArrayIndexOperation)) }
    }
}

// What mlx-swift has kept from its first versions.
extension MLXArray {
    /// One element of an axis, which goes away.
    @available(*, deprecated, message: "use a subscript with an index for each axis")
    public subscript(index: Int, axis axis: Int) -> MLXArray {
        get { indexed(self, along(axis, .index(Int32(clamping: index)))) }
        set { assign(newValue, to: self, along(axis, .index(Int32(clamping: index)))) }
    }

    /// The elements of an axis that lie in a range.
    @available(*, deprecated, message: "use a subscript with an index for each axis")
    public subscript(range: some RangeExpression<Int>, axis axis: Int) -> MLXArray {
        get { indexed(self, along(axis, .slice(slice(range, axis)))) }
        set { assign(newValue, to: self, along(axis, .slice(slice(range, axis)))) }
    }

    /// Every `stride`-th element of an axis from `from` to before `to`.
    @available(*, deprecated, message: "use a subscript with an index for each axis")
    public subscript(
        from from: Int? = nil, to to: Int? = nil, stride stride: Int, axis axis: Int = -1
    ) -> MLXArray {
        get { indexed(self, along(axis, .slice(.stride(from: from, to: to, by: stride)))) }
        set {
            assign(newValue, to: self, along(axis, .slice(.stride(from: from, to: to, by: stride))))
        }
    }

    /// The operation at one axis, the others whole; none, and an error, where there is no such axis.
    private func along(
        _ axis: Int, _ operation: MLXArrayIndexOperation
    ) -> [MLXArrayIndexOperation] {
        guard let axis = axes([axis], "index")?.first else { return [] }
        return [MLXArrayIndexOperation](repeating: .slice(MLXSlice()), count: axis) + [operation]
    }

    private func slice(_ range: some RangeExpression<Int>, _ axis: Int) -> MLXSlice {
        guard let axis = axes([axis], "index")?.first else { return MLXSlice() }
        let bounds = range.relative(to: 0..<dim(axis))
        return .stride(from: bounds.lowerBound, to: bounds.upperBound)
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
