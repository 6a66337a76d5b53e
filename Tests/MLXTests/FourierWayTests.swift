import Glibc
import MLX
import TestSupport
import Testing

/// Lengths and shapes for each of the ways in which transforms are computed.
@Suite("Fourier transforms in every way")
struct FourierWayTests {
    private func numbersOf(_ shape: [Int], seed: UInt64 = 1) -> MLXArray {
        random(shape, .float32, seed: seed) + random(shape, .float32, seed: seed + 1).asImaginary()
    }

    /// Places from the start, the end, and all over a row.
    private func places(_ count: Int) -> [Int] {
        [0, 1, 8, count / 2, count - 8, count - 1] + (1..<8).map { $0 * 7919 % count }
    }

    /// The error of some numbers of a transform by its definition, measured by the root of the
    /// length, about which they are large.
    private func error(_ result: MLXArray, of row: MLXArray, sign: Double = -1) -> Double {
        let (given, got, n) = (numbers(row), numbers(result), row.dim(0))
        var distance = 0.0
        let chosen = places(result.dim(0))
        for place in chosen {
            var (re, im) = (0.0, 0.0)
            for j in 0..<n {
                let angle = sign * 2 * Double.pi * Double(place * j % n) / Double(n)
                re += given[2 * j] * cos(angle) - given[2 * j + 1] * sin(angle)
                im += given[2 * j] * sin(angle) + given[2 * j + 1] * cos(angle)
            }
            let scale = sign < 0 ? 1 : Double(n)
            distance +=
                pow(scale * got[2 * place] - re, 2) + pow(scale * got[2 * place + 1] - im, 2)
        }
        return (distance / Double(chosen.count * n)).squareRoot()
    }

    /// The lengths of rows that are passes, matrices whose sides eights make up, other matrices,
    /// and convolutions by both.
    @Test(
        "follow the definition where rows are long",
        arguments: [
            2000, 3000, 4096, 16_384, 16_392, 32_768, 30_030, 40_000, 65_537, 127 * 254, 1 << 18,
            59_049, 531_441, 1 << 20,
        ])
    func long(_ n: Int) {
        let x = numbersOf([n])
        #expect(error(MLXFFT.fft(x), of: x) < 1e-7)
        #expect(error(MLXFFT.ifft(x), of: x, sign: 1) < 1e-7)
        let real = x.realPart()
        let half = MLXFFT.rfft(real)
        #expect(half.shape == [n / 2 + 1])
        #expect(error(half, of: real.asType(.complex64)) < 1e-7)
        #expect(distance(MLXFFT.irfft(half, n: n), real) < 2e-7)
    }

    /// The distance of two arrays, measured by the size of the second.
    private func distance(_ array: MLXArray, _ expected: MLXArray) -> Double {
        guard array.shape == expected.shape else { return .infinity }
        let (values, wanted) = (numbers(array), numbers(expected))
        let square = zip(values, wanted).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return (square / wanted.reduce(1e-300) { $0 + $1 * $1 }).squareRoot()
    }

    @Test(
        "transform columns as they do rows",
        arguments: [
            [8, 8], [1, 9], [2, 64], [7, 13], [100, 31], [74, 10], [1000, 24], [128, 768],
            [1024, 264], [1024, 256], [257, 256], [4096, 256], [3, 500, 256], [5, 48, 17],
            [2, 3, 64, 130],
        ])
    func columns(_ shape: [Int]) {
        let x = numbersOf(shape)
        let rows = swappedAxes(x, -1, -2)
        let transforms: [(MLXArray, Int) -> MLXArray] = [
            { MLXFFT.fft($0, axis: $1) }, { MLXFFT.ifft($0, axis: $1) },
        ]
        for transform in transforms {
            let expected = transform(contiguous(rows), -1)
            #expect(distance(swappedAxes(transform(x, -2), -1, -2), expected) < 1e-7)
            #expect(distance(transform(rows, -1), expected) < 1e-7)
            #expect(
                distance(
                    transform(swappedAxes(contiguous(rows), -1, -2), -2),
                    swappedAxes(expected, -1, -2)) < 1e-7)
        }
    }

    @Test(
        "give the same bits with any number of threads",
        arguments: [
            ([300, 64], -1), ([77, 99], -1), ([1 << 18], -1), ([59_049], -1), ([3, 32_768], -1),
            ([20_011], -1), ([512, 256], 0), ([40, 50, 9], 1), ([9, 1009], -1),
        ])
    func threads(_ shape: [Int], axis: Int) {
        let x = numbersOf(shape)
        let real = x.realPart()
        func all() -> [[UInt8]] {
            [
                MLXFFT.fft(x, axis: axis), MLXFFT.ifft(x, axis: axis),
                MLXFFT.rfft(real, axis: axis), MLXFFT.irfft(x, axis: axis),
                MLXFFT.irfft(x, n: 2 * x.dim(axis) - 1, axis: axis),
            ].map { bits($0) }
        }
        let expected = withWorkers(1) { all() }
        for count in [2, 3, 16] {
            #expect(withWorkers(count) { all() } == expected)
        }
    }
}
