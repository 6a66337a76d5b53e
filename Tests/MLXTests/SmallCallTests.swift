import MLX
import Testing

@Suite("Calls on few numbers")
struct SmallCallTests {
    @Test("a number beside an array gives what it gives as an array, also when it comes again")
    func numbers() {
        let x = MLXArray([0.5, -2, 7, 1e9] as [Float])
        func check(_ number: some ScalarOrArray & HasDType, _ same: Float) {
            let other = MLXArray([same, same, same, same] as [Float])
            for _ in 0..<3 {
                #expect(arrayEqual(x - number, x - other).item(Bool.self))
                #expect(arrayEqual(number - x, other - x).item(Bool.self))
                #expect(arrayEqual(x / number, x / other).item(Bool.self))
                #expect(arrayEqual(number / x, other / x).item(Bool.self))
                #expect((x - number).dtype == .float32)
            }
        }
        check(3, 3)
        check(16_777_217, 16_777_216)  // Halfway between two: to the even one.
        check(0.1, 0.1)
        check(Float(-0.25), -0.25)
        check(Double(1) / 3, 1 / 3)
        check(Int16(5), 5)
    }

    @Test("a number is of another type beside an array of another one")
    func numbersOfOtherTypes() {
        let x = MLXArray([0.5, -2] as [Float])
        // What the table of numbers holds now is a float32.
        eval(x + 3, x + 3, x + 0.5, x + 0.5)
        let whole = MLXArray([1, 2] as [Int32])
        #expect((whole + 3).dtype == .int32)
        #expect((whole + 3).asArray(Int32.self) == [4, 5])
        #expect((whole + 0.5).dtype == .float32)
        #expect((whole + 0.5).asArray(Float.self) == [1.5, 2.5])
        #expect((x.asType(.float16) + 3).dtype == .float16)
        #expect((x.asType(.bfloat16) + 0.5).dtype == .bfloat16)
        #expect((MLXArray([true, false]) + 3).dtype == .int32)
    }

    @Test("a finalizer may evaluate while the memory that it frees is let go by an evaluation")
    func finalizer() {
        let other = MLXArray([1, 2, 3, 4] as [Float])
        nonisolated(unsafe) var found: [Float] = []
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16)
        memory.initializeMemory(as: Float.self, repeating: 5, count: 4)
        func sum() -> MLXArray {
            let foreign = MLXArray(rawPointer: memory, [4], dtype: .float32) {
                found = (other * other + other).asArray(Float.self)
                memory.deallocate()
            }
            return foreign + other
        }
        let result = sum()
        #expect(found.isEmpty)
        eval(result)
        #expect(found == [2, 6, 12, 20])
        #expect(result.asArray(Float.self) == [6, 7, 8, 9])
    }

    @Test("a call that stands alone keeps what a transform asks for again")
    func alone() {
        let slope = grad { (x: MLXArray) -> MLXArray in
            let y = x * 3
            eval(y)
            return (y * y).sum()
        }
        #expect(slope(MLXArray([1, 2] as [Float])).asArray(Float.self) == [18, 36])
    }
}
