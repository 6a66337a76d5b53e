/// A function that runs `f` for every index of an axis of its arguments, in one batched pass.
///
/// - Parameters:
///   - inAxes: for each argument the axis that is repeated over; nil for one that is the same for
///     all
///   - outAxes: for each result where the axis comes out; nil for one that is the same for all
public func vmap(
    _ f: @escaping ([MLXArray]) -> [MLXArray], inAxes: some Sequence<Int?> = [0],
    outAxes: some Sequence<Int?> = [0]
) -> ([MLXArray]) -> [MLXArray] {
    let (inAxes, outAxes) = (Array(inAxes), Array(outAxes))
    return { arguments in
        Evaluate.lock.lock()
        defer { Evaluate.lock.unlock() }
        do throws(MLXError) {
            return try Vmap(function: f, inAxes: inAxes, outAxes: outAxes).run(arguments)
        } catch {
            ErrorHandler.report(error)
            return arguments
        }
    }
}

/// A function that runs `f` for every index of an axis of its argument, in one batched pass.
public func vmap(
    _ f: @escaping (MLXArray) -> MLXArray, inAxes: Int? = 0, outAxes: Int? = 0
) -> (MLXArray) -> MLXArray {
    let batched = vmap({ [f($0[0])] }, inAxes: [inAxes], outAxes: [outAxes])
    return { batched([$0])[0] }
}

/// A function that runs `f` for every index of an axis of its arguments, in one batched pass.
public func vmap(
    _ f: @escaping (MLXArray, MLXArray) -> MLXArray, inAxes: (Int?, Int?) = (0, 0),
    outAxes: Int? = 0
) -> (MLXArray, MLXArray) -> MLXArray {
    let batched = vmap({ [f($0[0], $0[1])] }, inAxes: [inAxes.0, inAxes.1], outAxes: [outAxes])
    return { batched([$0, $1])[0] }
}

/// Traces a function on one index, then asks each primitive for the same call over all.
private struct Vmap {
    let function: ([MLXArray]) -> [MLXArray]
    let inAxes: [Int?]
    let outAxes: [Int?]

    func run(_ arguments: [MLXArray]) throws(MLXError) -> [MLXArray] {
        let axes = try axes(inAxes, for: arguments.count, "inAxes")
        var size: Int?
        for (argument, axis) in zip(arguments, axes) {
            guard let axis else { continue }
            let position = axis < 0 ? axis + argument.ndim : axis
            guard 0..<argument.ndim ~= position else {
                throw .caught(
                    "[vmap] axis \(axis) does not fit an argument of shape \(argument.shape)")
            }
            guard size == nil || size == argument.dim(position) else {
                throw .caught(
                    "[vmap] the arguments' axes differ in size: \(arguments.map(\.shape)) over \(axes)"
                )
            }
            size = argument.dim(position)
        }
        guard let size else { throw .caught("[vmap] no argument has an axis to repeat over") }
        let batched = zip(arguments, axes).map { argument, axis in
            axis.map { moved(argument, from: $0, to: 0) } ?? argument
        }
        return try results(of: batched, axes.map { $0 != nil }, size)
    }

    private func axes(
        _ axes: [Int?], for count: Int, _ name: String
    ) throws(MLXError) -> [Int?] {
        if axes.count == count { return axes }
        guard axes.count == 1 else {
            throw .caught("[vmap] \(axes.count) \(name) for \(count) arrays")
        }
        return [Int?](repeating: axes[0], count: count)
    }

    private func results(
        of arguments: [MLXArray], _ isBatched: [Bool], _ size: Int
    ) throws(MLXError) -> [MLXArray] {
        let stands = zip(arguments, isBatched).map { argument, isBatched in
            isBatched
                ? MLXArray.standIn(
                    Spec(Array(argument.shape.dropFirst()), argument.dtype), for: "vmap")
                : argument
        }
        let (tracers, outputs) = Trace.run(function, on: stands)
        let order = Walk.nodes(between: tracers, and: outputs)
        defer { Walk.release(order) }
        var batched = order.map { [Batched?](repeating: nil, count: $0.specs.count) }
        for (index, tracer) in tracers.enumerated() where tracer.value.node.mark >= 0 {
            batched[tracer.value.node.mark] = [
                Batched(arguments[index], axis: isBatched[index] ? 0 : nil)
            ]
        }
        let ends = Ends(tracers)
        for (position, node) in order.enumerated() where !ends.contains(node) {
            batched[position] = call(node, batched, size)
        }
        let places = try axes(outAxes, for: outputs.count, "outAxes")
        return zip(outputs, places).map { output, place in
            let node = output.value.node
            let found = node.mark >= 0 ? batched[node.mark][output.value.index] : nil
            return placed(found ?? Batched(output, axis: nil), place, size)
        }
    }

    /// One node's call over the batch, or as it is where none of its inputs has the axis.
    private func call(_ node: Node, _ batched: [[Batched?]], _ size: Int) -> [Batched?] {
        let inputs = node.inputs.map { input -> Batched in
            let found = input.node.mark >= 0 ? batched[input.node.mark][input.index] : nil
            return found ?? Batched(MLXArray(input), axis: nil)
        }
        guard let primitive = node.primitive else { return [] }
        let isBatched = inputs.map { $0.axis != nil }
        if !isBatched.contains(true) {
            let same = Node(primitive, inputs: Few(inputs.map(\.array.value)), specs: node.specs)
            return node.specs.indices.map {
                Batched(MLXArray(Node.Value(node: same, index: $0)), axis: nil)
            }
        }
        return primitive.vmap(inputs.map(\.inFront), Batch(size: size, isBatched: isBatched))
    }

    private func placed(_ result: Batched, _ place: Int?, _ size: Int) -> MLXArray {
        guard let place else { return result.inFront }
        let stretched =
            result.axis == nil
            ? broadcast(expandedDimensions(result.array, axis: 0), to: [size] + result.array.shape)
            : result.inFront
        return moved(stretched, from: 0, to: place)
    }

    /// The array with one axis at another place; itself, without a node, where it is there already.
    private func moved(_ array: MLXArray, from: Int, to: Int) -> MLXArray {
        from == to ? array : movedAxis(array, source: from, destination: to)
    }
}
