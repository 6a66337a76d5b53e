import CKernels

/// Passes over numbers of one length: the radices, and what each pass multiplies by.
struct FourierPasses {
    typealias Planes = UnsafeMutablePointer<Double>

    /// What lies in the eight lanes that are computed at a time.
    enum Lanes {
        /// Numbers of eight rows.
        case rows
        /// Eight neighbours of one row.
        case neighbours
    }

    private struct Pass {
        let radix: Int
        let butterflies: Int
        /// The product of the radices before.
        let stride: Int
        /// Where the twiddles are in the tables.
        let offset: Int
    }

    let length: Int
    private let passes: [Pass]
    private let roots: Tensor
    private let tables: Tensor

    /// Nil where the length has a prime that is too large for a pass, or where it is not made of
    /// neighbours by eights.
    init?(length: Int, lanes: Lanes) {
        guard let radices = Self.radices(of: length, lanes) else { return nil }
        self.length = length
        roots = Tensor(Spec([2 * length], .float64))
        ck_fourier_roots(roots.address.as(Double.self), length, length)
        var (passes, stride, offset): ([Pass], Int, Int) = ([], 1, 0)
        for radix in radices {
            let butterflies = length / (radix * stride)
            passes.append(
                Pass(radix: radix, butterflies: butterflies, stride: stride, offset: offset))
            // The first pass over neighbours takes its twiddles from the roots.
            if lanes == .rows || stride > 1 { offset += 2 * (radix + (radix - 1) * butterflies) }
            stride *= radix
        }
        self.passes = passes
        tables = Tensor(Spec([max(1, offset)], .float64))
        for pass in passes where lanes == .rows || pass.stride > 1 {
            ck_fourier_twiddles(
                twiddles(pass), roots.address.as(Double.self), length, pass.radix, pass.stride)
        }
    }

    /// Few passes of large radices; those that can be first or last are so where there are any.
    private static func radices(of length: Int, _ lanes: Lanes) -> [Int]? {
        var rest = length
        var twos = length.trailingZeroBitCount
        rest >>= twos
        var radices: [Int] = []
        if lanes == .neighbours {
            guard twos >= 3, length >= 64 else { return nil }
            radices = [8]
            twos -= 3
        }
        let fours = twos % 3 == 0 ? 0 : twos % 3 == 2 ? 1 : twos > 3 ? 2 : 0
        radices += Array(repeating: 8, count: (twos - 2 * fours) / 3)
        var odd: [Int] = []
        for radix in stride(from: 3, through: Int(CK_FOURIER_MOST_RADIX), by: 2) {
            while rest % radix == 0 {
                odd.append(radix)
                rest /= radix
            }
        }
        radices += odd.reversed()
        radices += Array(repeating: 4, count: fours)
        if twos == 1 { radices.append(2) }
        return rest == 1 ? radices : nil
    }

    /// The doubles that a transform works in.
    static func room(length: Int, _ lanes: Lanes) -> Int {
        (lanes == .rows ? 8 : 1) * 4 * length
    }

    private func twiddles(_ pass: Pass) -> Planes { tables.address.as(Double.self) + pass.offset }

    /// Whether kernels that move rows have passes of a radix in them.
    private static func canMove(_ radix: Int) -> Bool { radix <= 5 || radix == 8 }
}

// MARK: Lanes of rows

extension FourierPasses {
    /// Numbers `pitch` apart of neighbouring columns of complex64.
    struct Columns {
        let address: UnsafeMutablePointer<Float>
        let pitch: Int
    }

    /// Transforms at most eight columns.
    func transform(
        _ source: Columns, to target: Columns, count: Int, isInverse: Bool, room: Planes
    ) {
        let (result, rest) = begin(source, count: count, isInverse: isInverse, room: room)
        let end = lastMoves(after: rest) ? passes.count - 1 : passes.count
        let other = room + 16 * length
        let last = run(rest..<end, from: result, through: (other, room))
        finish(last, from: end, to: target, count: count, isInverse: isInverse, length: length)
    }

