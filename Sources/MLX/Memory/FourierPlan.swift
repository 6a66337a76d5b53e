import CKernels
import Glibc

/// How rows of one length are transformed: the tables, made once for all rows of a call.
///
/// Rows are computed in double and rounded once. Lengths of small primes go through passes, others
/// through a convolution: L. Bluestein, "A linear filtering approach to the computation of the
/// discrete Fourier transform" (1970).
struct FourierPlan {
    typealias Planes = UnsafeMutablePointer<Double>

    private enum Method {
        case passes(MixedRadix)
        case convolution(Bluestein)
    }

    let length: Int
    private let method: Method

    init(length: Int) {
        self.length = length
        if let radices = MixedRadix.radices(of: length) {
            method = .passes(MixedRadix(length: length, radices))
        } else {
            method = .convolution(Bluestein(length: length))
        }
    }

    /// The doubles that one row needs while it is transformed.
    private var workspace: Int {
        switch method {
        case .passes: 4 * length
        case .convolution(let bluestein): 2 * length + 4 * bluestein.inner.length
        }
    }

    /// A row's place among those that are transformed together.
    struct Lane {
        let real: Planes
        let imaginary: Planes
        let length: Int
        let lanes: Int

        /// The lane with its parts in each other's place.
        var swapped: Lane { Lane(real: imaginary, imaginary: real, length: length, lanes: lanes) }
    }

    /// Transforms rows on all workers: `load` fills the lane of a row, and `store` finds the
    /// transform in it. Rows are transformed together as far as the cache holds them.
    func run(
        rows: Int, on workers: Workers, load: (_ row: Int, Lane) -> Void,
        store: (_ row: Int, Lane) -> Void
    ) {
        let most = max(1, min(8, (1 << 14) / length))
        let grain = max(most, (1 << 13) / length / most * most)
        let scratch = TaskMemory(
            tasks: (rows + grain - 1) / grain,
            byteCount: workspace * most * MemoryLayout<Double>.size)
        workers.forRanges(of: rows, grain: grain) { range in
            scratch.borrow { room in
                let planes = room.as(Double.self)
                for first in stride(from: range.lowerBound, to: range.upperBound, by: most) {
                    let count = min(most, range.upperBound - first)
                    for row in 0..<count { load(first + row, lane(row, of: count, planes)) }
                    let result = transform(planes, lanes: count)
                    for row in 0..<count { store(first + row, lane(row, of: count, result)) }
                }
            }
        }
    }

    private func lane(_ row: Int, of lanes: Int, _ planes: Planes) -> Lane {
        Lane(
            real: planes + row, imaginary: planes + length * lanes + row, length: length,
            lanes: lanes)
    }

    private func transform(_ planes: Planes, lanes: Int) -> Planes {
        let scratch = planes + 2 * length * lanes
        switch method {
        case .passes(let passes):
            return passes.transform(planes, scratch: scratch, lanes: lanes)
        case .convolution(let bluestein):
            bluestein.transform(planes, scratch: scratch, lanes: lanes)
            return planes
        }
    }
}

/// Transforms of a length that has small prime factors only.
private struct MixedRadix {
    let length: Int
    private let radices: [Int]
    private let roots: Tensor

    init(length: Int, _ radices: [Int]) {
        self.length = length
        self.radices = radices
        roots = Tensor(Spec([2 * length], .float64))
        ck_fourier_roots(roots.address.as(Double.self), length)
    }

    /// The radices of the passes for a length; nil where a prime is too large for a pass.
    static func radices(of length: Int) -> [Int]? {
        var rest = length
        var radices: [Int] = []
        for radix in [4, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31] {
            while rest % radix == 0 {
                radices.append(radix)
                rest /= radix
            }
        }
        return rest == 1 ? radices : nil
    }

    /// Transforms planes, using both buffers; gives the one with the result.
    func transform(
        _ planes: FourierPlan.Planes, scratch: FourierPlan.Planes, lanes: Int
    ) -> FourierPlan.Planes {
        var (source, target) = (planes, scratch)
        var stride = lanes
        for radix in radices {
            ck_fourier_pass(
                target, source, roots.address.as(Double.self), length, radix, stride, lanes)
            swap(&source, &target)
            stride *= radix
        }
        return source
    }
}

/// Transforms of any length as a convolution with a chirp, by transforms of a friendlier length.
private struct Bluestein {
    let length: Int
    let inner: MixedRadix
    private let chirp: Tensor
    private let filter: Tensor

    init(length: Int) {
        self.length = length
        inner = Self.inner(atLeast: 2 * length - 1)
        chirp = Tensor(Spec([2 * length], .float64))
        let roots = Tensor(Spec([4 * length], .float64))
        ck_fourier_roots(roots.address.as(Double.self), 2 * length)
        ck_fourier_chirp(chirp.address.as(Double.self), roots.address.as(Double.self), length)
        filter = Self.filter(of: chirp, length, inner)
    }

    private static func inner(atLeast length: Int) -> MixedRadix {
        var candidate = length
        while true {
            if let radices = MixedRadix.radices(of: candidate), radices.allSatisfy({ $0 <= 5 }) {
                return MixedRadix(length: candidate, radices)
            }
            candidate += 1
        }
    }

    /// The transform of the conjugate chirp, laid out around zero, over the inner length.
    private static func filter(of chirp: Tensor, _ length: Int, _ inner: MixedRadix) -> Tensor {
        let count = inner.length
        let space = Tensor(Spec([4 * count], .float64))
        let (chirp, planes) = (chirp.address.as(Double.self), space.address.as(Double.self))
        planes.update(repeating: 0, count: 2 * count)
        for k in 0..<length {
            for place in [k, (count - k) % count] {
                planes[place] = chirp[k] / Double(count)
                planes[count + place] = -chirp[length + k] / Double(count)
            }
        }
        let result = inner.transform(planes, scratch: planes + 2 * count, lanes: 1)
        let filter = Tensor(Spec([2 * count], .float64))
        filter.address.as(Double.self).update(from: result, count: 2 * count)
        return filter
    }

    /// Transforms planes in place; the scratch holds two pairs of planes of the inner length.
    func transform(_ planes: FourierPlan.Planes, scratch: FourierPlan.Planes, lanes: Int) {
        let (own, count) = (length * lanes, inner.length * lanes)
        let chirp = chirp.address.as(Double.self)
        scratch.update(repeating: 0, count: 2 * count)
        ck_fourier_multiply(scratch, count, planes, own, chirp, length, lanes)
        let other = scratch + 2 * count
        let spectrum = inner.transform(scratch, scratch: other, lanes: lanes)
        // The planes change places, before and after, which makes the transform the inverse.
        let product = spectrum == scratch ? other : scratch
        let filter = filter.address.as(Double.self)
        ck_fourier_multiply(
            product + count, -count, spectrum, count, filter, inner.length, lanes)
        let result = inner.transform(product, scratch: spectrum, lanes: lanes)
        ck_fourier_multiply(planes, own, result + count, -count, chirp, length, lanes)
    }
}
