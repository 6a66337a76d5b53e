import MLX
import TestSupport
import Testing

@Suite("Errors")
struct ErrorTests {
    /// The message of the first error in the body.
    private func message(_ body: () -> Void) -> String? {
        do {
            try withError { body() }
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test("name the operation and the shapes")
    func shapes() throws {
        let broadcast = try #require(message { _ = zeros([2, 5]) + zeros([3, 5]) })
        #expect(
            broadcast.hasPrefix("[broadcast_shapes] Shapes (2,5) and (3,5) cannot be broadcast"))
        #expect(
            message { _ = matmul(zeros([2, 3]), zeros([4, 5])) }
                == "[matmul] inner sizes differ: got [2, 3] and [4, 5]")
        let reshape = try #require(message { _ = zeros([2, 3]).reshaped([4]) })
        #expect(
            reshape.hasPrefix("[reshape]") && reshape.contains("[4]") && reshape.contains("[2, 3]"))
        let joined = try #require(
            message { _ = concatenated([zeros([2, 3]), zeros([3, 4])], axis: 0) })
        #expect(joined.hasPrefix("[concatenated]") && joined.contains("[3, 4]"))
        let apart = try #require(message { _ = stacked([zeros([2, 3]), zeros([3, 2])]) })
        #expect(apart.hasPrefix("[stacked]") && apart.contains("[3, 2]"))
        let beyond = try #require(message { _ = stacked([zeros([2]), zeros([2])], axis: 2) })
        #expect(beyond.hasPrefix("[stacked]") && beyond.contains("axis 2"))
        let deviation = try #require(message { _ = variance(zeros([2, 3]), axis: 2) })
        #expect(deviation.hasPrefix("[variance]") && deviation.contains("[2, 3]"))
        let turned = try #require(message { _ = transposed(zeros([2, 3]), axes: [0, 0]) })
        #expect(turned.hasPrefix("[transpose]"))
        #expect(
            message { _ = swappedAxes(zeros([2, 3]), 0, 2) }
                == "[swappedAxes] axes [2] do not fit an array of shape [2, 3]")
    }

    @Test("are made at the call, before anything is computed")
    func atTheCall() {
        #expect(throws: MLXError.self) {
            try withError { box in
                #expect(box.firstError == nil)
                _ = zeros([2]) + zeros([3])
                #expect(box.firstError as? MLXError != nil)
            }
        }
    }

    @Test("refuse what an operation does not know")
    func refusals() {
        #expect(
            message { _ = matmul(zeros([2, 2], dtype: .int32), zeros([2, 2], dtype: .int32)) }
                != nil)
        #expect(message { _ = matmul(MLXArray(1.0), MLXArray(2.0)) } != nil)
        #expect(message { _ = ~zeros([2]) } != nil)
        #expect(message { _ = zeros([2]) << 1 } != nil)
        #expect(message { _ = zeros([2, 3]).sum(axis: 2) } != nil)
        #expect(message { _ = zeros([2, 3]).sum(axes: [0, 0]) } != nil)
        #expect(message { _ = zeros([0, 3]).max(axis: 0) } != nil)
        #expect(message { _ = argMax(zeros([0])) } != nil)
        #expect(message { _ = squeezed(zeros([2, 3]), axis: 0) } != nil)
        #expect(message { _ = split(zeros([5]), parts: 2) } != nil)
        #expect(message { _ = stacked([zeros([2]), zeros([3])]) } != nil)
        #expect(message { _ = broadcast(zeros([2, 3]), to: [3, 3]) } != nil)
        #expect(message { _ = take(zeros([3]), MLXArray([0.5] as [Float])) } != nil)
        #expect(message { _ = takeAlong(zeros([3, 2]), MLXArray([0, 1]), axis: 0) } != nil)
        #expect(message { _ = conv2d(zeros([1, 4, 4, 3]), zeros([2, 3, 3, 2])) } != nil)
        #expect(message { _ = conv2d(zeros([1, 2, 2, 3]), zeros([2, 3, 3, 3])) } != nil)
        #expect(message { _ = matmul(zeros([2, 3, 4]), zeros([3, 4, 5])) } != nil)
    }

    @Test("of indices are found when the array is computed")
    func indices() throws {
        let text = try #require(message { take(zeros([3]), MLXArray([0, 3])).eval() })
        #expect(text.hasPrefix("[take]") && text.contains("3"))
        #expect(message { take(zeros([3]), MLXArray([-4])).eval() } != nil)
        #expect(message { take(zeros([3]), MLXArray([-3])).eval() } == nil)
        #expect(
            message { takeAlong(zeros([2, 3]), MLXArray([5], [1, 1]), axis: 1).eval() } != nil)
        #expect(throws: MLXError.self) { try checkedEval(take(zeros([3]), MLXArray([9]))) }
    }

    @Test("let the program go on")
    func goingOn() {
        _ = message {
            let broken = take(MLXArray([1, 2, 3]), MLXArray([7]))
            (broken + 1).eval()
        }
        #expect((MLXArray([1, 2]) + 1).asArray(Int32.self) == [2, 3])
        #expect(grad { (x: MLXArray) in x * x }(MLXArray(3.0)).item(Float.self) == 6)
    }

    @Test("are reported each time a value is asked for that can't be had")
    func askedAgain() {
        let broken = take(MLXArray([1, 2, 3]), MLXArray([7]))
        let user = broken * 2
        #expect(message { broken.eval() } != nil)
        #expect(message { user.eval() } != nil)
        #expect(message { user.eval() } != nil)
    }

    @Test("of one array leave the others as they are")
    func beside() {
        let base = MLXArray([1, 2, 3]) * 2
        let broken = take(base, MLXArray([7]))
        let good = base + 1
        #expect(message { eval(broken, good) } != nil)
        #expect(good.asArray(Int32.self) == [3, 5, 7])
        #expect(base.asArray(Int32.self) == [2, 4, 6])
    }

    @Test("inside a gradient are reported like others")
    func insideGradients() {
        let x = ones([3])
        let functions: [(MLXArray) -> MLXArray] = [
            { ($0 + zeros([7])).sum() }, { matmul($0, zeros([4, 2])).sum() },
            { take($0, MLXArray([5])).sum() }, { $0.reshaped([2, 2]).sum() }, { $0.sum(axis: 3) },
            { concatenated([$0, zeros([2, 2])]).sum() },
            { conv2d($0.reshaped([1, 3, 1, 1]), zeros([1, 5, 1, 1])).sum() },
        ]
        for function in functions { #expect(message { grad(function)(x).eval() } != nil) }
        #expect(grad { (x: MLXArray) in x.sum() }(x).asArray(Float.self) == [1, 1, 1])
    }

    @Test("go to the innermost handler, the first one counts")
    func scopes() throws {
        let value = try withError { (outer: ErrorBox) in
            #expect(throws: MLXError.self) { try withError { zeros([2]) + zeros([3]) } }
            #expect(outer.firstError == nil)
            return 7
        }
        #expect(value == 7)
        let text = try #require(
            message {
                _ = matmul(zeros([2, 3]), zeros([4, 5]))
                _ = zeros([2]) + zeros([3])
            })
        #expect(text.hasPrefix("[matmul]"))
    }

    @Test("without a handler end the process with the message")
    func withoutHandler() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent])
        {
            _ = matmul(zeros([2, 3]), zeros([4, 5]))
        }
        let output = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(output.contains("[matmul] inner sizes differ: got [2, 3] and [4, 5]"))
    }
}
