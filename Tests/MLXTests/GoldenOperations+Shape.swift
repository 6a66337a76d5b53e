import MLX

extension GoldenOperations {
    static let shapes: Unary = [
        "reshaped": { reshaped($0, [4, -1]) }, "flattened": { flattened($0, start: 1, end: 2) },
        "flatten": { flatten($0, startAxis: -2, endAxis: -1) },
        "unflatten": { unflatten($0, axis: 1, shape: [2, -1]) },
        "transposed": { transposed($0, axes: [1, 2, 0]) }, "T": { T($0) },
        "swappedAxes": { swappedAxes($0, 0, -1) },
        "movedAxis": { movedAxis($0, source: 0, destination: -1) },
        "expandedDimensions": { expandedDimensions($0, axes: [0, -1]) },
        "squeezed": { squeezed($0, axes: [1]) }, "broadcast": { broadcast($0, to: [2, 2, 3]) },
        "padded": { padded($0, widths: [[1, 0], [0, 2]]) },
        "padded(mode: .edge)": { padded($0, widths: [[1, 0], [0, 2]], mode: .edge) },
        "tiled": { tiled($0, repetitions: [2, 1, 2]) },
        "repeated": { repeated($0, count: 2, axis: 1) },
        "roll": { roll($0, shift: 2, axes: [0, 1]) }, "roll(shift: -3)": { roll($0, shift: -3) },
        "tril": { tril($0, k: 1) }, "triu": { triu($0, k: -1) }, "diag": { diag($0, k: 1) },
        "diag(of a matrix)": { diag($0, k: -1) },
        "diagonal": { diagonal($0, offset: 1, axis1: 0, axis2: 2) }, "trace": { trace($0) },
        "asStrided": { asStrided($0, [3, 2], strides: [2, 1], offset: 3) },
        "contiguous": { contiguous($0.T) }, "atLeast1D": { atLeast1D($0) },
        "atLeast2D": { atLeast2D($0) }, "atLeast3D": { atLeast3D($0) },
        "slice": { $0[.stride(by: -2), 1..<3] },
    ]

    static let shapesOfSeveral: Several = [
        "concatenated": { [concatenated($0, axis: -1)] }, "stacked": { [stacked($0, axis: 1)] },
        "split(parts:)": { split($0[0], parts: 2, axis: 1) },
        "split(indices:)": { split($0[0], indices: [1, 3], axis: -1) },
        "meshGrid": { meshGrid($0) },
        "meshGrid(indexing: .ij)": { meshGrid($0, sparse: true, indexing: .ij) },
        "depends": { [depends(input: $0[0], dependencies: [$0[1]])] },
        "take(axis: 1)": { [take($0[0], $0[1], axis: 1)] }, "take": { [take($0[0], $0[1])] },
        "takeAlong(axis: 0)": { [takeAlong($0[0], $0[1], axis: 0)] },
        "putAlong(axis: 0)": {
            [putAlong($0[0], abs($0[1][0..<1]), values: $0[2][0..<1], axis: 0)]
        },
        "at.add": { [$0[0].at[$0[1]].add($0[2])] },
        "at.multiply": { [$0[0].at[$0[1]].multiply($0[2])] },
        "at.minimum": { [$0[0].at[$0[1]].minimum($0[2])] },
        "at.maximum": { [$0[0].at[$0[1]].maximum($0[2])] },
    ]

    static let casts: Unary = {
        var table: Unary = [:]
        for dtype in DType.allCases { table["asType(\(dtype))"] = { $0.asType(dtype) } }
        return table
    }()
}
