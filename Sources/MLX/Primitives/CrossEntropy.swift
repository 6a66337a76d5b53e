import CKernels

/// An operation on the logits of each row and the number of the class that is right: inputs logits
/// [..., classes], class numbers [...], and what else it asks for.
protocol ChosenRows: RowOperation {}

extension ChosenRows {
    func checkLogits(_ inputs: [Spec]) throws(MLXError) {
        try check(inputs[0])
        try checkIndices(inputs[1])
        guard inputs[1].shape == inputs[0].shape.dropLast() else {
            throw refusal(
                "class numbers of shape \(inputs[1].shape) do not fit logits of shape "
                    + "\(inputs[0].shape)")
        }
    }

    /// The positions of the classes in their rows; refuses before anything is written.
    func places(_ classes: Tensor, among length: Int, on workers: Workers) throws(MLXError)
        -> ClassPlaces
    {
        let numbers = classes.converted(to: .int64, on: workers)
        let first = numbers.address.as(Int64.self)
        let outside = ck_first_outside(first, 1, numbers.count, numbers.count, length)
        guard outside < 0 else {
            throw refusal(
                "class number \(first[outside]) at position \(outside) lies outside the \(length) "
                    + "classes of the logits")
        }
        return ClassPlaces(numbers: numbers, length: length)
    }

    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        vmapLeading(inputs, batch)
    }
}

/// Where in each row the right class stands.
struct ClassPlaces {
    fileprivate let numbers: Tensor
    fileprivate let length: Int

    /// Negative numbers count from the end.
    subscript(row: Int) -> Int {
        let number = Int(numbers.address.as(Int64.self)[row])
        return number < 0 ? number + length : number
    }
}

/// log Σ exp(x) − x[class] for each row of logits x; half types are computed in float32.
struct CrossEntropy: ChosenRows {
    var name: String { "crossEntropy" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try checkLogits(inputs)
        return [Spec(inputs[1].shape, inputs[0].dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let (x, computed) = (inputs[0], inputs[0].dtype.computed)
        guard let kernel = ck_cross_entropy_row(computed.code), let length = x.shape.last else {
            return
        }
        let places = try places(inputs[1], among: length, on: workers)
        let wide = outputs[0].computing(computed)
        let reader = TileReader(x, as: computed)
        forPieces(of: x, on: workers) { piece in
            reader.withElements(piece.start, piece.count) { x in
                for (row, place) in piece {
                    kernel(wide.address(at: row), x + place, places[row], length)
                }
            }
        }
        outputs[0].finish(wide, on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let gradient = CrossEntropyGradient()
        return [cotangents[0].map { MLXArray.apply(gradient, call.inputs + [$0]) }, nil]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        [tangents[0].map { MLXArray.apply(CrossEntropyTangent(), call.inputs + [$0]) }]
    }

    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 }
}

/// The gradient of ``CrossEntropy`` by the logits: inputs those, class numbers, and the cotangent of
/// each row.
struct CrossEntropyGradient: ChosenRows {
    var name: String { "crossEntropyGradient" }

    /// The logits, as a row's are read before the gradient by them is written.
    var overwrites: [Int?] { [0] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try checkLogits(inputs)
        guard inputs[2] == Spec(inputs[1].shape, inputs[0].dtype) else {
            throw refusal("the cotangent is \(inputs[2]) for logits of \(inputs[0])")
        }
        return [inputs[0]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let (x, computed) = (inputs[0], inputs[0].dtype.computed)
        guard let kernel = ck_cross_entropy_gradient_row(computed.code),
            let length = x.shape.last
        else { return }
        let places = try places(inputs[1], among: length, on: workers)
        let factors = inputs[2].converted(to: computed, on: workers)
        let reader = TileReader(x, as: computed)
        let writer = TileWriter(outputs[0], from: computed)
        forPieces(of: x, on: workers) { piece in
            reader.withElements(piece.start, piece.count) { x in
                writer.withElements(piece.start, piece.count) { dx in
                    for (row, place) in piece {
                        kernel(
                            dx + place, x + place, factors.address(at: row), places[row], length)
                    }
                }
            }
        }
    }

    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let factors = expandedDimensions(inputs[2], axis: -1)
        let classes = expandedDimensions(inputs[1], axis: -1)
        let (axis, length) = (inputs[0].ndim - 1, inputs[0].dim(-1))
        let chosen = ScatterAddAlong(axis: axis, length: length)
        let shares = MLXArray.apply(Softmax(), [inputs[0]])
        return [factors * shares - MLXArray.apply(chosen, [factors, classes])]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 3 }
}

/// The tangent of ``CrossEntropy``: inputs logits, class numbers, and the tangent of the logits.
struct CrossEntropyTangent: ChosenRows {
    var name: String { "crossEntropyTangent" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try checkLogits(inputs)
        guard inputs[2] == inputs[0] else {
            throw refusal("the tangent is \(inputs[2]) instead of \(inputs[0])")
        }
        return [Spec(inputs[1].shape, inputs[0].dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let (x, computed) = (inputs[0], inputs[0].dtype.computed)
        guard let kernel = ck_cross_entropy_tangent_row(computed.code), let length = x.shape.last
        else { return }
        let places = try places(inputs[1], among: length, on: workers)
        let wide = outputs[0].computing(computed)
        let elements = TileReader(x, as: computed)
        let changes = TileReader(inputs[2], as: computed)
        forPieces(of: x, on: workers) { piece in
            elements.withElements(piece.start, piece.count) { x in
                changes.withElements(piece.start, piece.count) { dx in
                    for (row, place) in piece {
                        kernel(wide.address(at: row), x + place, dx + place, places[row], length)
                    }
                }
            }
        }
        outputs[0].finish(wide, on: workers)
    }

    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let classes = expandedDimensions(inputs[1], axis: -1)
        let mean = MLXArray.apply(LogSumExpTangent(), [inputs[0], inputs[2]])
        return [mean - squeezed(takeAlong(inputs[2], classes, axis: -1), axis: -1)]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 3 }
}

/// log Σ exp(logits) − logits[class], along the last axis.
///
/// - Parameters:
///   - logits: [..., classes], integers as float32
///   - classes: the number of a class for each row, [...]; negative ones count from the end
/// - Returns: [...]; a number of no class is an error when it is computed.
package func crossEntropyOfRows(_ logits: MLXArray, _ classes: MLXArray) -> MLXArray {
    MLXArray.apply(CrossEntropy(), [logits.asType(logits.dtype.atLeastFloat), classes])
}
