import Glibc
import MLX
import TestSupport
import Testing

@Suite("Fourier transforms")
struct FourierTests {
    /// The transform by its definition, as pairs of numbers.
    private func transform(_ values: [Double], sign: Double = -1) -> [Double] {
        let n = values.count / 2
        return (0..<n).flatMap { k -> [Double] in
            var (re, im) = (0.0, 0.0)
            for j in 0..<n {
                let angle = sign * 2 * Double.pi * Double(k * j % n) / Double(n)
                re += values[2 * j] * cos(angle) - values[2 * j + 1] * sin(angle)
                im += values[2 * j] * sin(angle) + values[2 * j + 1] * cos(angle)
            }
            return [re, im]
        }
    }

    private func row(_ n: Int, seed: UInt64 = 1) -> MLXArray {
        random([n], .float32, seed: seed) + random([n], .float32, seed: seed + 1).asImaginary()
    }

    /// The distance of two lists of numbers, measured by the size of the second.
    private func error(_ array: MLXArray, _ expected: [Double]) -> Double {
        let values = numbers(array)
        guard values.count == expected.count else { return .infinity }
        let distance = zip(values, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return sqrt(distance / expected.reduce(1e-300) { $0 + $1 * $1 })
    }

    @Test(
        "of any length follow the definition to the last roundings",
        arguments: Array(1...70) + [
            74, 97, 101, 120, 121, 127, 128, 210, 256, 343, 360, 509, 961, 1000, 1009, 1024, 1369,
        ])
    func lengths(_ n: Int) {
        let x = row(n)
        #expect(error(MLXFFT.fft(x), transform(numbers(x))) < 1e-7)
        let inverse = transform(numbers(x), sign: 1).map { $0 / Double(n) }
        #expect(error(MLXFFT.ifft(x), inverse) < 1e-7)
        let real = x.realPart()
        let whole = MLXFFT.fft(real)
        let half = MLXFFT.rfft(real)
        #expect(half.shape == [n / 2 + 1])
        #expect(error(half, numbers(split(whole, indices: [n / 2 + 1])[0])) < 1e-7)
        #expect(error(MLXFFT.irfft(half, n: n), numbers(real)) < 2e-7)
    }

    @Test("undo each other for long rows", arguments: [100_000, 65_536, 99_991])
    func roundTrip(_ n: Int) {
        let x = row(n)
        #expect(error(MLXFFT.ifft(MLXFFT.fft(x)), numbers(x)) < 2e-7)
    }

    @Test("along several axes are transforms along each")
    func axes() {
        let x = random([4, 5, 6], .float32, seed: 9)
        let z = x + random([4, 5, 6], .float32, seed: 10).asImaginary()
        let each = MLXFFT.fft(MLXFFT.fft(MLXFFT.fft(z, axis: 0), axis: 1), axis: 2)
        #expect(difference(MLXFFT.fftn(z), each) == nil)
        #expect(difference(MLXFFT.fft2(z), MLXFFT.fft(MLXFFT.fft(z, axis: 1))) == nil)
        #expect(difference(MLXFFT.ifft2(MLXFFT.fft2(z)), z) == nil)
        #expect(difference(MLXFFT.ifftn(each), z) == nil)
        let half = MLXFFT.fft(MLXFFT.rfft(x, axis: 0), axis: 2)
        #expect(difference(MLXFFT.rfftn(x, axes: [2, 0]), half) == nil)
        #expect(difference(MLXFFT.irfftn(half, axes: [2, 0]), x) == nil)
        #expect(difference(MLXFFT.irfft2(MLXFFT.rfft2(x)), x) == nil)
        #expect(difference(MLXFFT.irfftn(MLXFFT.rfftn(x)), x) == nil)
    }

    @Test("crop and pad to the sizes that are given")
    func sizes() {
        let x = random([4, 6], .float32, seed: 2)
        let short = split(x, indices: [3], axis: 1)[0]
        let long = concatenated([x, zeros([4, 2])], axis: 1)
        #expect(difference(MLXFFT.fft(x, n: 3), MLXFFT.fft(short)) == nil)
        #expect(difference(MLXFFT.rfft(x, n: 8), MLXFFT.rfft(long)) == nil)
        #expect(MLXFFT.irfft(x, n: 7).shape == [4, 7])
        #expect(MLXFFT.irfft(x).shape == [4, 10])
        #expect(MLXFFT.fftn(x, s: [3]).shape == [4, 3])
        #expect(MLXFFT.irfftn(x, s: [3, 5], axes: [0, 1]).shape == [3, 5])
    }

    @Test("take every type as float32 or complex64")
    func types() {
        for dtype in [DType.int32, .bool, .float16, .bfloat16, .float64, .complex64] {
            let x = ones([4], dtype: dtype)
            #expect(numbers(MLXFFT.fft(x)) == [4, 0, 0, 0, 0, 0, 0, 0])
            #expect(numbers(MLXFFT.rfft(x)) == [4, 0, 0, 0, 0, 0])
            #expect(MLXFFT.irfft(x).dtype == .float32)
        }
    }

    @Test("leave out what the spectrum of real numbers has not")
    func mirrored() {
        let x = MLXArray([1, 2, 3] as [Float]) + MLXArray([5, 0, 7] as [Float]).asImaginary()
        #expect(numbers(MLXFFT.irfft(x)) == [2, -0.5, 0, -0.5])
    }

    @Test("shift to the middle and back")
    func shifts() {
        #expect(numbers(MLXFFT.fftshift(arange(5))) == [3, 4, 0, 1, 2])
        #expect(numbers(MLXFFT.ifftshift(arange(5))) == [2, 3, 4, 0, 1])
        let x = arange(6).reshaped(2, 3)
        #expect(numbers(MLXFFT.fftshift(x, axes: [1])) == [2, 0, 1, 5, 3, 4])
        #expect(numbers(MLXFFT.ifftshift(MLXFFT.fftshift(x))) == numbers(x))
    }

    @Test("have the gradients that MLX has")
    func gradients() {
        func gradient(
            _ f: @escaping (MLXArray) -> MLXArray, _ x: MLXArray, _ cotangent: MLXArray
        ) -> [Double] {
            numbers(vjp({ [f($0[0])] }, primals: [x], cotangents: [cotangent]).1[0])
        }
        let real = MLXArray([1, 2, 5, -1] as [Float])
        let z =
            MLXArray([1, 3, 0, 0.5] as [Float])
            + MLXArray([2, -1, 2, 0] as [Float]).asImaginary()
        let half = split(z, indices: [3])[0]
        #expect(gradient({ MLXFFT.fft($0) }, z, z) == [4.5, 3, 2, 2.5, -2.5, 5, 0, -2.5])
        #expect(
            gradient({ MLXFFT.ifft($0) }, z, z)
                == [1.125, 0.75, 0, -0.625, -0.625, 1.25, 0.5, 0.625])
        #expect(gradient({ MLXFFT.rfft($0) }, real, half) == [4, 2, -2, 0])
        #expect(gradient({ MLXFFT.irfft($0) }, half, real) == [1.75, 0, -2, -1.5, 1.25, 0])
        #expect(gradient({ MLXFFT.fft($0) }, real, z) == [4.5, 2, -2.5, 0])
    }

    @Test("refuse what they cannot transform")
    func refusals() {
        let x = zeros([4, 6])
        let calls: [(String, () -> MLXArray)] = [
            ("[fft] can't transform 0", { MLXFFT.fft(x, n: 0) }),
            ("[fft] can't transform 0", { MLXFFT.fft(zeros([2, 0])) }),
            ("[fft] axes [5]", { MLXFFT.fft(x, axis: 5) }),
            ("[fft] axes [0, 0]", { MLXFFT.fftn(x, axes: [0, 0]) }),
            ("[fft] 1 sizes", { MLXFFT.fftn(x, s: [3], axes: [0, 1]) }),
            ("[irfft] can't transform 0", { MLXFFT.irfft(zeros([1])) }),
            ("[fftshift] axes [5]", { MLXFFT.fftshift(x, axes: [5]) }),
        ]
        for (message, call) in calls {
            let error = #expect(throws: MLXError.self) { try withError { call().eval() } }
            #expect("\(error.map { "\($0)" } ?? "")".hasPrefix(message))
        }
    }
}
