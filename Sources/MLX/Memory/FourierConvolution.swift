import CKernels

/// Transforms of any length as a convolution with a chirp, by transforms of a friendlier length:
/// L. Bluestein, "A linear filtering approach to the computation of the discrete Fourier
/// transform" (1970).
struct FourierConvolution {
    typealias Planes = FourierRow.Planes

    private let length: Int
    private let count: Int
    private let inner: FourierRow
    private let chirp: Tensor
    private let filter: Tensor

    init(length: Int) {
        self.length = length
        (inner, count) = Self.inner(atLeast: 2 * length - 1)
        chirp = Tensor(Spec([2 * length], .float64))
        let roots = Tensor(Spec([4 * length], .float64))
        ck_fourier_roots(roots.address.as(Double.self), 2 * length, 2 * length)
        ck_fourier_chirp(chirp.address.as(Double.self), roots.address.as(Double.self), length)
        filter = Tensor(Spec([2 * count], .float64))
        fillFilter()
    }

    private static func inner(atLeast length: Int) -> (FourierRow, Int) {
        var candidate = (length + 63) / 64 * 64
        while true {
            if hasSmallPrimes(candidate), let row = FourierRow(length: candidate) {
                return (row, candidate)
            }
            candidate += 64
        }
    }

    private static func hasSmallPrimes(_ number: Int) -> Bool {
        var rest = number >> number.trailingZeroBitCount
        for prime in [3, 5] {
            while rest % prime == 0 { rest /= prime }
        }
        return rest == 1
    }

    /// The filter becomes the transform of the conjugate chirp, laid out around zero.
    private func fillFilter() {
        let space = Tensor(Spec([2 * count + inner.room], .float64))
        let (chirp, planes) = (chirp.address.as(Double.self), space.address.as(Double.self))
        planes.update(repeating: 0, count: 2 * count)
        for k in 0..<length {
            let (re, im) = (chirp[k] / Double(count), -chirp[length + k] / Double(count))
            let mirror = k == 0 ? 0 : count - k
            (planes[k], planes[count + k]) = (re, im)
            (planes[mirror], planes[count + mirror]) = (re, im)
        }
        inner.transform(
            .planes(planes), to: .eights(filter.address.as(Double.self)),
            room: planes + 2 * count, on: .shared)
    }

    /// Transforms rows of complex64 that follow each other.
    func transform(
        _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, rows: Int,
        isInverse: Bool, on workers: Workers
    ) {
        let chirp = chirp.address.as(Double.self)
        let filter = filter.address.as(Double.self)
        inner.forRows(rows, scratch: 4 * count, on: workers) { row, room in
            let (planes, eights) = (room + inner.room, room + inner.room + 2 * count)
            let offset = 2 * row * length
            ck_fourier_chirp_row(planes, source + offset, chirp, length, count, isInverse)
            inner.transform(.planes(planes), to: .eights(eights), room: room, on: workers)
            ck_fourier_filter(planes, eights, filter, count)
            inner.transform(.planes(planes), to: .eights(eights), room: room, on: workers)
            ck_fourier_unchirp_row(
                target + offset, eights, chirp, length, isInverse ? 1 / Double(length) : 1,
                isInverse)
        }
    }
}
