import CKernels

/// The windows of the axes between the first and the last of an array `[N, spatial…, C]`, as a
/// view `[N, positions…, sizes…, C]` without a copy.
struct SlidingWindows: View, Portable {
    let sizes: [Int]
    let strides: [Int]
    let dilation: [Int]

    func shape(_ input: [Int]) throws(MLXError) -> [Int] {
        let spatial = input.dropFirst().dropLast()
        guard spatial.count == sizes.count else {
            throw refusal(
                "\(sizes.count) spatial axes expected between the first and the last, got shape \(input)"
            )
        }
        var positions: [Int] = []
        for (index, size) in spatial.enumerated() {
            let reach = (sizes[index] - 1) * dilation[index] + 1
            guard size >= reach else {
                throw refusal(
                    "a window of \(reach) does not fit the padded size \(size) of axis \(index + 1)"
                )
            }
            positions.append((size - reach) / strides[index] + 1)
        }
        return [input[0]] + positions + sizes + [input[input.count - 1]]
    }

    func view(_ input: Layout) -> Layout? {
        guard let target = try? shape(input.shape) else { return nil }
        let places = input.strides
        let spatial = places.dropFirst().dropLast()
        let positions = zip(spatial, strides).map { $0 * $1 }
        let inside = zip(spatial, dilation).map { $0 * $1 }
        return Layout(
            shape: target, strides: [places[0]] + positions + inside + [places[places.count - 1]],
            offset: input.offset)
    }

    func gradient(_ input: MLXArray, _ cotangent: MLXArray) -> MLXArray {
        MLXArray.apply(Fold(windows: self, target: input.shape), [cotangent])
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let result = MLXArray.apply(self, [flattened(inputs[0], start: 0, end: 1)])
        return [Batched(reshaped(result, inputs[0].shape.prefix(2) + result.shape.dropFirst()))]
    }
}

/// Windows added up where they came from: the transpose of ``SlidingWindows``.
struct Fold: LinearPrimitive, Portable {
    var name: String { "fold" }
    let windows: SlidingWindows
    let target: [Int]

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] { [Spec(target, inputs[0].dtype)] }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let output = outputs[0]
        output.clear(on: workers)
        guard let kernel = ck_accumulate_2d(output.dtype.code),
            let seen = windows.view(output.layout), output.count > 0
        else { return }
        let input = inputs[0]
        let rank = windows.sizes.count
        // A sample's windows overlap, so one task adds them, always in the same order.
        workers.run(target[0]) { sample in
            for offset in Offsets(input.shape[(1 + rank)..<(1 + 2 * rank)]) {
                let into = seen.window(sample, offset, rank)
                let from = input.layout.window(sample, offset, rank)
                Self.accumulate(kernel, output, into, input, from)
            }
        }
    }

    /// Adds the elements of one layout to those of another, two axes at a time.
    private static func accumulate(
        _ kernel: ck_accumulate, _ output: Tensor, _ into: Layout, _ input: Tensor, _ from: Layout
    ) {
        let last = into.shape.count - 1
        let size = output.dtype.size
        let (steps, places) = (into.strides, from.strides)
        for index in Offsets(into.shape[..<max(last - 1, 0)]) {
            let target = zip(index, steps).reduce(into.offset) { $0 + $1.0 * $1.1 }
            let source = zip(index, places).reduce(from.offset) { $0 + $1.0 * $1.1 }
            kernel(
                output.storage.address + target * size, input.storage.address + source * size,
                into.shape[last - 1], into.shape[last], steps[last - 1], steps[last],
                places[last - 1], places[last])
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { MLXArray.apply(windows, [$0]) }]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let samples = Fold(windows: windows, target: [batch.size * target[0]] + target.dropFirst())
        let result = MLXArray.apply(samples, [flattened(inputs[0], start: 0, end: 1)])
        return [Batched(reshaped(result, [batch.size] + target))]
    }
}

extension Layout {
    /// One element of every window of a sample: `[positions…, C]`.
    fileprivate func window(_ sample: Int, _ inside: [Int], _ rank: Int) -> Layout {
        let strides = strides
        var start = offset + sample * strides[0]
        for (axis, index) in inside.enumerated() { start += index * strides[1 + rank + axis] }
        let last = shape.count - 1
        return Layout(
            shape: Array(shape[1...rank]) + [shape[last]],
            strides: Array(strides[1...rank]) + [strides[last]], offset: start)
    }
}

/// The index tuples of a shape in row-major order.
struct Offsets: Sequence, IteratorProtocol {
    private let shape: [Int]
    private var upcoming: [Int]?

    init(_ shape: ArraySlice<Int>) {
        self.shape = Array(shape)
        upcoming = shape.contains(0) ? nil : shape.map { _ in 0 }
    }

    mutating func next() -> [Int]? {
        guard let current = upcoming else { return nil }
        var following = current
        for axis in shape.indices.reversed() {
            following[axis] += 1
            if following[axis] < shape[axis] {
                upcoming = following
                return current
            }
            following[axis] = 0
        }
        upcoming = nil
        return current
    }
}

// What a call from a file must be.
extension SlidingWindows {
    func isSound(_ inputs: [Spec]) -> Bool {
        guard inputs.count == 1, inputs[0].shape.count == sizes.count + 2,
            strides.count == sizes.count, dilation.count == sizes.count
        else { return false }
        return sizes.indices.allSatisfy { axis in
            let longest = Int(Spec.longestStep(inputs[0].shape[axis + 1]))
            return 1...longest ~= strides[axis] && 1...longest ~= dilation[axis]
                && sizes[axis] > 0 && Spec.product(sizes[axis], dilation[axis]) != nil
        }
    }
}

extension Fold {
    func isSound(_ inputs: [Spec]) -> Bool {
        guard inputs.count == 1, Spec.isShape(target) else { return false }
        let whole = [Spec(target, inputs[0].dtype)]
        return windows.isSound(whole) && (try? windows.outputs(whole)) == inputs
    }
}