    /// Transforms at most eight columns to lanes in the room.
    func transform(_ source: Columns, count: Int, isInverse: Bool, room: Planes) -> Planes {
        let (result, rest) = begin(source, count: count, isInverse: isInverse, room: room)
        return run(rest..<passes.count, from: result, through: (room + 16 * length, room))
    }

    /// Transforms lanes, which are kept, to columns that are numbers of a transform of `total`.
    func transform(
        lanes source: Planes, to target: Columns, count: Int, isInverse: Bool, total: Int,
        room: Planes
    ) {
        let end = lastMoves(after: 0) ? passes.count - 1 : passes.count
        let last = run(0..<end, from: source, through: (room, room + 16 * length))
        finish(last, from: end, to: target, count: count, isInverse: isInverse, length: total)
    }

    /// Transforms lanes, which are kept, to lanes.
    func transform(lanes source: Planes, room: Planes) -> Planes {
        run(0..<passes.count, from: source, through: (room, room + 16 * length))
    }

    /// Transforms lanes that lie at the start of the room.
    func transform(room: Planes) -> Planes {
        run(0..<passes.count, from: room, through: (room + 16 * length, room))
    }

    private func begin(
        _ source: Columns, count: Int, isInverse: Bool, room: Planes
    ) -> (Planes, rest: Int) {
        let roots = roots.address.as(Double.self)
        guard let pass = passes.first, Self.canMove(pass.radix) else {
            ck_fourier_begin(
                room, source.address, roots, 1, length, source.pitch, count, isInverse)
            return (room, 0)
        }
        ck_fourier_begin(
            room, source.address, twiddles(pass), pass.radix, pass.butterflies, source.pitch,
            count, isInverse)
        return (room, 1)
    }

    private func lastMoves(after first: Int) -> Bool {
        guard passes.count > first, let last = passes.last else { return false }
        return Self.canMove(last.radix)
    }

    private func finish(
        _ lanes: Planes, from end: Int, to target: Columns, count: Int, isInverse: Bool,
        length total: Int
    ) {
        let radix = end < passes.count ? passes[end].radix : 1
        ck_fourier_finish(
            target.address, lanes, radix, length / radix, target.pitch, count,
            isInverse ? 1 / Double(total) : 1, isInverse)
    }

    private func run(
        _ range: Range<Int>, from source: Planes, through room: (Planes, Planes), lanes: Int = 1
    ) -> Planes {
        var (from, to, other) = (source, room.0, room.1)
        for index in range {
            let pass = passes[index]
            ck_fourier_pass(
                to, from, twiddles(pass), pass.radix, pass.butterflies, pass.stride / lanes)
            from = to
            swap(&to, &other)
        }
        return from
    }
}

// MARK: Lanes of neighbours

extension FourierPasses {
    /// Transforms a row of neighbours.
    func transform(_ source: FourierRow.Source, to target: FourierRow.Target, room: Planes) {
        let roots = roots.address.as(Double.self)
        switch source {
        case .numbers(let row, let isInverse):
            ck_fourier_open(room, row, roots, length, isInverse)
        case .planes(let planes):
            ck_fourier_open_planes(room, planes, roots, length, length)
        }
        let moves = lastMoves(after: 1)
        let end = passes.count - 1
        let spare = room + 2 * length
        switch target {
        case .numbers(let row, let isInverse):
            let last = run(
                1..<(moves ? end : end + 1), from: room, through: (spare, room), lanes: 8)
            let radix = moves ? passes[end].radix : 1
            ck_fourier_finish(
                row, last, radix, length / radix / 8, 8, 8, isInverse ? 1 / Double(length) : 1,
                isInverse)
        case .eights(let eights):
            let last = run(1..<end, from: room, through: (spare, room), lanes: 8)
            _ = run(end..<end + 1, from: last, through: (eights, eights), lanes: 8)
        }
    }
}
