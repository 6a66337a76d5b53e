import CKernels

/// How real rows of one length are transformed, and halves of their spectra back.
///
/// Where the length is even the numbers, taken in pairs, are complex ones; of their transform the
/// spectrum is made: H. Sorensen et al., "Real-valued fast Fourier transform algorithms" (1987).
struct FourierRealPlan {
    typealias Numbers = UnsafeMutablePointer<Float>

    private enum Method {
        case row(FourierRow)
        case lanes(FourierPasses)
        /// Rows that are complex numbers, one by one.
        case whole(FourierPlan)
    }

    private let length: Int
    private let method: Method
    private let roots: Tensor

    init(length: Int) {
        self.length = length
        method = Self.method(length: length)
        if case .whole = method {
            roots = Tensor(Spec([0], .float64))
        } else {
            roots = Tensor(Spec([2 * length], .float64))
            ck_fourier_roots(roots.address.as(Double.self), length, length)
        }
    }

    private static func method(length: Int) -> Method {
        if length % 2 == 0 {
            if let row = FourierRow(length: length / 2), row.takesEights { return .row(row) }
            if length / 2 <= FourierRow.most,
                let passes = FourierPasses(length: length / 2, lanes: .rows)
            {
                return .lanes(passes)
            }
        }
        return .whole(FourierPlan(length: length))
    }

    private var half: Int { length / 2 }

    /// Transforms rows of float32 to the first `length / 2 + 1` numbers of their spectra.
    func transform(_ source: Numbers, to target: Numbers, rows: Int, on workers: Workers) {
        let roots = roots.address.as(Double.self)
        switch method {
        case .row(let row):
            row.forRows(rows, scratch: length, on: workers) { index, room in
                let eights = room + row.room
                row.transform(
                    .numbers(source + index * length, isInverse: false), to: .eights(eights),
                    room: room, on: workers)
                forParts(on: workers) { part in
                    ck_fourier_split(
                        target + index * (length + 2), eights, roots, half, part.lowerBound,
                        part.upperBound)
                }
            }
        case .lanes(let passes):
            passes.forEights(of: rows, scratch: 16 * (half + 1), on: workers) {
                first, count, room in
                ck_fourier_load_rows(room, source + first * length, half, half, count, false)
                let spectra = room + FourierPasses.room(length: half, .rows)
                ck_fourier_split_lanes(spectra, passes.transform(room: room), roots, half)
                ck_fourier_store_rows(
                    target + first * (length + 2), spectra, half + 1, half + 1, count, 1, false)
            }
        case .whole(let plan): transformWhole(plan, source, to: target, rows: rows, on: workers)
        }
    }

    /// Transforms the first halves of spectra to rows of float32.
    func invert(_ source: Numbers, to target: Numbers, rows: Int, on workers: Workers) {
        let roots = roots.address.as(Double.self)
        switch method {
        case .row(let row):
            row.forRows(rows, scratch: length, on: workers) { index, room in
                let planes = room + row.room
                forParts(on: workers) { part in
                    ck_fourier_join(
                        planes, source + index * (length + 2), roots, half, part.lowerBound,
                        part.upperBound)
                }
                row.transform(
                    .planes(planes), to: .numbers(target + index * length, isInverse: true),
                    room: room, on: workers)
            }
        case .lanes(let passes):
            passes.forEights(of: rows, scratch: 16 * (half + 1), on: workers) {
                first, count, room in
                let spectra = room + FourierPasses.room(length: half, .rows)
                ck_fourier_load_rows(
                    spectra, source + first * (length + 2), half + 1, half + 1, count, false)
                ck_fourier_join_lanes(room, spectra, roots, half)
                ck_fourier_store_rows(
                    target + first * length, passes.transform(room: room), half, half, count,
                    1 / Double(half), true)
            }
        case .whole(let plan): invertWhole(plan, source, to: target, rows: rows, on: workers)
        }
    }

    private func forParts(on workers: Workers, _ body: (Range<Int>) -> Void) {
        workers.forRanges(of: half, grain: FourierPlan.taskNumbers, body)
    }

    private func transformWhole(
        _ plan: FourierPlan, _ source: Numbers, to target: Numbers, rows: Int,
        on workers: Workers
    ) {
        let space = Storage(byteCount: rows * length * DType.complex64.size)
        let numbers = space.address.as(Float.self)
        forRows(rows, on: workers) { row in
            ck_fourier_widen(numbers + 2 * row * length, source + row * length, length)
        }
        plan.transform(numbers, to: numbers, rows: rows, isInverse: false, on: workers)
        let count = 2 * (half + 1)
        forRows(rows, on: workers) { row in
            (target + row * count).update(from: numbers + 2 * row * length, count: count)
        }
    }

    private func invertWhole(
        _ plan: FourierPlan, _ source: Numbers, to target: Numbers, rows: Int,
        on workers: Workers
    ) {
        let space = Storage(byteCount: rows * length * DType.complex64.size)
        let numbers = space.address.as(Float.self)
        forRows(rows, on: workers) { row in
            ck_fourier_mirror(numbers + 2 * row * length, source + 2 * row * (half + 1), length)
        }
        plan.transform(numbers, to: numbers, rows: rows, isInverse: true, on: workers)
        forRows(rows, on: workers) { row in
            ck_fourier_real_parts(target + row * length, numbers + 2 * row * length, length)
        }
    }

    private func forRows(_ rows: Int, on workers: Workers, _ body: (_ row: Int) -> Void) {
        workers.forRanges(of: rows, grain: max(1, FourierPlan.taskNumbers / length)) { range in
            for row in range { body(row) }
        }
    }
}
