import MLX
import MLXFFT
import MLXLinalg
import TestSupport
import Testing

/// Sources that import the modules of old go on compiling, whichever way they spell a function.
@Suite("The modules MLXLinalg and MLXFFT")
struct ShimModuleTests {
    @Test("hand calls on, with the module's name and without")
    func forwards() {
        let a = MLXArray([2, 1, 1, 3] as [Float], [2, 2])
        #expect(difference(MLXLinalg.inv(a), inv(a)) == nil)
        #expect(difference(matmul(inv(a), a), identity(2)) == nil)
        #expect(norm(MLXArray([3, 4] as [Float])).item(Float.self) == 5)
        #expect(norm(a, ord: 1, axis: [0, 1]).item(Float.self) == 4)
        #expect(difference(MLXFFT.ifft(fft(a)).realPart(), a) == nil)
        #expect(difference(irfft2(rfft2(a)), a) == nil)
        let (q, r) = qr(a)
        #expect(difference(matmul(q, r), a) == nil)
    }
}
