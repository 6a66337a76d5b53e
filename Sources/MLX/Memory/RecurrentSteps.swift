import CKernels

/// The sizes of a recurrent layer on a batch of sequences: its weights are those of some gates,
/// each `width` rows.
struct RecurrentShape {
    let batch: Int
    let steps: Int
    let width: Int
    let gates: Int

    /// The first element of a sequence's state at a step.
    func state(_ row: Int, _ step: Int) -> Int { (row * steps + step) * width }
}

/// The steps of a recurrent layer, one after the other: float32 or float64, row-major.
struct RecurrentSteps {
    let shape: RecurrentShape
    let dtype: DType
    /// [gates · width, width].
    let weights: Tensor
    let workers: Workers

    private var width: Int { shape.width }

    /// One gate of all sequences and steps.
    struct Gate {
        private let address: UnsafeMutableRawPointer
        private let size: Int
        /// How many elements lie between a sequence's and the next one's.
        let row: Int
        private let step: Int

        /// The gate that begins at a column of a tensor [batch, steps, columns].
        init(_ tensor: Tensor, column: Int) {
            (address, size) = (tensor.address(at: column), tensor.dtype.size)
            (row, step) = (tensor.shape[1] * tensor.shape[2], tensor.shape[2])
        }

        func address(_ row: Int, _ step: Int, _ column: Int = 0) -> UnsafeMutableRawPointer {
            address + (row * self.row + step * self.step + column) * size
        }
    }

    /// Does the work of one step, for some elements of one sequence.
    typealias Take = (_ step: Int, _ row: Int, _ part: Range<Int>) -> Void

    /// The weights as the right operand of the way there, or of the way back.
    private func weight(isThere: Bool) -> BLAS.Matrix {
        BLAS.Matrix(address: weights.address, leading: width, isTransposed: isThere)
    }

    private func product(isThere: Bool) -> RecurrentProduct? {
        let joined = shape.gates * width
        return RecurrentProduct(
            weight(isThere: isThere), rows: shape.batch, columns: isThere ? joined : width,
            depth: isThere ? width : joined, width: width, dtype: dtype, on: workers)
    }

    /// The rows of a step, some for each worker.
    private func forRows(_ body: (Int) -> Void) {
        workers.forRanges(of: shape.batch, grain: max(1, 2048 / width)) { $0.forEach(body) }
    }

    /// Adds to the gates of each step the products of the hidden state before, with which `take`
    /// writes the next one [batch, steps, width]; the one before the first step [batch, width] may
    /// be known to be zero.
    func forward(
        hidden: Tensor, first: Tensor, isFromZero: Bool, gates: [Gate], take: Take
    ) {
        guard let add = ck_add(dtype.code) else { return }
        let (shape, width) = (shape, width)
        guard let product = product(isThere: true) else {
            let sums = Tensor(Spec([shape.batch, shape.gates * width], dtype))
            for step in 0..<shape.steps {
                let before = BLAS.Matrix(
                    address: step == 0
                        ? first.address : hidden.address(at: shape.state(0, step - 1)),
                    leading: step == 0 ? width : shape.steps * width, isTransposed: false)
                if step > 0 || !isFromZero {
                    BLAS.multiply(
                        before, weight(isThere: true), into: sums.address, m: shape.batch,
                        n: shape.gates * width, k: width, dtype: dtype, on: workers)
                }
                forRows { row in
                    for (index, gate) in gates.enumerated() where step > 0 || !isFromZero {
                        let (place, sum) = (gate.address(row, step), row * gates.count + index)
                        add(place, place, sums.address(at: sum * width), width)
                    }
                    take(step, row, 0..<width)
                }
            }
            return
        }
        if !isFromZero {
            product.pack(0..<width, of: first.address, 0..<shape.batch, leading: width, step: 0)
        }
        let tasks = product.tasks(width, each: shape.gates)
        for step in 0..<shape.steps {
            workers.run(tasks.count) { index in
                let task = tasks[index]
                for (index, gate) in gates.enumerated() where step > 0 || !isFromZero {
                    product.multiply(
                        task, column: index * width + task.columns.lowerBound, step: step,
                        into: gate.address(0, step, task.columns.lowerBound), leading: gate.row,
                        isAdded: true)
                }
                for row in task.rows { take(step, row, task.columns) }
                if step + 1 < shape.steps {
                    product.pack(
                        task.columns, of: hidden.address(at: shape.state(0, step)), task.rows,
                        leading: shape.steps * width, step: step + 1)
                }
            }
        }
    }

    /// The way back: `take` writes a step's gradients by what was added to its gates, and of what
    /// it finds as the gradient by its hidden state [batch, width] what goes past the gates, if
    /// anything does; their products come in its place, or are added to it.
    func backward(byHidden: Tensor, isAdded: Bool, slopes: [Gate], take: Take) {
        guard let add = ck_add(dtype.code) else { return }
        let (shape, width) = (shape, width)
        byHidden.clear(on: workers)
        guard let product = product(isThere: false) else {
            let joined = Tensor(Spec([shape.batch, shape.gates * width], dtype))
            let operand = BLAS.Matrix(
                address: joined.address, leading: shape.gates * width, isTransposed: false)
            let sums = isAdded ? Tensor(byHidden.spec) : byHidden
            for step in (0..<shape.steps).reversed() {
                forRows { row in
                    take(step, row, 0..<width)
                    for (index, slope) in slopes.enumerated() {
                        joined.address(at: (row * slopes.count + index) * width)
                            .copyMemory(
                                from: slope.address(row, step), byteCount: width * dtype.size)
                    }
                }
                BLAS.multiply(
                    operand, weight(isThere: false), into: sums.address, m: shape.batch, n: width,
                    k: shape.gates * width, dtype: dtype, on: workers)
                if !isAdded { continue }
                forRows { row in
                    let place = byHidden.address(at: row * width)
                    add(place, place, sums.address(at: row * width), width)
                }
            }
            return
        }
        let tasks = product.tasks(width, each: 1)
        for turn in 0...shape.steps {
            let step = shape.steps - 1 - turn
            workers.run(tasks.count) { index in
                let task = tasks[index]
                let column = task.columns.lowerBound
                if turn > 0 {
                    product.multiply(
                        task, column: column, step: turn, into: byHidden.address(at: column),
                        leading: width, isAdded: isAdded)
                }
                if step < 0 { return }
                for row in task.rows { take(step, row, task.columns) }
                for (index, slope) in slopes.enumerated() {
                    product.pack(
                        task.columns, of: slope.address(0, step), task.rows, leading: slope.row,
                        from: index * width, step: turn + 1)
                }
            }
        }
    }
}
